// SPDX-License-Identifier: MIT
/*
 * Release policies and the scavenger's timetable, on virtual time: a heap of
 * numbers and a clock that only the test moves.
 */
#include <string.h>
#include "kselftest_harness.h"
#include <spanheap.h>
#include "../../lib/options.h"
#include "../../lib/policy/release.h"
#include "../../lib/policy/schedule.h"

#define DELAY	(1000 * MS)
#define SECOND	(1000 * MS)
#define GIB	(1024 * MIB)

/**
 * struct world - a heap in which one span was freed at each of some times
 * @given: when each was given back, 0: not yet
 * @seen: when each was first seen by a look at the surplus, 0: not yet
 * @shrink: bytes of headroom that go per second
 */
struct world {
	uint64_t now;
	uint64_t freed[64];
	uint64_t given[64];
	uint64_t seen[64];
	int nr;
	bool poked;
	bool no_surplus;
	int part_left;
	uint64_t idle;
	uint64_t headroom;
	uint64_t shrink;
	uint64_t released;
	uint64_t cpu;
	uint64_t pass_cost;
	uint64_t early_cost;
	int passes;
	int early;
	int looks;
	int steps;
};

static uint64_t w_now(void *ctx)
{
	return ((struct world *)ctx)->now;
}

static uint64_t w_cpu(void *ctx)
{
	return ((struct world *)ctx)->cpu;
}

static bool w_poked(void *ctx)
{
	struct world *w = ctx;
	bool was = w->poked;

	w->poked = false;
	return was;
}

static bool w_pass(void *ctx, uint64_t delay)
{
	struct world *w = ctx;

	w->passes++;
	w->cpu += w->pass_cost;
	w->now += w->pass_cost;
	for (int i = 0; i < w->nr; i++) {
		if (!w->given[i] && w->freed[i] + delay <= w->now)
			w->given[i] = w->now;
	}
	return w->part_left && w->part_left--;
}

static bool w_early(void *ctx, uint64_t age)
{
	struct world *w = ctx;

	w->early++;
	w->cpu += w->early_cost;
	w->now += w->early_cost;
	for (int i = 0; i < w->nr; i++) {
		if (!w->seen[i] && w->freed[i] + age <= w->now)
			w->seen[i] = w->now;
	}
	return !w->no_surplus;
}

static uint64_t w_idle(void *ctx)
{
	return ((struct world *)ctx)->idle;
}

static uint64_t w_headroom(void *ctx)
{
	struct world *w = ctx;

	w->looks++;
	return w->headroom;
}

static void w_release(void *ctx, uint64_t bytes)
{
	struct world *w = ctx;

	w->idle -= bytes;
	w->headroom += bytes;
	w->released += bytes;
}

static const struct schedule_ops ops = {
	.now = w_now, .cpu = w_cpu, .poked = w_poked, .pass = w_pass, .early = w_early,
	.idle = w_idle, .headroom = w_headroom, .release = w_release,
};

static void span_free(struct world *w)
{
	w->freed[w->nr++] = w->now;
	w->poked = true;
}

static void advance(struct world *w, uint64_t to)
{
	uint64_t gone = (to - w->now) / MS * w->shrink / 1000;

	w->headroom -= gone < w->headroom ? gone : w->headroom;
	w->now = to;
}

/* Sleep and step until @end, as the thread would; true: it sleeps for good. */
static bool run_until(struct schedule *s, struct world *w, uint64_t end)
{
	for (;;) {
		uint64_t until = schedule_step(s, &ops, w, DELAY);

		w->steps++;
		if (until == NEVER) {
			advance(w, end);
			return true;
		}
		if (until > end) {
			advance(w, end);
			return false;
		}
		advance(w, until > w->now ? until : w->now);
	}
}

TEST(a_free_is_handled_between_one_delay_and_two)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = 100 * SECOND, .headroom = GIB };

	span_free(&w);
	schedule_step(&s, &ops, &w, DELAY);
	/* One more while a pass is pending. */
	advance(&w, w.now + DELAY / 2);
	span_free(&w);
	EXPECT_TRUE(run_until(&s, &w, w.now + 100 * SECOND));
	for (int i = 0; i < w.nr; i++) {
		EXPECT_GE(w.given[i], w.freed[i] + DELAY);
		EXPECT_LE(w.given[i], w.freed[i] + 2 * DELAY);
	}
}

TEST(an_idle_program_wakes_nobody)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB };
	int steps;

	span_free(&w);
	EXPECT_TRUE(run_until(&s, &w, 60 * SECOND));
	steps = w.steps;
	EXPECT_LE(steps, 4 + 2 * EARLY_PART);
	/* Hours later: still the same sleep. */
	EXPECT_TRUE(run_until(&s, &w, 10000 * SECOND));
	EXPECT_EQ(w.steps, steps + 1);
	EXPECT_EQ(w.looks, 0);
}

