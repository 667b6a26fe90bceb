// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: adding, removing and finding them. Called by ioctl.c (add, remove, wait),
 * mmap.c (which window is that), intents.c (what lies at an address) and heap.c
 * (the end). Everything that is looked up hangs on the owner and is guarded by
 * its lock, under which nothing sleeps and nothing is allocated.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "chunk.h"
#include "heap.h"
#include "limits.h"
#include "pagemap.h"
#include "region.h"
#include "users.h"

/* Pages between two windows, so that no mapping runs from one into the next. */
#define WINDOW_GAP	(SZ_2M >> PAGE_SHIFT)

static void region_free(struct kref *ref)
{
	struct region *region = container_of(ref, struct region, ref);

	chunks_free(region);
	pagemap_free(region->map);
	user_uncharge_map(region->heap->user, region->charged);
	heap_put(region->heap);
	kfree(region);
}

/**
 * region_put() - let go of a region
 * @region: which
 *
 * Context: may sleep when it was the last reference.
 */
void region_put(struct region *region)
{
	kref_put(&region->ref, region_free);
}

/**
 * region_first_locked() - the first live region that ends above an address
 * @owner: whose; its lock is held
 * @addr: the address
 *
 * Return: the region, or NULL.
 */
struct region *region_first_locked(struct owner *owner, unsigned long addr)
{
	struct rb_node *node = owner->regions.rb_node;
	struct region *found = NULL;

	lockdep_assert_held(&owner->lock);
	while (node) {
		struct region *region = rb_entry(node, struct region, node);

		if (region->end > addr) {
			found = region;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * region_next_locked() - the next live region by address
 * @region: a live region; its owner's lock is held
 *
 * Return: the region, or NULL.
 */
struct region *region_next_locked(struct region *region)
{
	return rb_entry_safe(rb_next(&region->node), struct region, node);
}

static bool region_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct region, node)->start <
	       rb_entry(b, struct region, node)->start;
}

/* Give a region its windows. Memory keeps the address's place in a huge page. */
static int region_set_windows_locked(struct heap *heap, struct region *region)
{
	u64 pages = (region->end - region->start) >> PAGE_SHIFT;
	u64 phase = (region->start >> PAGE_SHIFT) % WINDOW_GAP;
	u64 mem = round_up(heap->next_mem, WINDOW_GAP) + phase;
	u64 map = heap->next_map;

	if (mem + pages > heap->mem_end || map + region->map->nr_pages > heap->map_end)
		return -ENOSPC;
	region->mem_pgoff = mem;
	region->map_pgoff = map;
	heap->next_mem = mem + pages + WINDOW_GAP;
	heap->next_map = map + region->map->nr_pages + 1;
	return 0;
}

static int region_insert_locked(struct heap *heap, struct region *region)
{
	struct owner *owner = heap->owner;
	u64 length = region->end - region->start;
	struct region *next;
	int ret;

	lockdep_assert_held(&owner->lock);
	next = region_first_locked(owner, region->start);
	if (next && next->start < region->end)
		return -EEXIST;
	if (heap->nr_regions >= limit_regions() ||
	    heap->bytes + length > limit_heap_bytes())
		return -ENOSPC;
	ret = region_set_windows_locked(heap, region);
	if (ret)
		return ret;
	rb_add(&region->node, &owner->regions, region_less);
	list_add_tail(&region->link, &heap->regions);
	owner->nr_regions++;
	heap->nr_regions++;
	heap->bytes += length;
	return 0;
}

/**
 * region_add() - register a range of the caller's address space
 * @heap: the caller's
 * @args: checked and filled in
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for flags, misaligned or impossible ranges; -EEXIST when
 * it overlaps a region of any heap of this mm; -ENOSPC when a limit or the
 * windows are used up; -ENOMEM; or as heap_check_owner().
 */
int region_add(struct heap *heap, struct spanheap_region *args)
{
	struct region *region;
	unsigned long map_pages;
	int ret;

	ret = heap_check_owner(heap);
	if (ret)
		return ret;
	if (args->flags || !args->length ||
	    !PAGE_ALIGNED(args->addr) || !PAGE_ALIGNED(args->length) ||
	    args->addr >= heap->owner->mm->task_size ||
	    args->length > heap->owner->mm->task_size - args->addr)
		return -EINVAL;
	if (args->length > limit_region_bytes())
		return -ENOSPC;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	kref_init(&region->ref);
	init_rwsem(&region->revoking);
	kref_get(&heap->ref);
	region->heap = heap;
	region->start = args->addr;
	region->end = args->addr + args->length;
	map_pages = DIV_ROUND_UP(args->length >> PAGE_SHIFT, PAGE_SIZE);
	ret = user_charge_map(heap->user, (u64)map_pages << PAGE_SHIFT);
	if (ret)
		goto out_put;
	region->charged = (u64)map_pages << PAGE_SHIFT;
	region->map = pagemap_alloc(map_pages);
	if (!region->map || chunks_alloc(region)) {
		ret = -ENOMEM;
		goto out_put;
	}

	spin_lock(&heap->owner->lock);
	ret = region_insert_locked(heap, region);
	spin_unlock(&heap->owner->lock);
	if (ret)
		goto out_put;

	args->mem_offset = region->mem_pgoff << PAGE_SHIFT;
	args->map_offset = region->map_pgoff << PAGE_SHIFT;
	args->map_length = (u64)region->map->nr_pages << PAGE_SHIFT;
	return 0;

out_put:
	region_put(region);
	return ret;
}

/**
 * region_remove() - forget a range
 * @heap: the caller's
 * @args: address and length as it was added
 *
 * The page map stays where it is mapped until the file is gone; memory that is
 * still mapped becomes ordinary anonymous memory, of which nothing is revoked
 * any more once this returns.
 *
 * Context: may sleep; waits for revocations of this region that are under way.
 * Return: 0; -EINVAL for flags or filled-in offsets; -ENOENT when there is no
 * such region; or as heap_check_owner().
 */
int region_remove(struct heap *heap, const struct spanheap_region *args)
{
	struct owner *owner;
	struct region *region;
	int ret;

	ret = heap_check_owner(heap);
	if (ret)
		return ret;
	if (args->flags || args->mem_offset || args->map_offset || args->map_length)
		return -EINVAL;

	owner = heap->owner;
	spin_lock(&owner->lock);
	region = region_first_locked(owner, args->addr);
	if (region && region->heap == heap && region->start == args->addr &&
	    region->end - region->start == args->length) {
		rb_erase(&region->node, &owner->regions);
		list_move(&region->link, &heap->removed);
		region->dead = true;
		owner->nr_regions--;
		heap->nr_regions--;
		heap->bytes -= args->length;
	} else {
		ret = -ENOENT;
	}
	spin_unlock(&owner->lock);
	if (!ret)
		chunks_retire(region);
	return ret;
}

/**
 * region_wait() - sleep until revocations of a region that are under way are over
 * @heap: the caller's
 * @args: an address in the region
 *
 * The priority of the waiter does not matter: whoever revokes gets the CPU.
 *
 * Return: 0; -ENOENT when the address is in no region of this heap; -EINTR when the
 * caller was killed; or as heap_check_owner().
 */
int region_wait(struct heap *heap, const struct spanheap_wait *args)
{
	struct owner *owner;
	struct region *region;
	int ret;

	ret = heap_check_owner(heap);
	if (ret)
		return ret;
	owner = heap->owner;
	spin_lock(&owner->lock);
	region = region_first_locked(owner, args->addr);
	if (region && region->heap == heap && region->start <= args->addr)
		kref_get(&region->ref);
	else
		region = NULL;
	spin_unlock(&owner->lock);
	if (!region)
		return -ENOENT;
	ret = down_write_killable(&region->revoking);
	if (!ret)
		up_write(&region->revoking);
	region_put(region);
	return ret;
}

/**
 * region_drop_all() - let go of a dying heap's regions
 * @heap: a heap that nobody else can reach
 *
 * Context: may sleep.
 */
void region_drop_all(struct heap *heap)
{
	struct owner *owner = heap->owner;
	struct region *region, *next;

	spin_lock(&owner->lock);
	list_for_each_entry(region, &heap->regions, link) {
		rb_erase(&region->node, &owner->regions);
		owner->nr_regions--;
		region->dead = true;
	}
	list_splice_init(&heap->regions, &heap->removed);
	spin_unlock(&owner->lock);

	list_for_each_entry_safe(region, next, &heap->removed, link) {
		chunks_retire(region);
		region_put(region);
	}
}

/**
 * region_get() - the live region that a range lies in
 * @heap: whose; registered
 * @start: first address
 * @end: the address after the last
 *
 * Return: the region, to be put by region_put(), or NULL when the range is not
 * wholly in one region of this heap.
 */
struct region *region_get(struct heap *heap, unsigned long start, unsigned long end)
{
	struct region *region;

