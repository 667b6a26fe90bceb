// SPDX-License-Identifier: MIT
/*
 * Decisions about free pages. Pure; see release.h for the constants.
 */
#include <linux/spanheap.h>
#include <spanheap.h>

#include "../options.h"
#include "release.h"

/*
 * Each step is 8 times younger than the one before: enough of an order to spare
 * what was freed a moment ago, few enough passes over the heap.
 */
static const uint64_t ages[] = { 64000 * MS, 8000 * MS, 1000 * MS, 0 };

/* 32 stamps of 8 s: ages are told apart up to four minutes. */
#define EPOCH_NS	(SPANHEAP_EPOCH_SECONDS * 1000 * MS)

unsigned int policy_mode(unsigned int chosen, bool device)
{
	if (chosen != OPTION_RELEASE_UNSET)
		return chosen;
	return device ? SPANHEAP_RELEASE_HANDOVER : SPANHEAP_RELEASE_DONTNEED;
}

enum give_back policy_action(unsigned int mode, bool registered, bool device)
{
	switch (mode) {
	case SPANHEAP_RELEASE_HANDOVER:
		return registered || !device ? GIVE_IDLE : GIVE_RELEASED;
	case SPANHEAP_RELEASE_FREE:
		return GIVE_LAZY;
	case SPANHEAP_RELEASE_DONTNEED:
		return GIVE_RELEASED;
	default:
		return GIVE_NOTHING;
	}
}

uint64_t policy_shortage(uint64_t headroom, uint64_t idle)
{
	uint64_t wanted;

	if (headroom >= SHORT_BELOW)
		return 0;
	wanted = SHORT_UNTIL - headroom;
	return wanted < idle ? wanted : idle;
}

uint64_t policy_look_period(uint64_t headroom)
{
	uint64_t distance = headroom > SHORT_BELOW ? headroom - SHORT_BELOW : 0;

	/* Compared in whole MiB, so that no headroom overflows. */
	if (distance / MIB >= CONSUMPTION / MIB * LOOK_PERIOD_MAX / (1000 * MS))
		return LOOK_PERIOD_MAX;
	distance = distance * 1000 / CONSUMPTION * MS;
	return distance > LOOK_PERIOD_MIN ? distance : LOOK_PERIOD_MIN;
}

unsigned int policy_level(uint64_t headroom)
{
	if (headroom < PRESSURE_MARGIN)
		return LEVEL_CRITICAL;
	if (headroom < 4 * PRESSURE_MARGIN)
		return LEVEL_MEDIUM;
	return headroom < 16 * PRESSURE_MARGIN ? LEVEL_LOW : LEVEL_NONE;
}

uint64_t policy_wanted(uint64_t headroom)
{
	return policy_level(headroom) ? 16 * PRESSURE_MARGIN - headroom : 0;
}

bool policy_answers(unsigned int level, bool revokes, unsigned int mode)
{
	if (mode == SPANHEAP_RELEASE_KEEP)
		return false;
	return level >= (revokes ? LEVEL_CRITICAL : LEVEL_MEDIUM);
}

bool policy_age(unsigned int step, uint64_t *age_ns)
{
	if (step >= sizeof(ages) / sizeof(ages[0]))
		return false;
	*age_ns = ages[step];
	return true;
}

uint64_t policy_surplus(struct surplus *surplus, uint64_t held, uint64_t in_use)
{
	uint64_t beyond = held / 2 > in_use ? held - 2 * in_use : 0;

	if (held > surplus->most)
		surplus->most = held;
	return surplus->given + beyond <= surplus->most ? beyond : 0;
}

unsigned int policy_epoch(uint64_t now_ns)
{
	return (unsigned int)(now_ns / EPOCH_NS);
}
