/* SPDX-License-Identifier: GPL-2.0-only */
/* The second witness: what page tables say. */
#ifndef SPANHEAP_WALK_H
#define SPANHEAP_WALK_H

#include <linux/pgtable.h>

#include "intents.h"
#include "tally.h"

struct mm_struct;

/**
 * struct walk - one look at (part of) an address space
 * @mm: whose; held by mmget()
 * @intents: what its owners say
 * @tally: where pages are counted
 * @gaps: count unmapped addresses in no region too
 */
struct walk {
	struct mm_struct *mm;
	struct intents *intents;
	struct tally *tally;
	bool gaps;
};

pmd_t *walk_down(struct mm_struct *mm, unsigned long addr, unsigned long end,
		 unsigned long *next);
int walk_range(struct walk *walk, unsigned long start, unsigned long end);

#endif /* SPANHEAP_WALK_H */
