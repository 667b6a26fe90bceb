/* SPDX-License-Identifier: GPL-2.0-only */
/* Hints: how short memory is for the owner of a heap. */
#ifndef SPANHEAP_HINT_H
#define SPANHEAP_HINT_H

#include <linux/llist.h>
#include <linux/types.h>

#include <linux/spanheap.h>

#include "bell.h"
#include "events.h"

struct heap;

/* Bits of struct hint. */
#define HINT_LISTED	0	/* waits for the next pass, which holds the heap */
#define HINT_PRESSED	1	/* the kernel has reclaimed since the last pass */

/**
 * struct hint - what a heap is told
 * @lock: a leaf: all below down to @told, @events, and the header page. May be taken
 *	in reclaim and within notifiers
 * @seq: of the header page, which the owner may write to
 * @now: the last hint
 * @unasked: bytes ordered that no record has told yet
 * @told: level of the last record
 * @flags: HINT_* bits, atomic
 * @link: in the list of the next pass
 * @bells: how reclaim finds the heap
 * @events: records, and who waits for them
 */
struct hint {
	spinlock_t lock;
	u32 seq;
	struct spanheap_hint now;
	u64 unasked;
	u32 told;
	unsigned long flags;
	struct llist_node link;
	struct bells bells;
	struct events events;
};

int hint_init(void);
void hint_exit(void);

void hint_prepare(struct hint *hint);
int hint_ask(struct heap *heap, struct spanheap_hint *args);
void hint_order(struct heap *heap, u64 bytes);
void hint_revoked(struct heap *heap, unsigned long pages);
void hint_taken(struct heap *heap, long pages);

bool hint_ring(struct heap *heap, unsigned long bit);
void hint_hurry(void);

#endif /* SPANHEAP_HINT_H */
