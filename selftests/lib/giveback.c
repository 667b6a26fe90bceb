// SPDX-License-Identifier: MIT
/*
 * Giving back, over a page heap of a few runs made by hand: which pages an order
 * touches and which not. What the kernel did is asked of mincore(2).
 */
#include <string.h>
#include <sys/mman.h>
#include "kselftest_harness.h"
#include <spanheap.h>
#include "../../lib/front.h"
#include "../../lib/giveback.h"
#include "../../lib/heap.h"
#include "../../lib/partial.h"

#define PAGES	4096UL		/* 16 MiB */
#define HUGE	512UL
#define SECOND	1000000000ULL

/* The heap: runs with an age, taken and put as the real one does. */
static struct reserve reserve;
static struct {
	size_t first, nr;
	uint64_t age_ns;
} runs[100];
static size_t nr_runs;
static int runs_out;

bool heap_run_take(struct heap_run *run, const struct heap_wish *wish, uint64_t *cursor)
{
	unsigned int intents = wish->intents[reserve.registered];

	while (*cursor < nr_runs) {
		size_t counts[SPANHEAP_NR_INTENTS], i = (*cursor)++;
		bool has = false;

		intent_count(reserve.map, runs[i].first, runs[i].nr, counts);
		for (int k = 0; k < SPANHEAP_NR_INTENTS; k++)
			has |= counts[k] && (intents & 1U << k);
		if (!has || runs[i].age_ns < wish->min_age_ns)
			continue;
		*run = (struct heap_run){ &reserve, runs[i].first, runs[i].nr };
		runs_out++;
		return true;
	}
	return false;
}

void heap_runs_each(void (*what)(const struct heap_run *run, void *arg), void *arg,
		    const struct heap_wish *wish)
{
	struct heap_run run;
	uint64_t cursor = 0;

	while (heap_run_take(&run, wish, &cursor)) {
		what(&run, arg);
		heap_run_put(&run);
	}
}

void heap_run_put(const struct heap_run *run)
{
	(void)run;
	runs_out--;
}

/* What the heap says of itself. */
static size_t in_use;

size_t heap_in_use(void)
{
	return in_use;
}

bool front_left(void)
{
	return false;
}

/* Pages inside spans: only what is asked for. */
static struct partial asked;
static size_t inside;		/* pages there are to release */

void partial_sweep(struct partial *partial)
{
	asked = *partial;
	partial->done = inside < partial->limit ? inside : partial->limit;
}

/* The module: takes ranges when the test says so, but for one that it refuses. */
static bool module_there;
static size_t refuses_page = -1;
static unsigned int calls, ranges_seen;
static int most_runs_out;

static size_t fake_release(const struct spanheap_range *ranges, size_t nr, uint64_t *bytes,
			   bool *refused)
{
	calls++;
	*refused = false;
	if (runs_out > most_runs_out)
		most_runs_out = runs_out;
	for (size_t i = 0; i < nr; i++) {
		size_t first = (ranges[i].addr - (uintptr_t)reserve.base) / BASE_PAGE_SIZE;

		if (first == refuses_page)
			return i;
		ranges_seen++;
		for (size_t k = first; k < first + ranges[i].length / BASE_PAGE_SIZE; k++) {
			*bytes += reserve.map[k] == SPANHEAP_IN_USE ? BASE_PAGE_SIZE : 0;
			reserve.map[k] = SPANHEAP_RELEASED;
		}
		madvise((void *)(uintptr_t)ranges[i].addr, ranges[i].length, MADV_DONTNEED);
	}
	return nr;
}

static uint64_t fake_features(void)
{
	return module_there ? SPANHEAP_FEATURE_RELEASE : 0;
}

const struct backend *backend_current(void)
{
	static const struct backend fake = { .features = fake_features, .release = fake_release };

	return &fake;
}

static void add_run(size_t first, size_t nr, uint64_t age_ns)
{
	runs[nr_runs].first = first;
	runs[nr_runs].nr = nr;
	runs[nr_runs++].age_ns = age_ns;
}

static size_t count(unsigned int intent)
{
	size_t counts[SPANHEAP_NR_INTENTS];

	intent_count(reserve.map, 0, PAGES, counts);
	return counts[intent];
}

static bool resident(size_t page)
{
	unsigned char vec = 0;

	mincore(reserve.base + page * BASE_PAGE_SIZE, BASE_PAGE_SIZE, &vec);
	return vec & 1;
}

static size_t nr_resident(void)
{
	size_t n = 0;

	for (size_t i = 0; i < PAGES; i++)
		n += resident(i);
	return n;
}

