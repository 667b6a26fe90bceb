// SPDX-License-Identifier: MIT
/*
 * Central lists: threads fetch objects of a few classes and give them back, also
 * those of others. What must hold: an object has one owner at a time, a span
 * with a free object is found again, and when all objects are back, so are all
 * spans. Built with the prefixed objects of the library, also under TSan.
 */
#include <pthread.h>
#include <stdlib.h>
#include "kselftest_harness.h"
#include "../../lib/cache.h"
#include "../../lib/central.h"
#include "../../lib/heap.h"
#include "../../lib/sizeclass.h"

#define NR_THREADS	4
#define NR_SLOTS	512
#ifdef __SANITIZE_THREAD__
#define ROUNDS		20000
#else
#define ROUNDS		100000
#endif

/* One object a span, two, a few, and many. */
static const size_t sizes[] = { 16, 1024, 8192, 45056, 262144 };

#define NR_SIZES	(sizeof(sizes) / sizeof(sizes[0]))

/* Batches on their way from one thread to another. */
static void *_Atomic slots[NR_SIZES][NR_SLOTS];
static atomic_int failures;

/* In a fetched object: its link, and who has it. */
struct object {
	struct object *next;
	_Atomic uintptr_t owner;
};

static struct object *fetch(size_t class, unsigned int want)
{
	void *objects[CENTRAL_BATCH_MAX];
	unsigned int nr = central_take(class, want, objects);
	struct object *list = NULL;

	if (!nr || nr > want)
		failures++;
	while (nr--) {
		struct object *object = objects[nr];

		if (atomic_exchange(&object->owner, 1) == 1)
			failures++;
		object->next = list;
		list = object;
	}
	return list;
}

static void give(size_t class, struct object *list)
{
	unsigned int nr = 0;

	for (struct object *object = list; object; object = object->next, nr++) {
		if (atomic_exchange(&object->owner, 0) != 1)
			failures++;
	}
	if (central_give(class, list, nr))
		failures++;
}

static void *worker(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		size_t which = (size_t)rand_r(&seed) % NR_SIZES;
		size_t class = size_class(sizes[which]);
		unsigned int max = class_info[class].batch + 1;
		_Atomic uint32_t *inside = cache_enter();
		struct object *list = NULL;

		if (max > CENTRAL_BATCH_MAX)
			max = CENTRAL_BATCH_MAX;
		/* as many come as go, so that spans run full and empty */
		if (rand_r(&seed) & 1)
			list = fetch(class, 1 + (unsigned int)rand_r(&seed) % max);
		give(class, atomic_exchange(&slots[which][rand_r(&seed) % NR_SLOTS], list));
		cache_leave(inside);
	}
	return NULL;
}

static size_t spans_left(void)
{
	size_t nr = 0;

	for (size_t class = 1; class < NR_CLASSES; class++)
		nr += central_counts(class).spans;
	return nr;
}

TEST(nothing_is_lost)
{
	pthread_t threads[NR_THREADS];
	_Atomic uint32_t *inside;

	for (uintptr_t i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, worker, (void *)(i + 1)));
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, failures);

	inside = cache_enter();
	for (size_t i = 0; i < NR_SIZES; i++) {
		for (size_t k = 0; k < NR_SLOTS; k++)
			give(size_class(sizes[i]), slots[i][k]);
	}
	central_trim();
	cache_leave(inside);
	for (size_t class = 1; class < NR_CLASSES; class++) {
		struct central_counts counts = central_counts(class);

		EXPECT_EQ(counts.taken, counts.given);
	}
	EXPECT_EQ(0, spans_left());
	EXPECT_EQ(heap_counts().committed, heap_counts().free);
}

/* All objects of many spans, each span emptied in one go and in several. */
TEST(spans_are_reused)
{
	size_t class = size_class(1024), before;
	struct object *lists[100];
	_Atomic uint32_t *inside = cache_enter();

	for (int i = 0; i < 100; i++)
		lists[i] = fetch(class, 8);
	before = central_counts(class).spans;
	for (int i = 0; i < 100; i += 2)
		give(class, lists[i]);
	/* half of the objects are free: no span more for as many */
	for (int i = 0; i < 100; i += 2)
		lists[i] = fetch(class, 8);
	EXPECT_LE(central_counts(class).spans, before);
	for (int i = 0; i < 100; i++)
		give(class, lists[i]);
	central_trim();
	EXPECT_EQ(0, spans_left());
	cache_leave(inside);
}

TEST_HARNESS_MAIN
