// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks: 2 MiB pieces of regions, which hang on the lists that the shrinker
 * scans, one list a node and memory cgroup. They are made when the owner first
 * touches that part of its page map, charged to its cgroup, and hang there until
 * the region is removed: handing pages over and taking them back costs nothing
 * here. Called by region.c (lifetime), mmap.c (first touch), shrink.c (scans).
 *
 * Locks: the heap lock, inside it the lock of a list. A scan takes a reference to
 * the region under the list's lock; that is right since a region leaves all lists
 * before its heap lets go of it.
 */
#include <linux/memcontrol.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "chunk.h"
#include "compat.h"
#include "heap.h"
#include "pagemap.h"
#include "region.h"
#include "shrink.h"

struct list_lru chunk_lru;

static struct kmem_cache *cache;

/**
 * chunks_init() - set up the lists
 * @shrinker: whose they are
 *
 * Return: 0 or -ENOMEM.
 */
int chunks_init(struct shrinker *shrinker)
{
	int ret;

	cache = kmem_cache_create("spanheap_chunks", sizeof(struct chunk_set), 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	ret = list_lru_init_memcg(&chunk_lru, shrinker);
	if (ret)
		kmem_cache_destroy(cache);
	return ret;
}

/**
 * chunks_exit() - take down the lists, which are empty
 */
void chunks_exit(void)
{
	list_lru_destroy(&chunk_lru);
	kmem_cache_destroy(cache);
}

/**
 * chunks_alloc() - room for the chunks of a new region
 * @region: which; its map is there
 *
 * Return: 0 or -ENOMEM.
 */
int chunks_alloc(struct region *region)
{
	if (!shrink_features())
		return 0;
	region->chunks = kvcalloc(region->map->nr_pages, sizeof(*region->chunks),
				  GFP_KERNEL_ACCOUNT);
	return region->chunks ? 0 : -ENOMEM;
}

static void sets_free(struct chunk_set *set)
{
	struct chunk_set *next;

	for (; set; set = next) {
		next = set->next;
		kmem_cache_free(cache, set);
	}
}

/* A set in memory of node @nid, or of any when it is NUMA_NO_NODE. */
static struct chunk_set *set_alloc(struct region *region, unsigned long index, int nid)
{
	struct chunk_set *set;
	unsigned int i;

	/* Only the first call can make a list for this cgroup, on all nodes. */
	if (nid == NUMA_NO_NODE)
		set = kmem_cache_alloc_lru(cache, &chunk_lru, GFP_KERNEL_ACCOUNT);
	else
		set = kmem_cache_alloc_node(cache, GFP_KERNEL_ACCOUNT, nid);
	if (!set)
		return NULL;
	*set = (struct chunk_set) { .region = region, .index = index };
	for (i = 0; i < CHUNKS_PER_MAP_PAGE; i++) {
		INIT_LIST_HEAD(&set->chunks[i].lru);
		set->chunks[i].slot = i;
	}
	return set;
}

/* One set for each node that has memory. */
static struct chunk_set *sets_alloc(struct region *region, unsigned long index)
{
	/* All from one cgroup, also when the process is moved meanwhile. */
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(current->mm);
	struct mem_cgroup *old = set_active_memcg(memcg);
	struct chunk_set *first, *set;
	int nid;

	first = set_alloc(region, index, NUMA_NO_NODE);
	if (!first)
		goto out;
	for_each_node_state(nid, N_MEMORY) {
		if (nid == page_to_nid(virt_to_page(first)))
			continue;
		set = set_alloc(region, index, nid);
		if (!set) {
			sets_free(first);
			first = NULL;
			break;
		}
		set->next = first->next;
		first->next = set;
	}
out:
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return first;
}

static void sets_list_locked(struct region *region, struct chunk_set *set)
{
	unsigned long pages = (region->end - region->start) >> PAGE_SHIFT;
	unsigned long first = set->index << PAGE_SHIFT;
	unsigned int i;

	lockdep_assert_held(&region->heap->owner->lock);
	for (; set; set = set->next)
		for (i = 0; i < CHUNKS_PER_MAP_PAGE; i++)
			if (first + i * CHUNK_PAGES < pages)
				list_lru_add_obj(&chunk_lru, &set->chunks[i].lru);
}

/**
 * chunks_touch() - the owner is about to touch a page of its map
 * @region: whose map
 * @index: of the page, checked here
 *
 * Context: may sleep; the mmap lock may be held.
 * Return: false when there is no memory.
 */
bool chunks_touch(struct region *region, unsigned long index)
{
	struct owner *owner = region->heap->owner;
	struct chunk_set *sets;

	if (!region->chunks || index >= region->map->nr_pages ||
	    READ_ONCE(region->chunks[index]))
		return true;
	sets = sets_alloc(region, index);
	if (!sets)
		return false;

	spin_lock(&owner->lock);
	if (!region->chunks[index] && !region->dead) {
		WRITE_ONCE(region->chunks[index], sets);
		sets_list_locked(region, sets);
		sets = NULL;
	}
	spin_unlock(&owner->lock);
	sets_free(sets);
	return true;
}

/**
 * chunks_retire() - nothing is revoked from a region any more
 * @region: dead
 *
 * Context: may sleep, waits for revocations of this region that are under way.
 */
void chunks_retire(struct region *region)
{
	struct chunk_set *set;
	unsigned long index;
	unsigned int i;

	if (!region->chunks)
		return;
	/* none is added to a dead region */
	for (index = 0; index < region->map->nr_pages; index++) {
		for (set = region->chunks[index]; set; set = set->next)
			for (i = 0; i < CHUNKS_PER_MAP_PAGE; i++)
				list_lru_del_obj(&chunk_lru, &set->chunks[i].lru);
		if (!(index % 1024))
			cond_resched();
	}
	down_write(&region->revoking);
	up_write(&region->revoking);
}

/**
 * chunks_free() - free the chunks of a region
 * @region: on no list any more
 */
void chunks_free(struct region *region)
{
	unsigned long index;

	if (!region->chunks)
		return;
	for (index = 0; index < region->map->nr_pages; index++)
		sets_free(region->chunks[index]);
	kvfree(region->chunks);
}
