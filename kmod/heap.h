/* SPDX-License-Identifier: GPL-2.0-only */
/* Heaps (open files) and owners (mms that have registered some). */
#ifndef SPANHEAP_HEAP_H
#define SPANHEAP_HEAP_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/spanheap.h>

#include "hint.h"

struct pagemap;
struct pid;
struct taken;
struct user;

/**
 * struct owner - an mm that has registered at least one heap
 * @node: in the table of owners
 * @users: heaps and askers that hold it; under the table's lock
 * @mm: held by mmgrab(), not by mmget(): it may be long dead
 * @lock: the heap lock: @regions, and the region lists of all its heaps. Inside
 *	the mmap lock; nothing is allocated under it
 * @regions: live regions of all heaps by address; they never overlap
 * @nr_regions: their number
 * @heaps: its heaps; under @lock
 */
struct owner {
	struct hlist_node node;
	unsigned int users;
	struct mm_struct *mm;
	spinlock_t lock;	/* regions, and the lists of heaps */
	struct rb_root regions;
	unsigned int nr_regions;
	struct list_head heaps;
};

/**
 * struct heap - what an open file stands for
 * @ref: one is the file's, others are its regions', which a scan may hold longer
 * @id: number of the heap, 0 until registered
 * @owner: NULL until registered, then the same until the end
 * @of_owner: in the owner's list of heaps, until the file is gone
 * @user: who registered it
 * @pid: the process that did
 * @mapping: of the file, so that no lock of page reclaim is shared by heaps
 * @priority: which of idle pages go first, 0 to SPANHEAP_PRIORITIES - 1; read by
 *	scans with no lock
 * @header: map of one page, the header
 * @regions: live regions, under the owner's lock
 * @removed: regions that may still be mapped; freed with the heap
 * @nr_regions: number of @regions
 * @bytes: sum of their lengths
 * @next_mem: next free page offset for a memory window
 * @next_map: and for a window of a page map
 * @mem_end: end of the memory windows
 * @map_end: end of the map windows
 * @hint: what its owner is told
 * @taken: who counts lazily freed pages, or NULL; under a lock of taken.c
 */
struct heap {
	struct kref ref;
	u64 id;
	struct owner *owner;
	struct list_head of_owner;
	struct user *user;
	struct pid *pid;
	struct address_space mapping;
	unsigned int priority;
	struct pagemap *header;
	struct list_head regions;
	struct list_head removed;
	unsigned int nr_regions;
	u64 bytes;
	u64 next_mem;
	u64 next_map;
	u64 mem_end;
	u64 map_end;
	struct hint hint;
	struct taken *taken;
};

/* The header is mapped at offset 0; windows come after it. */
#define HEADER_PGOFF	0

struct heap *heap_create(struct inode *inode);
void heap_destroy(struct heap *heap);
void heap_put(struct heap *heap);
struct heap *heap_get(u64 id);
struct heap *heap_get_next(u64 *id);
int heap_register(struct heap *heap, struct spanheap_register *args);
int heap_set_priority(struct heap *heap, const struct spanheap_priority *args);

struct owner *owner_find(struct mm_struct *mm);
void owner_put(struct owner *owner);

/**
 * heap_owner() - whose a heap is
 * @heap: a heap
 *
 * Return: its owner, or NULL when it is not registered yet.
 */
static inline struct owner *heap_owner(const struct heap *heap)
{
	/* pairs with heap_register() */
	return smp_load_acquire(&heap->owner);
}

/**
 * heap_check_owner() - whether the caller may change a heap or map its memory
 * @heap: a heap
 *
 * Return: 0; -ENXIO when the file is no heap yet, -EPERM when it is another's.
 */
static inline int heap_check_owner(const struct heap *heap)
{
	const struct owner *owner = heap_owner(heap);

	if (!owner)
		return -ENXIO;
	return owner->mm == current->mm ? 0 : -EPERM;
}

/**
 * heap_priority() - whose idle pages go before others'
 * @heap: a heap
 */
static inline unsigned int heap_priority(const struct heap *heap)
{
	return READ_ONCE(heap->priority);
}

#endif /* SPANHEAP_HEAP_H */
