/* SPDX-License-Identifier: GPL-2.0-only */
/* How much memory there is to be had before it is short. */
#ifndef SPANHEAP_HEADROOM_H
#define SPANHEAP_HEADROOM_H

#include <linux/minmax.h>

struct mem_cgroup;
struct mm_struct;

/**
 * struct headroom - room below one limit, or the tightest of several; in pages
 * @free: what can be allocated before reclaim begins; negative below the mark
 * @clean: what reclaim can drop at once: clean file pages not in use, lazily freed ones
 * @margin: less than that is a shortage
 */
struct headroom {
	long free;
	unsigned long clean;
	unsigned long margin;
};

struct headroom headroom_of_node(int nid);
unsigned long headroom_shortage_of_memcg(struct mem_cgroup *memcg);
struct headroom headroom_of_mm(struct mm_struct *mm);

/**
 * headroom_shortage() - what is missing
 * @room: below one limit
 *
 * Return: pages to be freed until there is the margin again, or 0.
 */
static inline unsigned long headroom_shortage(const struct headroom *room)
{
	return max((long)room->margin - room->free, 0L);
}

#endif /* SPANHEAP_HEADROOM_H */
