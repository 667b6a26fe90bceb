// SPDX-License-Identifier: MIT
/*
 * Pages inside partly used spans, while threads allocate, free and check all that
 * they have, and somebody else takes idle pages as the module does. What the kernel
 * did is asked of mincore(2).
 */
#include <kselftest_harness.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spanheap.h>
#include "../../lib/cache.h"
#include "../../lib/central.h"
#include "../../lib/giveback.h"
#include "../../lib/policy/release.h"
#include "../../lib/reserve.h"
#include "../../lib/spanpages.h"

void *sh_malloc(size_t size);
void sh_free(void *ptr);

#define SIZE		512
#define NR		32768		/* 16 MiB */
#define KEEP		64		/* one in so many survives */
#define ALL_PAGES	(NR * SIZE / BASE_PAGE_SIZE)

static unsigned char *objects[NR];

static void fill(void)
{
	for (unsigned int i = 0; i < NR; i++) {
		if (objects[i])
			continue;
		objects[i] = sh_malloc(SIZE);
		memset(objects[i], (int)(i % 251), SIZE);
	}
}

/* Nothing in lists that only threads know of. */
static void flush(void)
{
	_Atomic uint32_t *inside;

	cache_flush();
	inside = cache_enter();
	central_trim();
	cache_leave(inside);
}

static void thin_out(void)
{
	for (unsigned int i = 0; i < NR; i++) {
		if (i % KEEP) {
			sh_free(objects[i]);
			objects[i] = NULL;
		}
	}
	flush();
}

static bool right(void)
{
	for (unsigned int i = 0; i < NR; i++) {
		for (unsigned int k = 0; objects[i] && k < SIZE; k++) {
			if (objects[i][k] != i % 251)
				return false;
		}
	}
	return true;
}

static size_t resident(void)
{
	static unsigned char vec[(64 << 20) / BASE_PAGE_SIZE];
	size_t nr = 0;

	for (size_t i = 0; i < heap.nr_reserves; i++) {
		const struct reserve *r = &heap.reserves[i]->r;

		if (mincore(r->base, r->length, vec))
			return 0;
		for (size_t k = 0; k < r->length >> BASE_PAGE_SHIFT; k++)
			nr += vec[k] & 1;
	}
	return nr;
}

static size_t in_intent(unsigned int intent)
{
	size_t counts[SPANHEAP_NR_INTENTS], nr = 0;

	for (size_t i = 0; i < heap.nr_reserves; i++) {
		const struct reserve *r = &heap.reserves[i]->r;

		intent_count(r->map, 0, r->committed >> BASE_PAGE_SHIFT, counts);
		nr += counts[intent];
	}
	return nr;
}

TEST(pages_without_survivor_go_and_come_back)
{
	struct spanheap_memstats stats;
	size_t committed;

	fill();
	thin_out();
	ASSERT_LE(ALL_PAGES, resident());
	giveback_all();
	/* a survivor keeps a page; some metadata of spans is no page of the heap */
	EXPECT_GE(NR / KEEP + 64, resident());
	EXPECT_LE(NR / KEEP, resident());
	EXPECT_TRUE(right());
	EXPECT_LT(NR / KEEP * 3 / 4, span_pages_total());
	ASSERT_EQ(0, spanheap_stats(&stats, sizeof(stats)));
	EXPECT_LE(stats.heap_released, stats.heap_idle);
	EXPECT_EQ(in_intent(SPANHEAP_RELEASED), intent_totals[SPANHEAP_RELEASED]);

	committed = heap_counts().committed;
	fill();
	EXPECT_TRUE(right());
	EXPECT_EQ(0, span_pages_total());
	EXPECT_EQ(committed, heap_counts().committed);
	EXPECT_EQ(in_intent(SPANHEAP_IN_USE), intent_totals[SPANHEAP_IN_USE]);
}