TEST(a_busy_program_gets_a_pass_a_delay)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB };

	for (int i = 0; i < 60; i++) {
		span_free(&w);
		run_until(&s, &w, w.now + SECOND / 4);
	}
	EXPECT_LE(w.passes, 15);
	EXPECT_GE(w.passes, 13);
	EXPECT_TRUE(run_until(&s, &w, w.now + 10 * SECOND));
	for (int i = 0; i < w.nr; i++)
		EXPECT_LE(w.given[i], w.freed[i] + 2 * DELAY);
}

TEST(a_large_heap_costs_four_percent)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB, .pass_cost = SECOND / 2 };
	uint64_t start = w.now;

	/* all by passes, then all by looks at the surplus */
	for (int i = 0; i < 2; i++) {
		while (w.now < start + 1000 * SECOND) {
			w.poked = true;
			run_until(&s, &w, w.now + SECOND);
		}
		EXPECT_LE(w.cpu * 25, 1050 * SECOND);
		EXPECT_GE(w.cpu * 25, 900 * SECOND);
		start = w.now;
		w.cpu = 0;
		w.pass_cost = 0;
		w.early_cost = SECOND / 2;
	}
}

TEST(a_surplus_is_looked_for_early)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB };
	const uint64_t early = DELAY / EARLY_PART;

	/* at all distances from the last pass, and after a long sleep */
	for (int i = 0; i < 40; i++) {
		span_free(&w);
		run_until(&s, &w, w.now + 37 * MS);
	}
	EXPECT_TRUE(run_until(&s, &w, w.now + 10 * DELAY));
	span_free(&w);
	EXPECT_TRUE(run_until(&s, &w, w.now + 10 * DELAY));
	for (int i = 0; i < w.nr; i++) {
		EXPECT_GE(w.seen[i], w.freed[i] + early);
		EXPECT_LE(w.seen[i], w.freed[i] + 2 * early);
		EXPECT_GE(w.given[i], w.freed[i] + DELAY);
	}
}

/* Where the mode leaves it alone the thread is not woken for it. */
TEST(no_surplus_is_looked_for_in_vain)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB, .no_surplus = true };

	for (int i = 0; i < 100; i++) {
		w.poked = true;
		run_until(&s, &w, w.now + SECOND);
	}
	EXPECT_GE(w.passes, 90);
	EXPECT_LE(w.early, w.passes + 1);
	EXPECT_LE(w.steps, 5 * w.passes);
}

TEST(no_delay_makes_no_more_looks_than_passes)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB };

	for (int i = 0; i < 1000; i++) {
		w.poked = true;
		schedule_step(&s, &ops, &w, 0);
		w.now += MS;
	}
	EXPECT_GE(w.passes, 80);
	EXPECT_LE(w.passes, 100);
	EXPECT_LE(w.early, w.passes);
}

TEST(surplus_is_what_is_free_beyond_what_is_in_use)
{
	struct surplus s = { 0 };

	EXPECT_EQ(policy_surplus(&s, 0, 0), 0);
	EXPECT_EQ(policy_surplus(&s, 80 * MIB, 80 * MIB), 0);
	EXPECT_EQ(policy_surplus(&s, 80 * MIB, 40 * MIB), 0);
	EXPECT_EQ(policy_surplus(&s, 80 * MIB, 25 * MIB), 30 * MIB);
	EXPECT_EQ(policy_surplus(&s, 80 * MIB, 0), 80 * MIB);
	/* pages inside spans may be away, of which @in_use tells nothing */
	EXPECT_EQ(policy_surplus(&s, 80 * MIB, 90 * MIB), 0);
	EXPECT_EQ(policy_surplus(&s, UINT64_MAX, UINT64_MAX), 0);
}

/* A program that comes and goes pays once, whatever it does later. */
TEST(no_more_goes_early_than_was_held_at_most)
{
	struct surplus s = { 0 };
	uint64_t bytes, sum = 0;

	for (int i = 0; i < 100; i++) {
		EXPECT_EQ(policy_surplus(&s, 300 * MIB, 300 * MIB), 0);
		bytes = policy_surplus(&s, 300 * MIB, 50 * MIB);
		s.given += bytes;
		sum += bytes;
	}
	EXPECT_EQ(sum, 200 * MIB);
	/* what is left is for a smaller one, or there is a new peak */
	EXPECT_EQ(policy_surplus(&s, 200 * MIB, 50 * MIB), 100 * MIB);
	EXPECT_EQ(policy_surplus(&s, 201 * MIB, 50 * MIB), 0);
	EXPECT_EQ(policy_surplus(&s, 400 * MIB, 100 * MIB), 200 * MIB);
}

TEST(parts_of_huge_pages_are_come_back_to)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB, .part_left = 5 };

	span_free(&w);
	EXPECT_TRUE(run_until(&s, &w, w.now + 60 * SECOND));
	EXPECT_EQ(w.part_left, 0);
	EXPECT_EQ(w.passes, 6);
}