/* All pages IN_USE and written; @off: pages by which it misses a huge page. */
static void make_heap(size_t off)
{
	char *p = mmap(NULL, (PAGES + 2 * HUGE) * BASE_PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t base = ((uintptr_t)p + HUGE * BASE_PAGE_SIZE - 1) & -(HUGE * BASE_PAGE_SIZE);
	bool zeroed;

	madvise(p, (PAGES + 2 * HUGE) * BASE_PAGE_SIZE, MADV_NOHUGEPAGE);
	reserve.base = (char *)base + off * BASE_PAGE_SIZE;
	reserve.length = PAGES * BASE_PAGE_SIZE;
	reserve.map = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(reserve.base, 1, reserve.length);
	intent_take(reserve.map, 0, PAGES, &zeroed);
}

FIXTURE(heap)
{
	int unused;
};

FIXTURE_SETUP(heap)
{
	make_heap(0);
	ASSERT_EQ(PAGES, count(SPANHEAP_IN_USE));
	ASSERT_EQ(PAGES, nr_resident());
}

FIXTURE_TEARDOWN(heap)
{
	EXPECT_EQ(0, runs_out);
}

TEST_F(heap, only_free_pages_that_are_old_enough)
{
	add_run(0, 100, 2 * SECOND);
	add_run(200, 100, SECOND / 2);
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_DONTNEED, false, false, SECOND));
	EXPECT_EQ(100, count(SPANHEAP_RELEASED));
	EXPECT_EQ(PAGES - 100, nr_resident());
	EXPECT_FALSE(resident(0));
	EXPECT_FALSE(resident(99));
	EXPECT_TRUE(resident(100));
	EXPECT_TRUE(resident(200));
}

TEST_F(heap, handing_over_changes_the_map_alone)
{
	add_run(10, 50, SECOND);
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_HANDOVER, true, true, 0));
	/* Not registered with a module that is there: released instead. */
	EXPECT_EQ(0, count(SPANHEAP_IDLE));
	reserve.registered = true;
	add_run(100, 50, SECOND);
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_HANDOVER, true, true, 0));
	EXPECT_EQ(50, count(SPANHEAP_IDLE));
	EXPECT_TRUE(resident(100));
}

TEST_F(heap, keep_and_lazy)
{
	add_run(0, 1000, SECOND);
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_KEEP, false, true, 0));
	EXPECT_EQ(PAGES, count(SPANHEAP_IN_USE));
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_FREE, false, false, 0));
	EXPECT_EQ(1000, count(SPANHEAP_LAZY));
	EXPECT_EQ(PAGES, nr_resident());
	/* What is given back stays as it is. */
	giveback_pass(SPANHEAP_RELEASE_DONTNEED, false, false, 0);
	EXPECT_EQ(1000, count(SPANHEAP_LAZY));
	EXPECT_EQ(1000 * BASE_PAGE_SIZE, giveback_all());
	EXPECT_EQ(1000, count(SPANHEAP_RELEASED));
	EXPECT_EQ(PAGES - 1000, nr_resident());
	EXPECT_EQ(0, giveback_all());
}

TEST_F(heap, whole_huge_pages_first)
{
	/* Two whole ones, and parts of two more. */
	add_run(HUGE - 100, 2 * HUGE + 150, 2 * SECOND);
	EXPECT_TRUE(giveback_pass(SPANHEAP_RELEASE_DONTNEED, false, true, SECOND));
	EXPECT_EQ(2 * HUGE, count(SPANHEAP_RELEASED));
	EXPECT_FALSE(resident(HUGE));
	EXPECT_FALSE(resident(3 * HUGE - 1));
	EXPECT_TRUE(resident(HUGE - 1));
	EXPECT_TRUE(resident(3 * HUGE));
	/* The parts wait eight times as long. */
	runs[0].age_ns = 8 * SECOND;
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_DONTNEED, false, true, SECOND));
	EXPECT_EQ(2 * HUGE + 150, count(SPANHEAP_RELEASED));
}

TEST(huge_pages_lie_by_address)
{
	make_heap(100);
	add_run(0, 2 * HUGE, SECOND);
	EXPECT_TRUE(giveback_pass(SPANHEAP_RELEASE_DONTNEED, false, true, SECOND));
	EXPECT_EQ(HUGE, count(SPANHEAP_RELEASED));
	EXPECT_TRUE(resident(HUGE - 101));
	EXPECT_FALSE(resident(HUGE - 100));
	EXPECT_FALSE(resident(2 * HUGE - 101));
	EXPECT_TRUE(resident(2 * HUGE - 100));
}