	spin_lock(&heap->owner->lock);
	region = region_first_locked(heap->owner, start);
	if (region && region->heap == heap && region->start <= start && end <= region->end)
		kref_get(&region->ref);
	else
		region = NULL;
	spin_unlock(&heap->owner->lock);
	return region;
}

/**
 * region_of_map() - the live region whose page map lies at an offset
 * @heap: whose
 * @pgoff: page offset of the file
 *
 * The region stays until the file is gone, so a mapping may keep it.
 *
 * Return: the region, or NULL.
 */
struct region *region_of_map(struct heap *heap, u64 pgoff)
{
	struct region *region, *found = NULL;

	spin_lock(&heap->owner->lock);
	list_for_each_entry(region, &heap->regions, link) {
		if (pgoff >= region->map_pgoff &&
		    pgoff < region->map_pgoff + region->map->nr_pages) {
			found = region;
			break;
		}
	}
	spin_unlock(&heap->owner->lock);
	return found;
}

/**
 * region_agrees() - whether addresses and offset name the same piece of a region
 * @heap: whose
 * @start: first address
 * @end: the address after the last
 * @pgoff: page offset at which @start would be mapped
 *
 * Return: whether they do, all of it within one live region of @heap.
 */
bool region_agrees(struct heap *heap, unsigned long start, unsigned long end, u64 pgoff)
{
	struct region *region;
	bool agrees;

	spin_lock(&heap->owner->lock);
	region = region_first_locked(heap->owner, start);
	agrees = region && region->heap == heap &&
		 region->start <= start && end <= region->end &&
		 pgoff == region->mem_pgoff + ((start - region->start) >> PAGE_SHIFT);
	spin_unlock(&heap->owner->lock);
	return agrees;
}
