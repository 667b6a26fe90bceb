// SPDX-License-Identifier: MIT
/*
 * Fronts of the span cache: against a model, with threads whose fronts are emptied
 * by another one meanwhile, and by malloc itself.
 */
#include <kselftest_harness.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spanheap.h>
#include "../../lib/front.h"
#include "../../lib/giveback.h"
#include "../../lib/span.h"

#define NR_SPANS	64

void *sh_malloc(size_t size);
void sh_free(void *ptr);

/* Spans as a large object has them, and where a look-up would find them. */
static struct span spans[NR_SPANS];
static struct span *_Atomic entries[NR_SPANS];

static const size_t lengths[] = { 34, 64, 128, 136, 256, 288, 512, 544, 1024 };

static void make_spans(void)
{
	for (size_t i = 0; i < NR_SPANS; i++) {
		spans[i].pages = lengths[i % (sizeof(lengths) / sizeof(*lengths))];
		entries[i] = &spans[i];
	}
}

static size_t pages_of(const struct span *list)
{
	size_t pages = 0;

	for (; list; list = list->next)
		pages += list->pages;
	return pages;
}

TEST(nothing_is_kept_before_the_scavenger_knows)
{
	struct front front = { 0 };
	struct span *out = NULL;

	make_spans();
	front_open(&front);
	EXPECT_FALSE(front_put(&front, &spans[0], &entries[0], spans[0].pages, &out));
	EXPECT_EQ(&spans[0], entries[0]);
	EXPECT_TRUE(front_tell(&front));
	EXPECT_FALSE(front_tell(&front));
	EXPECT_TRUE(front_put(&front, &spans[0], &entries[0], spans[0].pages, &out));
	EXPECT_EQ(NULL, entries[0]);
	EXPECT_TRUE(front_left());

	/* seen first, then old enough; then it must be told again */
	EXPECT_EQ(NULL, front_expire(1000, 10));
	EXPECT_EQ(NULL, front_expire(1009, 10));
	EXPECT_TRUE(front_left());
	EXPECT_EQ(&spans[0], front_expire(1010, 10));
	EXPECT_EQ(1000, spans[0].freed_at);
	EXPECT_FALSE(front_left());
	EXPECT_TRUE(front_tell(&front));
	front_close(&front);
}

TEST(what_is_used_again_is_young_again)
{
	struct front front = { 0 };
	struct span *out = NULL;

	make_spans();
	front_open(&front);
	front_tell(&front);
	EXPECT_TRUE(front_put(&front, &spans[0], &entries[0], spans[0].pages, &out));
	EXPECT_EQ(NULL, front_expire(1000, 10));
	EXPECT_EQ(&spans[0], front_take(&front, spans[0].pages));
	EXPECT_TRUE(front_put(&front, &spans[0], &entries[0], spans[0].pages, &out));
	EXPECT_EQ(NULL, front_expire(1010, 10));
	EXPECT_EQ(&spans[0], front_expire(1020, 10));
	front_close(&front);
}

TEST(model)
{
	bool inside[NR_SPANS] = { false };
	struct front front = { 0 };
	struct front_counts before = front_counts(), after;
	uint64_t puts = 0, takes = 0;
	unsigned int seed = 1;
	size_t total = 0;

	make_spans();
	front_open(&front);
	front_tell(&front);
	for (int round = 0; round < 100000; round++) {
		size_t i = (size_t)rand_r(&seed) % NR_SPANS;
		struct span *out = NULL, *got;

		if (!inside[i] && front_put(&front, &spans[i], &entries[i], spans[i].pages, &out)) {
			ASSERT_LE(spans[i].pages, FRONT_OBJECT);
			inside[i] = true;
			total += spans[i].pages;
			puts++;
			if (out) {
				ASSERT_TRUE(inside[out - spans]);
				inside[out - spans] = false;
				entries[out - spans] = out;
				total -= out->pages;
			}
			ASSERT_EQ(NULL, entries[i]);
		} else {
			got = front_take(&front, spans[i].pages);
			if (got) {
				ASSERT_EQ(spans[i].pages, got->pages);
				ASSERT_TRUE(inside[got - spans]);
				ASSERT_EQ(got, entries[got - spans]);
				inside[got - spans] = false;
				total -= got->pages;
				takes++;
			}
		}
		ASSERT_EQ(total, front_counts().pages);
		ASSERT_LE(total, FRONT_PAGES);
	}
	after = front_counts();
	EXPECT_EQ(puts, after.frees - before.frees);
	EXPECT_EQ(takes, after.allocs - before.allocs);
	EXPECT_LT(1000, takes);
	EXPECT_EQ(total, pages_of(front_empty(&front)));
	EXPECT_EQ(0, front_counts().pages);
	front_close(&front);
	EXPECT_EQ(puts, front_counts().frees - before.frees);
}

