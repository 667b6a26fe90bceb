/* SPDX-License-Identifier: GPL-2.0-only */
/* Which chunks a scan is to take from, and how far. */
#ifndef SPANHEAP_PICK_H
#define SPANHEAP_PICK_H

#include <linux/types.h>

#include <linux/spanheap.h>

#include "revoke.h"

struct chunk;
struct shrink_control;

/*
 * Rank of an idle page: heaps of a lower priority before others, older pages
 * before younger ones. 0 goes first.
 */
#define PICK_RANKS	(SPANHEAP_PRIORITIES * REVOKE_AGES)

/* Chunks that one scan takes from; their references are on the stack. */
#define PICKS		32

/**
 * struct pick - a chunk with idle pages
 * @chunk: a reference to its region is held
 * @rank: of its first page to go
 * @level: priority of its heap when it was looked at
 * @misses: visits in vain when it was looked at
 */
struct pick {
	struct chunk *chunk;
	u8 rank;
	u8 level;
	u8 misses;
};

/**
 * struct picks - the chunks that one scan has found
 * @nr: number of @at
 * @at: in no order
 * @looked: chunks that were looked at
 * @bound: pages of a higher rank are not to be taken in this scan: colder ones
 *	lie in chunks that were looked at and found no room here
 * @idle: idle pages of all @at by rank
 */
struct picks {
	unsigned int nr;
	struct pick at[PICKS];
	unsigned int looked;
	unsigned int bound;
	u16 idle[PICK_RANKS];
};

void pick_chunks(struct picks *picks, const struct shrink_control *sc, unsigned int now);
unsigned int pick_rank(const struct picks *picks, unsigned long wanted);
void pick_done(const struct pick *pick, bool tried, bool hit);

struct revoke_chunk pick_place(const struct pick *pick);

/**
 * pick_min_age() - which pages of a chunk are of a rank or before it
 * @pick: the chunk
 * @rank: the highest rank
 *
 * Return: the least age in epochs; REVOKE_AGES when there are none.
 */
static inline unsigned int pick_min_age(const struct pick *pick, unsigned int rank)
{
	unsigned int first = pick->level * REVOKE_AGES;

	if (rank < first)
		return REVOKE_AGES;
	return rank - first < REVOKE_AGES ? REVOKE_AGES - 1 - (rank - first) : 0;
}

#endif /* SPANHEAP_PICK_H */