TEST_F(heap, the_oldest_idle_pages_go_first_and_no_more_than_asked)
{
	add_run(0, 300, SECOND);
	add_run(1000, 300, 100 * SECOND);
	add_run(2000, 300, 10 * SECOND);
	giveback_pass(SPANHEAP_RELEASE_HANDOVER, false, true, 0);
	EXPECT_EQ(900, count(SPANHEAP_IDLE));
	EXPECT_EQ(350 * BASE_PAGE_SIZE, giveback_idle(350 * BASE_PAGE_SIZE));
	EXPECT_EQ(350, count(SPANHEAP_RELEASED));
	EXPECT_FALSE(resident(1000));
	EXPECT_FALSE(resident(1299));
	EXPECT_FALSE(resident(2000));
	EXPECT_TRUE(resident(2050));
	EXPECT_TRUE(resident(0));
	/* More than there is. */
	EXPECT_EQ(550 * BASE_PAGE_SIZE, giveback_idle(PAGES * BASE_PAGE_SIZE));
	EXPECT_EQ(0, count(SPANHEAP_IDLE));
}

TEST_F(heap, idle_huge_pages_go_whole)
{
	add_run(HUGE + 10, 3 * HUGE, 100 * SECOND);
	giveback_pass(SPANHEAP_RELEASE_HANDOVER, false, true, 0);
	/* One page is asked for: splitting a huge one would free nothing. */
	EXPECT_EQ(HUGE * BASE_PAGE_SIZE, giveback_idle(BASE_PAGE_SIZE));
	EXPECT_TRUE(resident(2 * HUGE - 1));
	EXPECT_FALSE(resident(2 * HUGE));
	EXPECT_FALSE(resident(3 * HUGE - 1));
	EXPECT_TRUE(resident(3 * HUGE));
}

TEST_F(heap, what_cannot_be_released_stays_in_use)
{
	add_run(0, 100, SECOND);
	if (mlock(reserve.base, 10 * BASE_PAGE_SIZE))
		SKIP(return, "no memory may be locked");
	EXPECT_EQ(0, giveback_all());
	EXPECT_EQ(PAGES, count(SPANHEAP_IN_USE));
	EXPECT_TRUE(resident(0));
	munlock(reserve.base, 10 * BASE_PAGE_SIZE);
	EXPECT_EQ(100 * BASE_PAGE_SIZE, giveback_all());
}

/* Pages 0 to 999 are in use; 100 of what is free has only just become so. */
TEST_F(heap, a_surplus_goes_early_but_for_what_is_used_next)
{
	add_run(1000, 100, SECOND / 100);
	add_run(1100, 500, SECOND);
	add_run(1600, PAGES - 1600, SECOND);
	in_use = 1000 * BASE_PAGE_SIZE;
	giveback_early(SPANHEAP_RELEASE_KEEP, false, SECOND / 16);
	giveback_early(SPANHEAP_RELEASE_FREE, false, SECOND / 16);
	giveback_early(SPANHEAP_RELEASE_HANDOVER, false, SECOND / 16);
	EXPECT_EQ(PAGES, count(SPANHEAP_IN_USE));
	giveback_early(SPANHEAP_RELEASE_DONTNEED, false, SECOND / 16);
	/* as much as is in use stays, at the low end, and what is young */
	EXPECT_EQ(PAGES - 2100, count(SPANHEAP_RELEASED));
	EXPECT_EQ(2100, nr_resident());
	EXPECT_TRUE(resident(2099));
	EXPECT_FALSE(resident(2100));
	EXPECT_EQ(0, asked.limit);
	/* once more: the rest may stay for the whole delay */
	in_use = 1050 * BASE_PAGE_SIZE;
	giveback_early(SPANHEAP_RELEASE_DONTNEED, false, SECOND / 16);
	EXPECT_EQ(2100, nr_resident());
}

/* It is used again and comes free again, at last there is no hurry any more. */
TEST_F(heap, no_more_goes_early_than_there_was)
{
	size_t sum = 0, last = 0;
	bool zeroed;

	add_run(1000, PAGES - 1000, SECOND);
	in_use = 1000 * BASE_PAGE_SIZE;
	for (int i = 0; i < 4; i++) {
		intent_take(reserve.map, 0, PAGES, &zeroed);
		giveback_early(SPANHEAP_RELEASE_DONTNEED, false, SECOND / 16);
		last = count(SPANHEAP_RELEASED);
		sum += last;
	}
	EXPECT_EQ(PAGES - 2000, sum);
	EXPECT_EQ(0, last);
}

