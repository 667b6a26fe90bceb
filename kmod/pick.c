// SPDX-License-Identifier: GPL-2.0-only
/*
 * Picking: looks at the chunks of a list, a bounded number of them in turn, and
 * keeps those whose pages are to go first. Called by shrink.c for each scan.
 *
 * Of all chunks that one scan looks at, the order is exact: by priority, then by
 * age. A list with more chunks than that is gone round, a part of it a scan, since
 * reading all page maps of a machine for every 256 pages would cost more than
 * the pages are worth.
 *
 * Nothing is done under the lock of a list but taking references.
 */
#include <linux/list_lru.h>
#include <linux/shrinker.h>

#include "chunk.h"
#include "heap.h"
#include "pick.h"
#include "region.h"

/* Chunks looked at in one scan: 128 KiB of map bytes, 512 MiB of heaps. */
#define LOOKS		256

/* References that are taken at a time, under the lock of the list. */
#define BATCH		PICKS

/* A chunk that could not be taken is passed over 1, 3, at most 7 times. */
#define MISSES_MAX	3

/**
 * struct batch - chunks that were taken off a list to be looked at
 * @chunks: a reference to the region of each is held
 * @nr: their number
 * @walk: what list_lru still has to walk
 */
struct batch {
	struct chunk *chunks[BATCH];
	unsigned int nr;
	unsigned long walk;
};

/* Under the lock of a list. */
static enum lru_status gather(struct list_head *item, struct list_lru_one *list,
			      spinlock_t *lock, void *arg)
{
	struct chunk *chunk = container_of(item, struct chunk, lru);
	struct batch *batch = arg;

	if (chunk->rest) {
		WRITE_ONCE(chunk->rest, chunk->rest - 1);
		return LRU_ROTATE;
	}
	kref_get(&chunk_set_of(chunk)->region->ref);
	batch->chunks[batch->nr++] = chunk;
	return LRU_ROTATE;
}

static struct revoke_chunk place_of(struct chunk *chunk)
{
	struct chunk_set *set = chunk_set_of(chunk);

	return (struct revoke_chunk) {
		.region = set->region,
		.map_index = set->index,
		.first = chunk->slot * CHUNK_PAGES,
	};
}

/**
 * pick_place() - where the pages of a chunk are
 * @pick: the chunk
 */
struct revoke_chunk pick_place(const struct pick *pick)
{
	return place_of(pick->chunk);
}

static unsigned int rank_of(unsigned int level, unsigned int age)
{
	return level * REVOKE_AGES + REVOKE_AGES - 1 - age;
}

/*
 * What is worth a visit most: chunks that gave something the last time, so that
 * cold pages which cannot be taken are in nobody's way; then by rank.
 */
static unsigned int order_of(const struct pick *pick)
{
	return pick->misses * PICK_RANKS + pick->rank;
}

/* There was no room for @pick: nothing that is to go after it goes before it. */
static void leave_out(struct picks *picks, const struct pick *pick)
{
	if (!pick->misses)
		picks->bound = min_t(unsigned int, picks->bound, pick->rank);
	region_put(chunk_set_of(pick->chunk)->region);
}

static void keep(struct picks *picks, const struct pick *pick)
{
	struct pick *last = picks->at;
	unsigned int i;

	if (picks->nr < PICKS) {
		picks->at[picks->nr++] = *pick;
		return;
	}
	for (i = 1; i < PICKS; i++)
		if (order_of(&picks->at[i]) > order_of(last))
			last = &picks->at[i];
	if (order_of(pick) < order_of(last)) {
		leave_out(picks, last);
		*last = *pick;
	} else {
		leave_out(picks, pick);
	}
}

/* Keep a chunk if it has idle pages; takes over the reference to its region. */
static void look(struct picks *picks, struct chunk *chunk, unsigned int now)
{
	struct revoke_chunk at = place_of(chunk);
	struct pick pick = {
		.chunk = chunk,
		.level = heap_priority(at.region->heap),
		.misses = READ_ONCE(chunk->misses),
	};
	u16 idle[REVOKE_AGES] = {};
	unsigned int age = REVOKE_AGES - 1;

	if (!revoke_count_idle(&at, now, idle)) {
		region_put(at.region);
		return;
	}
	while (!idle[age])
		age--;
	pick.rank = rank_of(pick.level, age);
	keep(picks, &pick);
}

/* The maps are read once more: what was counted before belongs to any chunk. */
static void count_ranks(struct picks *picks, unsigned int now)
{
	u16 idle[REVOKE_AGES];
	unsigned int i, age;

	for (i = 0; i < picks->nr; i++) {
		struct revoke_chunk at = pick_place(&picks->at[i]);

		memset(idle, 0, sizeof(idle));
		revoke_count_idle(&at, now, idle);
		for (age = 0; age < REVOKE_AGES; age++)
			picks->idle[rank_of(picks->at[i].level, age)] += idle[age];
	}
}

/**
 * pick_chunks() - look for chunks to take from
 * @picks: zeroed; filled in. Every one of them has to be given to pick_done()
 * @sc: which list
 * @now: the epoch it is
 */
void pick_chunks(struct picks *picks, const struct shrink_control *sc, unsigned int now)
{
	unsigned long total = list_lru_count_one(&chunk_lru, sc->nid, sc->memcg);
	unsigned long left = min_t(unsigned long, total, LOOKS);
	struct batch batch;
	unsigned int i;

	picks->bound = PICK_RANKS - 1;
	while (left) {
		batch.nr = 0;
		batch.walk = min_t(unsigned long, left, BATCH);
		left -= batch.walk;
		list_lru_walk_one(&chunk_lru, sc->nid, sc->memcg, gather, &batch, &batch.walk);
		picks->looked += batch.nr;
		for (i = 0; i < batch.nr; i++)
			look(picks, batch.chunks[i], now);
	}
	count_ranks(picks, now);
}

/**
 * pick_rank() - how far to go
 * @picks: the chunks
 * @wanted: pages
 *
 * Return: the lowest rank at which there are that many idle pages, at most @bound.
 */
unsigned int pick_rank(const struct picks *picks, unsigned long wanted)
{
	unsigned long sum = picks->idle[0];
	unsigned int rank = 0;

	while (rank < picks->bound && sum < wanted)
		sum += picks->idle[++rank];
	return rank;
}

/**
 * pick_done() - let go of a chunk
 * @pick: which
 * @tried: whether it was visited
 * @hit: and gave something
 */
void pick_done(const struct pick *pick, bool tried, bool hit)
{
	struct chunk *chunk = pick->chunk;
	u8 misses = hit ? 0 : min(pick->misses + 1, MISSES_MAX);

	if (tried) {
		WRITE_ONCE(chunk->misses, misses);
		WRITE_ONCE(chunk->rest, (1 << misses) - 1);
	}
	region_put(chunk_set_of(chunk)->region);
}
