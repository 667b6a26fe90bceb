/* SPDX-License-Identifier: GPL-2.0-only */
/* The first witness: what owners say of addresses, read from their page maps. */
#ifndef SPANHEAP_INTENTS_H
#define SPANHEAP_INTENTS_H

#include <linux/types.h>

#include <linux/spanheap.h>

struct heap;
struct owner;
struct region;

/**
 * struct intents - the regions that a walk knows, fixed when it began
 * @nr: number of @regions
 * @at: index of the region that the last look-up was in or before; addresses
 *	are mostly asked for in rising order
 * @regions: by address, a reference held on each
 */
struct intents {
	unsigned int nr;
	unsigned int at;
	struct region **regions;
};

/**
 * struct intent_run - what is said of a run of base pages
 * @bytes: one byte a page as the owner wrote it, changing under our eyes; or
 *	NULL when all of them are @fixed
 * @fixed: SPANHEAP_UNUSED (nobody has touched that part of the map) or
 *	SPANHEAP_OUTSIDE (in no region)
 */
struct intent_run {
	const u8 *bytes;
	u8 fixed;
};

int intents_open(struct intents *intents, struct owner *owner, const struct heap *only);
void intents_close(struct intents *intents);
unsigned long intents_run(struct intents *intents, unsigned long addr,
			  unsigned long end, struct intent_run *run);
int intents_sum(const struct intents *intents, unsigned int intent, u64 *bytes, u64 *said);

#endif /* SPANHEAP_INTENTS_H */
