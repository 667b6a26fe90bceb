/* SPDX-License-Identifier: GPL-2.0-only */
/* Chunks: what the shrinker has on its lists. */
#ifndef SPANHEAP_CHUNK_H
#define SPANHEAP_CHUNK_H

#include <linux/list.h>
#include <linux/list_lru.h>
#include <linux/mm.h>
#include <linux/sizes.h>

struct region;

/* Base pages of a chunk: as many as a huge page has, so that it fits into one. */
#define CHUNK_PAGES		(SZ_2M >> PAGE_SHIFT)
#define CHUNKS_PER_MAP_PAGE	(PAGE_SIZE / CHUNK_PAGES)

/**
 * struct chunk - 2 MiB of a region, as one node's list has it
 * @lru: in chunk_lru, always, until the region is removed
 * @slot: which chunk of its set
 * @misses: visits in a row that found idle pages and could not take any
 * @rest: visits to pass over before the next one
 */
struct chunk {
	struct list_head lru;
	u8 slot;
	u8 misses;
	u8 rest;
};

/**
 * struct chunk_set - the chunks of one page of a page map, for one node
 * @next: the same chunks for another node
 * @region: whose; the set is freed with it
 * @index: of the page of the map
 * @chunks: those beyond the end of the region are on no list
 *
 * A list of the shrinker belongs to a node and a cgroup, and on old kernels an
 * item can only be on the list of the memory that it lies in. Pages of a chunk
 * may lie on any node: so there is a set in the memory of each.
 */
struct chunk_set {
	struct chunk_set *next;
	struct region *region;
	unsigned long index;
	struct chunk chunks[CHUNKS_PER_MAP_PAGE];
};

extern struct list_lru chunk_lru;

int chunks_init(struct shrinker *shrinker);
void chunks_exit(void);

int chunks_alloc(struct region *region);
bool chunks_touch(struct region *region, unsigned long index);
void chunks_retire(struct region *region);
void chunks_free(struct region *region);

static inline struct chunk_set *chunk_set_of(struct chunk *chunk)
{
	return container_of(chunk - chunk->slot, struct chunk_set, chunks[0]);
}

#endif /* SPANHEAP_CHUNK_H */
