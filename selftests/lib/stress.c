// SPDX-License-Identifier: MIT
/*
 * Random work of many threads on shared slots, every byte verified: malloc,
 * calloc, realloc, aligned_alloc, free, threads that end, release of all pages
 * meanwhile. Against the prefixed library: plain, under ASan + UBSan and under
 * TSan.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kselftest_harness.h"
#include <spanheap.h>

void *sh_malloc(size_t size);
void *sh_calloc(size_t nr, size_t size);
void *sh_realloc(void *ptr, size_t size);
void *sh_aligned_alloc(size_t align, size_t size);
void sh_free(void *ptr);
size_t sh_malloc_usable_size(void *ptr);

#define NR_THREADS	4
#define NR_ROUNDS	6
#define NR_SLOTS	2048

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define NR_STEPS	4000
#else
#define NR_STEPS	40000
#endif

struct object {
	size_t size;
	uint32_t seed;
	unsigned char bytes[];
};

static struct object *_Atomic slots[NR_SLOTS];
static atomic_int failures;
static atomic_bool stop;

static unsigned char byte_at(const struct object *object, size_t i)
{
	return (unsigned char)(object->seed + i * 13);
}

/* All bytes of small objects, some of each page of large ones. */
static size_t step_of(size_t size)
{
	return size > 16384 ? 1021 : 1;
}

static void write_bytes(struct object *object, size_t size, uint32_t seed)
{
	object->size = size;
	object->seed = seed;
	for (size_t i = 0; i < size - sizeof(*object); i += step_of(size))
		object->bytes[i] = byte_at(object, i);
}

static void verify(const struct object *object, size_t size)
{
	for (size_t i = 0; i < size - sizeof(*object); i += step_of(object->size)) {
		if (object->bytes[i] != byte_at(object, i)) {
			failures++;
			return;
		}
	}
}

static size_t size_at_random(unsigned int *seed)
{
	unsigned int r = (unsigned int)rand_r(seed), kind = r % 1000;

	r /= 1000;
	return sizeof(struct object) + 1 +
	       (kind < 850 ? r % 600 : kind < 980 ? r % 20000 :
		kind < 998 ? r % 400000 : r % 3000000);
}

static struct object *make(unsigned int *seed)
{
	size_t size = size_at_random(seed), align = 32ul << rand_r(seed) % 9;
	struct object *object;

	switch (rand_r(seed) % 8) {
	case 0:
		object = sh_calloc(1, size);
		for (size_t i = 0; i < size; i += step_of(size)) {
			if (((unsigned char *)object)[i])
				failures++;
		}
		break;
	case 1:
		object = sh_aligned_alloc(align, size);
		if ((uintptr_t)object % align)
			failures++;
		break;
	default:
		object = sh_malloc(size);
	}
	if (sh_malloc_usable_size(object) < size)
		failures++;
	write_bytes(object, size, (uint32_t)rand_r(seed));
	return object;
}

static struct object *resize(struct object *object, unsigned int *seed)
{
	size_t old = object->size, size = size_at_random(seed);

	object = sh_realloc(object, size);
	verify(object, old < size ? old : size);
	write_bytes(object, size, (uint32_t)rand_r(seed));
	return object;
}

static void *worker(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < NR_STEPS; i++) {
		struct object *object = NULL;

		if (rand_r(&seed) % 8)
			object = make(&seed);
		object = atomic_exchange(&slots[rand_r(&seed) % NR_SLOTS], object);
		if (!object)
			continue;
		verify(object, object->size);
		if (rand_r(&seed) % 8 == 0)
			object = resize(object, &seed);
		sh_free(object);
	}
	return NULL;
}

static void *releaser(void *arg)
{
	while (!stop) {
		spanheap_release_all();
		sched_yield();
	}
	return arg;
}

static uint64_t live(void)
{
	struct spanheap_memstats stats;

	spanheap_stats(&stats, sizeof(stats));
	return stats.heap_alloc;
}

TEST(random_work)
{
	pthread_t threads[NR_THREADS], other;

	ASSERT_EQ(0, pthread_create(&other, NULL, releaser, NULL));
	for (uintptr_t round = 0; round < NR_ROUNDS; round++) {
		for (uintptr_t i = 0; i < NR_THREADS; i++)
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, worker,
						    (void *)(round * 100 + i + 1)));
		for (int i = 0; i < NR_THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	stop = true;
	pthread_join(other, NULL);
	for (size_t i = 0; i < NR_SLOTS; i++) {
		struct object *object = slots[i];

		if (object)
			verify(object, object->size);
		sh_free(object);
	}
	EXPECT_EQ(0, failures);
	/* only this thread is left, with what it may cache */
	EXPECT_LE(live(), (2 << 20) + (64 << 10));
}

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

/* The manual poisoning works: what is free is not to be touched. */
TEST(free_objects_are_poisoned)
{
	static const size_t sizes[] = { 16, 100, 5000, 100000, 1000000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = sh_malloc(sizes[i]);

		EXPECT_EQ(0, __asan_address_is_poisoned(p));
		EXPECT_EQ(0, __asan_address_is_poisoned(p + sizes[i] - 1));
		sh_free(p);
		EXPECT_NE(0, __asan_address_is_poisoned(p));
		EXPECT_NE(0, __asan_address_is_poisoned(p + sizes[i] - 1));
	}
}
#endif

TEST_HARNESS_MAIN