TEST(two_looks)
{
	const uint64_t delay = 1000 * MS;
	size_t before;

	fill();
	thin_out();
	/* the page heap's free pages are too young; those in spans are seen first */
	EXPECT_TRUE(giveback_pass(SPANHEAP_RELEASE_HANDOVER, false, false, delay));
	EXPECT_EQ(0, span_pages_total());
	/* who claims an object makes its span young */
	objects[1] = sh_malloc(SIZE);
	memset(objects[1], 1, SIZE);
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_HANDOVER, false, false, delay) &&
		     !span_pages_total());
	before = span_pages_total();
	EXPECT_LT(NR / KEEP * 3 / 4, before);
	EXPECT_EQ(before, in_intent(SPANHEAP_IDLE));
	EXPECT_EQ(before, intent_totals[SPANHEAP_IDLE]);
	/* handed over, not released */
	EXPECT_LE(ALL_PAGES, resident());
	EXPECT_TRUE(right());
	giveback_idle(10 * BASE_PAGE_SIZE);
	EXPECT_EQ(before - 10, intent_totals[SPANHEAP_IDLE]);
	giveback_idle(SIZE_MAX / 2);
	EXPECT_EQ(0, intent_totals[SPANHEAP_IDLE]);
	EXPECT_EQ(before, span_pages_total());
	fill();
	EXPECT_TRUE(right());
}

/* The intents of the pages that objects lie on, as a mask. */
static unsigned int intents_in_use(void)
{
	unsigned int mask = 0;

	for (unsigned int i = 0; i < NR; i++) {
		for (size_t k = 0; objects[i] && k < heap.nr_reserves; k++) {
			const struct reserve *r = &heap.reserves[k]->r;
			size_t at = (size_t)((char *)objects[i] - r->base);

			if (at < r->length)
				mask |= 1U << (r->map[at >> BASE_PAGE_SHIFT] & SPANHEAP_INTENT_MASK);
		}
	}
	return mask;
}

TEST(spans_that_go_with_pages_away)
{
	fill();
	thin_out();
	giveback_pass(SPANHEAP_RELEASE_HANDOVER, false, false, 0);
	EXPECT_LT(0, span_pages_total());
	for (unsigned int i = 0; i < NR; i++) {
		sh_free(objects[i]);
		objects[i] = NULL;
	}
	flush();
	EXPECT_EQ(0, span_pages_total());
	fill();
	EXPECT_TRUE(right());
	EXPECT_EQ(1U << SPANHEAP_IN_USE, intents_in_use());
}

TEST(keep_keeps)
{
	fill();
	thin_out();
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_KEEP, false, false, 0));
	EXPECT_EQ(0, span_pages_total());
	EXPECT_LE(ALL_PAGES, resident());
}

TEST(children)
{
	int status;

	fill();
	thin_out();
	giveback_pass(SPANHEAP_RELEASE_HANDOVER, false, false, 0);
	ASSERT_LT(0, span_pages_total());
	for (int raw = 0; raw < 2; raw++) {
		switch (raw ? syscall(SYS_fork) : fork()) {
		case 0:
			fill();
			if (!right())
				_exit(1);
			thin_out();
			giveback_all();
			fill();
			_exit(right() ? 0 : 2);
		case -1:
			ASSERT_TRUE(false);
		}
		wait(&status);
		EXPECT_EQ(0, status);
	}
	EXPECT_TRUE(right());
}

/* All at once. */

#define NR_THREADS	4
#define NR_LIVE		2000

static atomic_bool stop;
static atomic_size_t nr_revoked;

