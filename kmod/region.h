/* SPDX-License-Identifier: GPL-2.0-only */
/* Regions of a heap: address ranges, their page maps and mmap windows. */
#ifndef SPANHEAP_REGION_H
#define SPANHEAP_REGION_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>

#include <linux/spanheap.h>

struct chunk_set;
struct heap;
struct owner;
struct pagemap;

/**
 * struct region - one registered range of the owner's address space
 * @ref: one is the heap's, others are askers'
 * @node: in the owner's tree while live
 * @link: in the heap's list of live or removed regions
 * @heap: whose it is; held until the region is freed
 * @start: first address
 * @end: the address after the last
 * @mem_pgoff: page offset at which @start is mapped
 * @map_pgoff: page offset of the page map
 * @map: the page map
 * @charged: what its user was charged for it, in bytes
 * @dead: removed; under the owner's lock. Nothing is revoked from then on
 * @revoking: held for read while pages are revoked, taken for write to wait for
 *	the end of that. Those who revoke never wait for it
 * @chunks: per page of the map what the shrinker knows, or NULL; see chunk.h
 */
struct region {
	struct kref ref;
	struct rb_node node;
	struct list_head link;
	struct heap *heap;
	unsigned long start;
	unsigned long end;
	u64 mem_pgoff;
	u64 map_pgoff;
	struct pagemap *map;
	u64 charged;
	bool dead;
	struct rw_semaphore revoking;
	struct chunk_set **chunks;
};

int region_add(struct heap *heap, struct spanheap_region *args);
int region_remove(struct heap *heap, const struct spanheap_region *args);
int region_wait(struct heap *heap, const struct spanheap_wait *args);
void region_drop_all(struct heap *heap);
struct region *region_get(struct heap *heap, unsigned long start, unsigned long end);
void region_put(struct region *region);

struct region *region_first_locked(struct owner *owner, unsigned long addr);
struct region *region_next_locked(struct region *region);
struct region *region_of_map(struct heap *heap, u64 pgoff);
bool region_agrees(struct heap *heap, unsigned long start, unsigned long end, u64 pgoff);

#endif /* SPANHEAP_REGION_H */
