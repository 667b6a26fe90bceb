/* SPDX-License-Identifier: MIT */
/*
 * Giving back base pages inside partly used spans: pages with no survivor. Called by
 * giveback.c, outside the gate. Never allocates.
 *
 * There is no clock on objects: a page is old enough when it was found free at one
 * pass of the scavenger, and at a later one no object of its span had been claimed
 * meanwhile.
 */
#ifndef SPANHEAP_LIB_PARTIAL_H
#define SPANHEAP_LIB_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/release.h"

/**
 * struct partial - one round over all spans
 * @action: for spans that the module does not know, and for those it knows
 * @intents: likewise, mask of the intents that it is for
 * @looks: passes before pages that are IN_USE go; 0: at once. By @action too
 * @epoch: of a hand-over
 * @limit: stop when that many pages are released
 * @done: pages released
 * @pending: out: pages wait for their next look
 */
struct partial {
	enum give_back action[2];
	unsigned int intents[2];
	unsigned int looks[2];
	unsigned int epoch;
	size_t limit;
	size_t done;
	bool pending;
};

void partial_sweep(struct partial *partial);

#endif /* SPANHEAP_LIB_PARTIAL_H */
