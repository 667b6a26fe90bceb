/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking idle pages away from their owner. */
#ifndef SPANHEAP_REVOKE_H
#define SPANHEAP_REVOKE_H

#include <linux/types.h>

#include <linux/spanheap.h>

struct mem_cgroup;
struct region;

/* Ages of idle pages are told apart up to that many epochs. */
#define REVOKE_AGES	(1U << (8 - SPANHEAP_EPOCH_SHIFT))

/* Why pages are taken; told by the tracepoint alone. */
enum revoke_cause {
	REVOKE_FOR_NODE,	/* the node is short */
	REVOKE_FOR_MEMCG,	/* a memory cgroup is */
	REVOKE_FOR_QUOTA,	/* nothing is: memory.reclaim, drop_caches */
	REVOKE_FOR_ORDER,	/* somebody has ordered it */
};

/**
 * struct revoke_order - what to take, and what was taken
 * @cause: why
 * @nid: pages of this node
 * @memcg: and charged to this cgroup or one below it; NULL for any
 * @now: the epoch it is
 * @min_age: pages at least that old, in epochs
 * @wanted: pages to take; a huge page may go beyond it
 * @cut: take idle pages out of huge pages that are in use, too; they count nothing
 * @taken: out: pages that are REVOKED now
 * @freed: out: and of these, pages that nobody else held
 */
struct revoke_order {
	enum revoke_cause cause;
	int nid;
	struct mem_cgroup *memcg;
	unsigned int now;
	unsigned int min_age;
	unsigned long wanted;
	bool cut;
	unsigned long taken;
	unsigned long freed;
};

/**
 * struct revoke_chunk - where to take
 * @region: held
 * @map_index: page of its map
 * @first: first byte of the chunk in that page
 */
struct revoke_chunk {
	struct region *region;
	unsigned long map_index;
	unsigned int first;
};

unsigned int revoke_count_idle(const struct revoke_chunk *chunk, unsigned int now,
			       u16 by_age[REVOKE_AGES]);
unsigned int revoke_pages(struct revoke_order *order, const struct revoke_chunk *chunk);

/**
 * revoke_epoch() - the epoch of a moment
 * @seconds: CLOCK_MONOTONIC
 */
static inline unsigned int revoke_epoch(u64 seconds)
{
	return seconds / SPANHEAP_EPOCH_SECONDS % REVOKE_AGES;
}

#endif /* SPANHEAP_REVOKE_H */
