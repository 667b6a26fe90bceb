// SPDX-License-Identifier: MIT
/*
 * The page heap: spans cut, resized, freed at random by several threads, while a
 * scavenger hands pages over and releases them. What must hold: spans do not
 * overlap (each is filled with a mark of its own), "zeroed" is true, and all of
 * the memory comes back. Built with the prefixed objects of the library.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include <spanheap.h>
#include "../../lib/cache.h"
#include "../../lib/fork.h"
#include "../../lib/heap.h"
#include "../../lib/scavenger.h"
#include "../../lib/span.h"

#define NR_THREADS	4
#define NR_SPANS	100
#define NR_STEPS	3000

static atomic_bool stop;
static atomic_int failures;
static _Atomic size_t runs_released;

/* Marks at both ends of each heap page; the rest is left as it is. */
static void mark(const struct span *span, uint64_t mark)
{
	for (size_t i = 0; i < span->pages; i++) {
		uint64_t *page = (uint64_t *)(span->base + (i << HEAP_PAGE_SHIFT));

		page[0] = mark + i;
		page[HEAP_PAGE_SIZE / 8 - 1] = ~(mark + i);
	}
}

static bool marked(const struct span *span, size_t pages, uint64_t mark)
{
	for (size_t i = 0; i < pages; i++) {
		uint64_t *page = (uint64_t *)(span->base + (i << HEAP_PAGE_SHIFT));

		if (page[0] != mark + i || page[HEAP_PAGE_SIZE / 8 - 1] != ~(mark + i))
			return false;
	}
	return true;
}

static bool all_zero(const struct span *span)
{
	const uint64_t *word = (uint64_t *)span->base;
	size_t nr = span->pages << HEAP_PAGE_SHIFT >> 3;

	for (size_t i = 0; i < nr; i++) {
		if (word[i])
			return false;
	}
	return true;
}

static size_t pages_at_random(unsigned int *seed)
{
	unsigned int r = (unsigned int)rand_r(seed);

	return r % 10 < 7 ? 1 + r / 10 % 16 : r % 10 < 9 ? 1 + r / 10 % 150 : 1 + r / 10 % 1200;
}

static void fail(const char *what, const struct span *span)
{
	ksft_print_msg("%s: %zu pages at %p\n", what, span->pages, (void *)span->base);
	failures++;
}

static void *worker(void *arg)
{
	struct span *spans[NR_SPANS] = { NULL };
	uint64_t marks[NR_SPANS];
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uint64_t next = (uint64_t)seed << 40;

	for (int step = 0; step < NR_STEPS; step++) {
		size_t i = (size_t)rand_r(&seed) % NR_SPANS;
		size_t align = rand_r(&seed) % 20 ? 1 : 1ul << rand_r(&seed) % 9;
		struct span *span = spans[i];
		_Atomic uint32_t *inside = cache_enter();

		if (!span) {
			span = heap_span_alloc(pages_at_random(&seed), align);
			if ((uintptr_t)span->base >> HEAP_PAGE_SHIFT & (align - 1))
				fail("not aligned", span);
			if (span->zeroed && !all_zero(span))
				fail("not zero", span);
			spans[i] = span;
		} else {
			if (!marked(span, span->pages, marks[i]))
				fail("not as it was left", span);
			if (rand_r(&seed) % 4 == 0) {
				size_t old = span->pages;

				if (heap_span_resize(span, pages_at_random(&seed)) &&
				    !marked(span, old < span->pages ? old : span->pages, marks[i]))
					fail("resize lost something", span);
			} else {
				heap_span_free(span);
				span = spans[i] = NULL;
			}
		}
		if (span) {
			marks[i] = next += 1 << 20;
			mark(span, marks[i]);
		}
		cache_leave(inside);
	}
	for (size_t i = 0; i < NR_SPANS; i++) {
		_Atomic uint32_t *inside = cache_enter();

		if (spans[i])
			heap_span_free(spans[i]);
		cache_leave(inside);
	}
	return NULL;
}

/* As the scavenger does it: hand over, or take back, madvise, release. */
static void give_back(const struct heap_run *run, unsigned int seed)
{
	char *base = run->reserve->base + run->first * BASE_PAGE_SIZE;
	bool zeroed;

	if (seed & 1) {
		intent_hand_over(run->reserve->map, run->first, run->nr, seed);
		return;
	}
	if (intent_take(run->reserve->map, run->first, run->nr, &zeroed))
		return;
	madvise(base, run->nr * BASE_PAGE_SIZE, seed & 2 ? MADV_DONTNEED : MADV_FREE);
	intent_release(run->reserve->map, run->first, run->nr,
		       seed & 2 ? SPANHEAP_RELEASED : SPANHEAP_LAZY);
}

