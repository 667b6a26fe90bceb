// SPDX-License-Identifier: MIT
/*
 * Threads that come and go, and objects that go from one to another. Linked with
 * the library.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kselftest_harness.h"
#include <spanheap.h>

#define MIB	((size_t)1 << 20)

static size_t live(void)
{
	struct spanheap_memstats stats;

	spanheap_stats(&stats, sizeof(stats));
	return stats.heap_alloc;
}

static size_t in_use(void)
{
	struct spanheap_memstats stats;

	spanheap_stats(&stats, sizeof(stats));
	return stats.heap_inuse;
}

static void *churn(void *arg)
{
	uintptr_t n = (uintptr_t)arg;
	unsigned char *ptrs[60];

	for (uintptr_t i = 0; i < 60; i++) {
		size_t size = 16 + (n * 31 + i * i * 17) % 5000;

		ptrs[i] = malloc(size);
		memset(ptrs[i], (int)n, size);
	}
	for (uintptr_t i = 0; i < 60; i++)
		free(ptrs[i]);
	return NULL;
}

/* What a thread has cached comes back when it ends. */
TEST(thousands_of_short_threads)
{
	size_t before = 0;
	pthread_t thread;

	for (uintptr_t i = 0; i < 4000; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, churn, (void *)i));
		pthread_join(thread, NULL);
		if (i == 200)
			before = live();
	}
	EXPECT_LE(live(), before + 64 * 1024);
}

#define NR_NEIGHBOURS	4

static void *neighbours[NR_NEIGHBOURS];
static pthread_barrier_t together;

static void *part(void *arg)
{
	uintptr_t *size = arg;
	void **neighbour = &neighbours[size[1]];

	pthread_barrier_wait(&together);
	free(*neighbour);
	*neighbour = malloc(size[0]);
	pthread_barrier_wait(&together);
	return NULL;
}

/* Objects in one cache line, freed by a thread each: they do not have them again. */
TEST(neighbours_part)
{
	for (size_t size = 16; size <= 32; size *= 2) {
		pthread_t threads[NR_NEIGHBOURS];
		uintptr_t args[NR_NEIGHBOURS][2];

		pthread_barrier_init(&together, NULL, NR_NEIGHBOURS);
		for (size_t i = 0; i < NR_NEIGHBOURS; i++)
			neighbours[i] = malloc(size);
		for (size_t i = 0; i < NR_NEIGHBOURS; i++) {
			args[i][0] = size;
			args[i][1] = i;
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, part, args[i]));
		}
		for (size_t i = 0; i < NR_NEIGHBOURS; i++)
			pthread_join(threads[i], NULL);
		for (size_t i = 0; i < NR_NEIGHBOURS; i++) {
			for (size_t k = 0; k < i; k++)
				EXPECT_NE((uintptr_t)neighbours[i] / 64, (uintptr_t)neighbours[k] / 64);
		}
		for (size_t i = 0; i < NR_NEIGHBOURS; i++)
			free(neighbours[i]);
		pthread_barrier_destroy(&together);
	}
}

#define NR_QUEUE	1024
#define NR_PASSED	400000

static void *_Atomic queue[NR_QUEUE];
static atomic_int wrong;

static void *producer(void *arg)
{
	uintptr_t n = (uintptr_t)arg;

	for (size_t i = 0; i < NR_PASSED; i++) {
		size_t size = 16 + (i * 37 + n) % 1000;
		uint32_t *p = malloc(size);
		void *none = NULL;

		p[0] = (uint32_t)size;
		memset(p + 1, (int)(size & 0xff), size - 4);
		while (!atomic_compare_exchange_strong(&queue[i % NR_QUEUE], &none, p)) {
			none = NULL;
			sched_yield();
		}
	}
	return NULL;
}

/* Most objects are freed by a thread that allocates none. */
TEST(producer_and_consumer)
{
	pthread_t thread;
	size_t peak = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, producer, (void *)3));
	for (size_t i = 0; i < NR_PASSED; i++) {
		unsigned char *p;
		size_t size;

		while (!(p = atomic_exchange(&queue[i % NR_QUEUE], NULL)))
			sched_yield();
		size = *(uint32_t *)p;
		if (p[4] != (size & 0xff) || p[size - 1] != (size & 0xff))
			wrong++;
		free(p);
		if (i % 1000 == 0 && in_use() > peak)
			peak = in_use();
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, wrong);
	/* 1024 objects of 1 KiB, and what two threads may cache */
	EXPECT_LE(peak, 6 * MIB);
}

static pthread_key_t key;
static atomic_int torn_down;

/*
 * The destructor of a key that was made after the library's own: runs after the
 * thread's cache is gone, and again as long as it sets the key.
 */
static void late(void *arg)
{
	uintptr_t round = (uintptr_t)arg;
	unsigned char *small = malloc(100), *large = malloc(MIB), *more = calloc(3, 50);

	if (!small || !large || !more || more[149])
		wrong++;
	memset(small, 1, 100);
	memset(large, 2, MIB);
	free(small);
	free(large);
	free(more);
	torn_down++;
	if (round < 3)
		pthread_setspecific(key, (void *)(round + 1));
}

static void *with_late_destructor(void *arg)
{
	(void)arg;
	free(malloc(50));
	pthread_setspecific(key, (void *)1);
	return NULL;
}

TEST(allocates_after_teardown)
{
	size_t before = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_key_create(&key, late));
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, with_late_destructor, NULL));
		pthread_join(thread, NULL);
		if (i == 100)
			before = live();
	}
	EXPECT_EQ(1500, torn_down);
	EXPECT_EQ(0, wrong);
	EXPECT_LE(live(), before + 16 * 1024);
}

#define NR_LEFT	64

static void *leave_objects(void *arg)
{
	void **left = arg;

	for (int i = 0; i < NR_LEFT; i++)
		memset(left[i] = malloc(3000), i, 3000);
	return NULL;
}

/* Objects outlive the thread that has allocated them. */
TEST(objects_of_dead_threads)
{
	unsigned char *left[8][NR_LEFT];
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, leave_objects, left[i]));
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < NR_LEFT; k++) {
			EXPECT_EQ(k, left[i][k][2999]);
			free(left[i][k]);
		}
	}
}

/* No thread may hoard: all classes in turn, by far more than the budget. */
TEST(caches_are_bounded)
{
	size_t before = live();

	for (size_t size = 16; size <= 256 * 1024; size += size / 10 + 16) {
		size_t nr = 4 * MIB / size;
		void **ptrs = malloc(nr * sizeof(*ptrs));

		for (size_t i = 0; i < nr; i++)
			ptrs[i] = malloc(size);
		for (size_t i = 0; i < nr; i++)
			free(ptrs[i]);
		free(ptrs);
	}
	EXPECT_LE(live(), before + 2 * MIB + 64 * 1024);
}

/* What a thread once needed must not stay with it for ever. */
TEST(lists_out_of_use_are_cut)
{
	static void *ptrs[16384];
	size_t before;

	for (int i = 0; i < 100; i++)
		ptrs[i] = malloc(1000);
	for (int i = 0; i < 100; i++)
		free(ptrs[i]);
	before = live();
	/* by half at each second round of the hand, which has 76 classes to pass */
	for (int round = 0; round < 16; round++) {
		for (int i = 0; i < 16384; i++)
			ptrs[i] = malloc(16);
		for (int i = 0; i < 16384; i++)
			free(ptrs[i]);
	}
	EXPECT_LE(live() + 64 * 1024, before + 1024 * 16);
}

TEST_HARNESS_MAIN
