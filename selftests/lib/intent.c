// SPDX-License-Identifier: MIT
/*
 * The owner's side of the page map, and a thread that does what the module does
 * beside it: IDLE to REVOKING, then on to REVOKED or back.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "kselftest_harness.h"
#include "../../lib/intent.h"

#define NR	512

static _Alignas(8) intent_byte map[NR];

static void set_all(unsigned int state)
{
	for (int i = 0; i < NR; i++)
		map[i] = state;
}

/* A range that starts and ends within words changes, its neighbours do not. */
TEST(ranges_are_exact)
{
	for (size_t first = 0; first < 20; first++) {
		for (size_t nr = 1; nr < 40; nr++) {
			bool zeroed;

			set_all(SPANHEAP_UNUSED);
			ASSERT_EQ(0, intent_take(map, first, nr, &zeroed));
			ASSERT_TRUE(zeroed);
			for (size_t i = 0; i < NR; i++)
				ASSERT_EQ(i >= first && i < first + nr ? SPANHEAP_IN_USE :
					  SPANHEAP_UNUSED, map[i]);
			ASSERT_EQ(nr, intent_hand_over(map, 0, NR, 33));
			for (size_t i = 0; i < NR; i++)
				ASSERT_EQ(i >= first && i < first + nr ?
					  SPANHEAP_IDLE | 1 << SPANHEAP_EPOCH_SHIFT :
					  SPANHEAP_UNUSED, map[i]);
		}
	}
}

TEST(zero_is_known)
{
	static const struct {
		unsigned int state;
		bool zeroed;
	} cases[] = {
		{ SPANHEAP_UNUSED, true }, { SPANHEAP_IN_USE, false },
		{ SPANHEAP_IDLE, false }, { SPANHEAP_LAZY, false },
		{ SPANHEAP_RELEASED, true }, { SPANHEAP_REVOKED, true },
		{ SPANHEAP_IDLE | 31 << SPANHEAP_EPOCH_SHIFT, false },
	};
	bool zeroed;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_all(SPANHEAP_UNUSED);
		map[100] = cases[i].state;
		EXPECT_EQ(0, intent_take(map, 90, 20, &zeroed));
		EXPECT_EQ(cases[i].zeroed, zeroed) TH_LOG("state %u", cases[i].state);
		EXPECT_EQ(SPANHEAP_IN_USE, map[100]);
	}
}

TEST(revoking_is_left_alone)
{
	bool zeroed;

	set_all(SPANHEAP_IDLE);
	map[10] = SPANHEAP_REVOKING;
	map[17] = SPANHEAP_REVOKING;
	EXPECT_EQ(2, intent_take(map, 5, 20, &zeroed));
	EXPECT_EQ(SPANHEAP_REVOKING, map[10]);
	EXPECT_EQ(SPANHEAP_REVOKING, map[17]);
	EXPECT_EQ(SPANHEAP_IN_USE, map[11]);
}

TEST(only_pages_in_use_are_given)
{
	for (unsigned int state = 0; state < SPANHEAP_REVOKED; state++) {
		set_all(state);
		EXPECT_EQ(state == SPANHEAP_IN_USE ? NR : 0,
			  intent_release(map, 0, NR, SPANHEAP_LAZY));
		EXPECT_EQ(state == SPANHEAP_IN_USE ? SPANHEAP_LAZY : state, map[3]);
	}
}

/* The totals are differences: what they gain in one row they lose in another. */
TEST(totals)
{
	uint64_t before[SPANHEAP_NR_INTENTS];
	size_t counts[SPANHEAP_NR_INTENTS];
	bool zeroed;

	for (int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		before[i] = intent_totals[i];
	set_all(SPANHEAP_UNUSED);
	intent_take(map, 0, 300, &zeroed);
	intent_hand_over(map, 10, 100, 1);
	intent_release(map, 110, 50, SPANHEAP_LAZY);
	intent_release(map, 160, 40, SPANHEAP_RELEASED);
	map[12] = SPANHEAP_REVOKED;
	intent_take(map, 0, 20, &zeroed);
	EXPECT_EQ(1, intent_revoked_seen);
	intent_count(map, 0, NR, counts);
	EXPECT_EQ(90, counts[SPANHEAP_IDLE]);
	for (int i = 1; i < SPANHEAP_NR_INTENTS; i++)
		EXPECT_EQ(counts[i], intent_totals[i] - before[i]);
	EXPECT_EQ(-300ull, intent_totals[SPANHEAP_UNUSED] - before[SPANHEAP_UNUSED]);
}

static atomic_bool stop;
static _Atomic unsigned long revoked;

static void *module(void *arg)
{
	unsigned int seed = 1;

	(void)arg;
	while (!stop) {
		size_t i = (size_t)rand_r(&seed) % NR;
		uint8_t old = map[i];

		if ((old & SPANHEAP_INTENT_MASK) != SPANHEAP_IDLE ||
		    !atomic_compare_exchange_strong(&map[i], &old, SPANHEAP_REVOKING))
			continue;
		/* nobody but the module may change it now */
		if (rand_r(&seed) & 1) {
			atomic_store(&map[i], old);
		} else {
			revoked++;
			atomic_store(&map[i], SPANHEAP_REVOKED);
		}
	}
	return NULL;
}

TEST(beside_the_module)
{
	uint64_t seen = intent_revoked_seen;
	unsigned int seed = 2;
	pthread_t thread;
	bool zeroed;

	set_all(SPANHEAP_IDLE);
	ASSERT_EQ(0, pthread_create(&thread, NULL, module, NULL));
	for (int i = 0; i < 300000 || !revoked; i++) {
		size_t first = (size_t)rand_r(&seed) % (NR - 64);
		size_t nr = 1 + (size_t)rand_r(&seed) % 64;

		if (!intent_take(map, first, nr, &zeroed)) {
			for (size_t k = first; k < first + nr; k++)
				ASSERT_EQ(SPANHEAP_IN_USE, map[k]);
		}
		intent_hand_over(map, first, nr, (unsigned int)i);
	}
	stop = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, intent_take(map, 0, NR, &zeroed));
	EXPECT_EQ(revoked, intent_revoked_seen - seen);
}

TEST_HARNESS_MAIN