/* Small runs, every other page: as many as a few batches. */
static void scatter(size_t nr)
{
	reserve.registered = true;
	module_there = true;
	for (size_t i = 0; i < nr; i++)
		add_run(2 * i, 1, SECOND);
}

TEST_F(heap, many_small_runs_go_by_few_calls)
{
	uint64_t in_use = intent_totals[SPANHEAP_IN_USE];

	scatter(100);
	EXPECT_FALSE(giveback_pass(SPANHEAP_RELEASE_DONTNEED, true, false, 0));
	EXPECT_EQ(100, ranges_seen);
	EXPECT_EQ(4, calls);
	EXPECT_EQ(32, most_runs_out);
	EXPECT_EQ(100, count(SPANHEAP_RELEASED));
	EXPECT_EQ(100, intent_totals[SPANHEAP_RELEASED]);
	EXPECT_EQ(in_use - 100, intent_totals[SPANHEAP_IN_USE]);
	EXPECT_EQ(PAGES - 100, nr_resident());
	EXPECT_FALSE(resident(0));
	EXPECT_TRUE(resident(1));
	EXPECT_FALSE(resident(198));
}

TEST_F(heap, a_range_that_is_refused_goes_by_itself)
{
	scatter(40);
	refuses_page = 10;
	EXPECT_EQ(40 * BASE_PAGE_SIZE, giveback_all());
	EXPECT_EQ(39, ranges_seen);
	EXPECT_EQ(40, count(SPANHEAP_RELEASED));
	EXPECT_EQ(40, intent_totals[SPANHEAP_RELEASED]);
	EXPECT_FALSE(resident(10));
	EXPECT_EQ(0, giveback_all());
}

TEST_F(heap, what_goes_by_neither_way_stays_in_use)
{
	scatter(40);
	if (mlock(reserve.base + 10 * BASE_PAGE_SIZE, BASE_PAGE_SIZE))
		SKIP(return, "no memory may be locked");
	refuses_page = 10;
	EXPECT_EQ(39 * BASE_PAGE_SIZE, giveback_all());
	EXPECT_EQ(39, count(SPANHEAP_RELEASED));
	EXPECT_EQ(PAGES - 39, count(SPANHEAP_IN_USE));
	EXPECT_TRUE(resident(10));
}

TEST_F(heap, a_batch_holds_no_more_than_4_mib)
{
	reserve.registered = true;
	module_there = true;
	for (size_t i = 0; i < 4; i++)
		add_run(i * 1000, 900, SECOND);
	EXPECT_EQ(3600 * BASE_PAGE_SIZE, giveback_all());
	EXPECT_EQ(2, calls);
	EXPECT_EQ(2, most_runs_out);
}

TEST_F(heap, no_more_is_batched_than_asked_for)
{
	scatter(100);
	giveback_pass(SPANHEAP_RELEASE_HANDOVER, true, false, 0);
	EXPECT_EQ(100, count(SPANHEAP_IDLE));
	EXPECT_EQ(33 * BASE_PAGE_SIZE, giveback_idle(33 * BASE_PAGE_SIZE));
	EXPECT_EQ(33, count(SPANHEAP_RELEASED));
	EXPECT_EQ(67, count(SPANHEAP_IDLE));
}

TEST_F(heap, pages_inside_spans)
{
	reserve.registered = true;
	module_there = true;
	/* a hand-over splits no huge page, a release does */
	giveback_pass(SPANHEAP_RELEASE_HANDOVER, true, true, SECOND);
	EXPECT_EQ(GIVE_IDLE, asked.action[1]);
	EXPECT_EQ(1, asked.looks[1]);
	EXPECT_EQ(GIVE_RELEASED, asked.action[0]);
	EXPECT_EQ(SPLIT_AGE_FACTOR, asked.looks[0]);
	giveback_pass(SPANHEAP_RELEASE_DONTNEED, true, false, SECOND);
	EXPECT_EQ(GIVE_RELEASED, asked.action[1]);
	EXPECT_EQ(1, asked.looks[1]);
	giveback_pass(SPANHEAP_RELEASE_FREE, true, false, 0);
	EXPECT_EQ(GIVE_LAZY, asked.action[1]);
	EXPECT_EQ(0, asked.looks[1]);

	/* after the page heap's own, and no more than is asked for */
	inside = 1000;
	scatter(10);
	EXPECT_EQ(30 * BASE_PAGE_SIZE, giveback_free(30 * BASE_PAGE_SIZE, true));
	EXPECT_EQ(20, asked.limit);
	EXPECT_EQ(1000 * BASE_PAGE_SIZE, giveback_all());
}

TEST_HARNESS_MAIN