TEST(headroom_is_looked_at_only_while_pages_are_idle)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = 4 * GIB };

	EXPECT_TRUE(run_until(&s, &w, 100 * SECOND));
	EXPECT_EQ(w.looks, 0);
	w.idle = 160 * MIB;
	EXPECT_FALSE(run_until(&s, &w, 200 * SECOND));
	EXPECT_GE(w.looks, 95);
	EXPECT_LE(w.looks, 102);
	EXPECT_EQ(w.released, 0);
	w.idle = 0;
	EXPECT_TRUE(run_until(&s, &w, 300 * SECOND));
	EXPECT_LE(w.looks, 102);
}

/* Memory goes as fast as the policy expects at most: it is never all gone. */
TEST(shortage_is_met_in_time)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = {
		.now = SECOND, .headroom = 7 * GIB, .idle = GIB, .shrink = CONSUMPTION,
	};
	uint64_t lowest = UINT64_MAX;
	uint64_t end = w.now + 3900 * MS;

	while (w.now < end) {
		uint64_t until = schedule_step(&s, &ops, &w, DELAY);

		advance(&w, until < end ? until : end);
		if (w.headroom < lowest)
			lowest = w.headroom;
	}
	EXPECT_GT(lowest, 0);
	EXPECT_LT(lowest, SHORT_BELOW);
}

/* ... and what is released is what is needed, but for the gap. */
TEST(no_more_than_needed)
{
	struct schedule s = SCHEDULE_INIT;
	struct world w = { .now = SECOND, .headroom = GIB, .idle = 160 * MIB };

	run_until(&s, &w, 10 * SECOND);
	EXPECT_EQ(w.released, 0);
	w.headroom = 20 * MIB;
	run_until(&s, &w, 20 * SECOND);
	EXPECT_EQ(w.released, SHORT_UNTIL - 20 * MIB);
	EXPECT_EQ(w.headroom, SHORT_UNTIL);
	/* Enough for now, and none the next time. */
	run_until(&s, &w, 40 * SECOND);
	EXPECT_EQ(w.released, SHORT_UNTIL - 20 * MIB);
}

TEST(shortage_never_asks_for_more_than_is_idle)
{
	EXPECT_EQ(policy_shortage(SHORT_BELOW, GIB), 0);
	EXPECT_EQ(policy_shortage(UINT64_MAX, GIB), 0);
	EXPECT_EQ(policy_shortage(0, GIB), SHORT_UNTIL);
	EXPECT_EQ(policy_shortage(0, MIB), MIB);
	EXPECT_EQ(policy_shortage(SHORT_BELOW - 1, GIB), SHORT_UNTIL - SHORT_BELOW + 1);
}

TEST(looks_come_faster_next_to_the_limit)
{
	uint64_t last = 0;

	EXPECT_EQ(policy_look_period(0), LOOK_PERIOD_MIN);
	EXPECT_EQ(policy_look_period(SHORT_BELOW), LOOK_PERIOD_MIN);
	EXPECT_EQ(policy_look_period(UINT64_MAX), LOOK_PERIOD_MAX);
	EXPECT_EQ(policy_look_period(SHORT_BELOW + CONSUMPTION / 4), 250 * MS);
	for (uint64_t headroom = 0; headroom < 4 * GIB; headroom += 7 * MIB) {
		EXPECT_GE(policy_look_period(headroom), last);
		last = policy_look_period(headroom);
	}
}

TEST(default_mode_follows_the_device)
{
	EXPECT_EQ(policy_mode(OPTION_RELEASE_UNSET, true), SPANHEAP_RELEASE_HANDOVER);
	EXPECT_EQ(policy_mode(OPTION_RELEASE_UNSET, false), SPANHEAP_RELEASE_DONTNEED);
	for (unsigned int m = 0; m <= SPANHEAP_RELEASE_KEEP; m++)
		EXPECT_EQ(policy_mode(m, m & 1), m);
}

TEST(actions)
{
	EXPECT_EQ(policy_action(SPANHEAP_RELEASE_HANDOVER, true, true), GIVE_IDLE);
	/* With the module, what it does not know is not left to anybody's care. */
	EXPECT_EQ(policy_action(SPANHEAP_RELEASE_HANDOVER, false, true), GIVE_RELEASED);
	/* Asked for without it: the scavenger is the one who takes. */
	EXPECT_EQ(policy_action(SPANHEAP_RELEASE_HANDOVER, false, false), GIVE_IDLE);
	EXPECT_EQ(policy_action(SPANHEAP_RELEASE_FREE, true, true), GIVE_LAZY);
	EXPECT_EQ(policy_action(SPANHEAP_RELEASE_DONTNEED, false, true), GIVE_RELEASED);
	EXPECT_EQ(policy_action(SPANHEAP_RELEASE_KEEP, true, true), GIVE_NOTHING);
}

TEST(ages_end_with_everything)
{
	uint64_t age, last = UINT64_MAX;
	unsigned int step;

	for (step = 0; policy_age(step, &age); step++) {
		EXPECT_LT(age, last);
		last = age;
	}
	EXPECT_GT(step, 2);
	EXPECT_EQ(last, 0);
}

TEST_HARNESS_MAIN