static void *worker(void *arg)
{
	static const size_t sizes[] = { 16, 48, 112, 512, 1024, 1408, 3200, 4096, 12800, 65536 };
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	struct live {
		unsigned char *ptr;
		size_t size;
		unsigned char byte;
	} *live = calloc(NR_LIVE, sizeof(*live));
	const char *error = NULL;

	for (int round = 0; !error && (round < 60000 || (!nr_revoked && round < 6000000)); round++) {
		/* now many, now few: so that pages empty */
		size_t range = round / 10000 % 2 ? NR_LIVE / 50 : NR_LIVE;
		struct live *l = &live[(size_t)rand_r(&seed) % NR_LIVE];

		if (l->ptr) {
			for (size_t k = 0; k < l->size; k += 1 + l->size / 64) {
				if (l->ptr[k] != l->byte)
					error = "contents";
			}
			sh_free(l->ptr);
			l->ptr = NULL;
		}
		if ((size_t)(l - live) >= range)
			continue;
		l->size = sizes[(size_t)rand_r(&seed) % (sizeof(sizes) / sizeof(*sizes))];
		l->byte = (unsigned char)rand_r(&seed);
		l->ptr = sh_malloc(l->size);
		if (!l->ptr)
			error = "memory";
		else
			memset(l->ptr, l->byte, l->size);
	}
	for (size_t i = 0; i < NR_LIVE; i++)
		sh_free(live[i].ptr);
	free(live);
	cache_flush();
	return (void *)error;
}

static void *gives_back(void *arg)
{
	static const unsigned int modes[] = {
		SPANHEAP_RELEASE_HANDOVER, SPANHEAP_RELEASE_DONTNEED,
		SPANHEAP_RELEASE_HANDOVER, SPANHEAP_RELEASE_FREE,
	};
	size_t *most = arg;

	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		giveback_pass(modes[i % 4], false, false, i & 16 ? 1 : 0);
		if (span_pages_total() > *most)
			*most = span_pages_total();
		if (i % 8 == 7)
			giveback_idle((size_t)1 << 20);
	}
	return NULL;
}

/* What the module does: IDLE to REVOKING, gone, REVOKED; or back to IDLE. */
static void *revokes(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		size_t nr_reserves;

		lock_acquire(&heap.lock);
		nr_reserves = heap.nr_reserves;
		lock_release(&heap.lock);
		for (size_t i = 0; i < nr_reserves; i++) {
			struct reserve *r = &heap.reserves[i]->r;

			for (size_t k = 0; k < r->committed >> BASE_PAGE_SHIFT; k++) {
				uint8_t byte = atomic_load(&r->map[k]);

				if ((byte & SPANHEAP_INTENT_MASK) != SPANHEAP_IDLE ||
				    !atomic_compare_exchange_strong(&r->map[k], &byte,
								    SPANHEAP_REVOKING))
					continue;
				if (k % 4 && !madvise(r->base + (k << BASE_PAGE_SHIFT),
						      BASE_PAGE_SIZE, MADV_DONTNEED)) {
					atomic_store(&r->map[k], SPANHEAP_REVOKED);
					nr_revoked++;
				} else {
					atomic_store(&r->map[k], byte);
				}
			}
		}
	}
	return NULL;
}

TEST(stress)
{
	pthread_t threads[NR_THREADS], giver, revoker;
	size_t most = 0;
	void *error;

	ASSERT_EQ(0, pthread_create(&giver, NULL, gives_back, &most));
	ASSERT_EQ(0, pthread_create(&revoker, NULL, revokes, NULL));
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, worker, (void *)(i + 1)));
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], &error);
		EXPECT_EQ(NULL, error) {
			TH_LOG("%s", (char *)error);
		}
	}
	atomic_store(&stop, true);
	pthread_join(giver, NULL);
	pthread_join(revoker, NULL);
	/* it did happen */
	EXPECT_LT(0, most);
	EXPECT_LT(0, nr_revoked);
	/* and nothing is lost: no object, no span, no page */
	cache_flush();
	giveback_all();
	for (size_t class = 1; class < NR_CLASSES; class++) {
		struct central_counts counts = central_counts(class);

		EXPECT_EQ(counts.taken, counts.given);
		EXPECT_EQ(0, counts.spans);
	}
	EXPECT_EQ(0, span_pages_total());
	EXPECT_EQ(heap_counts().committed, heap_counts().free);
}

TEST_HARNESS_MAIN