TEST(many_threads_share_one_bound)
{
	static struct front fronts[64];
	struct span *out = NULL;
	size_t kept = 0;

	make_spans();
	memset(fronts, 0, sizeof(fronts));
	for (int i = 0; i < 64; i++)
		front_open(&fronts[i]);
	for (int i = 0; i < 64; i++) {
		front_tell(&fronts[i]);
		for (int j = 0; j < NR_SPANS; j++)
			kept += front_put(&fronts[i], &spans[j], &entries[j], spans[j].pages, &out);
	}
	EXPECT_LT(0, kept);
	EXPECT_GE(FRONT_PAGES_ALL, front_counts().pages);
	for (int i = 0; i < 64; i++) {
		front_empty(&fronts[i]);
		front_close(&fronts[i]);
	}
}

/* Threads that write all over what they have, while fronts are emptied all the time. */

static atomic_bool stop;

static void *worker(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	unsigned char *live[4] = { NULL };
	size_t sizes[4] = { 0 };

	for (int round = 0; round < 3000; round++) {
		int i = rand_r(&seed) % 4;

		if (live[i]) {
			for (size_t at = 0; at < sizes[i]; at += 4096) {
				if (live[i][at] != (unsigned char)(uintptr_t)arg)
					return "contents";
			}
			sh_free(live[i]);
		}
		sizes[i] = (size_t)(300 + rand_r(&seed) % 4 * 400) << 10;
		live[i] = sh_malloc(sizes[i]);
		if (!live[i])
			return "no memory";
		for (size_t at = 0; at < sizes[i]; at += 4096)
			live[i][at] = (unsigned char)(uintptr_t)arg;
	}
	for (int i = 0; i < 4; i++)
		sh_free(live[i]);
	return NULL;
}

static void *empties(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		giveback_all();
	return NULL;
}

TEST(threads)
{
	struct spanheap_memstats stats;
	pthread_t threads[4], other;
	void *error;

	ASSERT_EQ(0, pthread_create(&other, NULL, empties, NULL));
	for (uintptr_t i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, worker, (void *)(i + 1)));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &error);
		EXPECT_EQ(NULL, error) {
			TH_LOG("%s", (char *)error);
		}
	}
	atomic_store(&stop, true);
	pthread_join(other, NULL);
	/* all that came was given back, by whatever way, and nothing is left in use */
	ASSERT_EQ(0, spanheap_stats(&stats, sizeof(stats)));
	EXPECT_LE(4 * 3000, stats.mallocs);
	EXPECT_LT(stats.heap_alloc, 1 << 20);
	EXPECT_EQ(0, front_counts().pages);
}

TEST(a_child_has_what_lay_in_the_fronts_of_others)
{
	void *ptr = sh_malloc(1 << 20), *again;
	int status;

	ASSERT_NE(NULL, ptr);
	sh_free(ptr);
	ptr = sh_malloc(1 << 20);
	sh_free(ptr);
	ASSERT_TRUE(front_left());
	switch (fork()) {
	case 0:
		again = sh_malloc(1 << 20);
		if (!again)
			_exit(1);
		memset(again, 1, 1 << 20);
		sh_free(again);
		giveback_all();
		_exit(front_left() ? 2 : 0);
	case -1:
		ASSERT_TRUE(false);
	}
	wait(&status);
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