static struct heap_wish wish(unsigned int intents, uint64_t age)
{
	return (struct heap_wish){ { intents, intents }, age };
}

static void hand_over(const struct heap_run *run, void *nr)
{
	*(size_t *)nr += intent_hand_over(run->reserve->map, run->first, run->nr, 3);
}

static void *scavenger(void *arg)
{
	struct heap_wish some = wish(1 << SPANHEAP_IN_USE | 1 << SPANHEAP_IDLE, 0);
	unsigned int seed = 7;
	size_t handed = 0;

	(void)arg;
	while (!stop) {
		struct heap_run run;
		uint64_t cursor = 0;

		heap_runs_each(hand_over, &handed, &some);
		while (!stop && heap_run_take(&run, &some, &cursor)) {
			if (run.nr > (4 << 20) / BASE_PAGE_SIZE)
				failures++;
			give_back(&run, (unsigned int)rand_r(&seed));
			runs_released++;
			heap_run_put(&run);
		}
	}
	if (!handed)
		failures++;
	return NULL;
}

TEST(random_operations)
{
	pthread_t threads[NR_THREADS], sweeper;
	struct heap_counts counts;

	/* the library's own scavenger may have a run out of the heap when it is counted */
	scavenger_set_mode(SPANHEAP_RELEASE_KEEP);
	for (int i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)(i + 1)));
	ASSERT_EQ(0, pthread_create(&sweeper, NULL, scavenger, NULL));
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	stop = true;
	pthread_join(sweeper, NULL);
	EXPECT_EQ(0, failures);
	EXPECT_GT(runs_released, 0);
	counts = heap_counts();
	EXPECT_EQ(counts.committed, counts.free);
	EXPECT_GT(counts.committed, 0);
}

static size_t count_runs(unsigned int intents, uint64_t age, size_t *pages)
{
	struct heap_wish these = wish(intents, age);
	struct heap_run runs[16];
	uint64_t cursor = 0;
	size_t nr = 0;

	*pages = 0;
	while (nr < 16 && heap_run_take(&runs[nr], &these, &cursor))
		*pages += runs[nr++].nr;
	for (size_t i = 0; i < nr; i++)
		heap_run_put(&runs[i]);
	return nr;
}

TEST(runs_by_intent_and_age)
{
	struct heap_wish in_use = wish(1 << SPANHEAP_IN_USE, 0);
	_Atomic uint32_t *inside = cache_enter();
	struct span *span = heap_span_alloc(64, 1);
	struct heap_run run;
	uint64_t cursor = 0;
	size_t pages;

	ASSERT_NE(NULL, span);
	heap_span_free(span);
	cache_leave(inside);

	/* what was never used is no run of pages in use */
	EXPECT_EQ(1, count_runs(1 << SPANHEAP_IN_USE, 0, &pages));
	EXPECT_EQ(128, pages);
	EXPECT_EQ(0, count_runs(1 << SPANHEAP_IN_USE, 3600ull * 1000000000, &pages));
	EXPECT_EQ(0, count_runs(1 << SPANHEAP_IDLE, 0, &pages));

	/* a run that is out is nobody else's */
	ASSERT_TRUE(heap_run_take(&run, &in_use, &cursor));
	EXPECT_EQ(0, count_runs(1 << SPANHEAP_IN_USE, 0, &pages));
	intent_hand_over(run.reserve->map, run.first, run.nr, 5);
	heap_run_put(&run);
	EXPECT_EQ(1, count_runs(1 << SPANHEAP_IDLE, 0, &pages));
	EXPECT_EQ(128, pages);

	inside = cache_enter();
	span = heap_span_alloc(64, 1);
	cache_leave(inside);
	EXPECT_EQ(0, count_runs(1 << SPANHEAP_IDLE, 0, &pages));
}

/* The scavenger of the parent has it; the child has no scavenger yet. */
TEST(a_run_that_is_out_at_a_fork)
{
	struct heap_wish in_use = wish(1 << SPANHEAP_IN_USE, 0);
	_Atomic uint32_t *inside = cache_enter();
	struct span *span = heap_span_alloc(64, 1);
	struct heap_counts before;
	struct heap_run run;
	uint64_t cursor = 0;
	int status;
	pid_t pid;

	heap_span_free(span);
	cache_leave(inside);
	before = heap_counts();
	ASSERT_TRUE(heap_run_take(&run, &in_use, &cursor));
	EXPECT_EQ(before.free, heap_counts().free + run.nr * BASE_PAGE_SIZE);
	pid = fork();
	if (!pid)
		_exit(heap_counts().free != before.free);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	heap_run_put(&run);
	EXPECT_EQ(before.free, heap_counts().free);
}

TEST_HARNESS_MAIN
