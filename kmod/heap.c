// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lifetime of heaps and owners. A heap is born with its open file and dies with
 * it, that is, with the last descriptor and the last mapping. Registering binds
 * it to the caller's mm; all heaps of one mm share an owner, which is found by
 * its mm when a ledger is asked for by PID. Called by main.c and ioctl.c.
 *
 * Locks: owners_lock for the table of owners, and the lock of the table of heaps;
 * both leaves.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "features.h"
#include "heap.h"
#include "pagemap.h"
#include "region.h"
#include "taken.h"
#include "trace.h"
#include "users.h"

static DEFINE_SPINLOCK(owners_lock);
static DEFINE_HASHTABLE(owners, 8);

static atomic64_t last_heap_id = ATOMIC64_INIT(0);

/* Registered heaps by their number, while their files are open. */
static DEFINE_XARRAY(heaps);

static struct owner *owner_find_locked(struct mm_struct *mm)
{
	struct owner *owner;

	lockdep_assert_held(&owners_lock);
	hash_for_each_possible(owners, owner, node, (unsigned long)mm) {
		if (owner->mm == mm) {
			owner->users++;
			return owner;
		}
	}
	return NULL;
}

/**
 * owner_find() - what the module knows of an mm
 * @mm: any mm that the caller holds
 *
 * Return: its owner, to be put by owner_put(), or NULL when it has no heap.
 */
struct owner *owner_find(struct mm_struct *mm)
{
	struct owner *owner;

	spin_lock(&owners_lock);
	owner = owner_find_locked(mm);
	spin_unlock(&owners_lock);
	return owner;
}

static struct owner *owner_find_or_create(struct mm_struct *mm)
{
	struct owner *new, *owner;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return NULL;
	new->users = 1;
	new->mm = mm;
	new->regions = RB_ROOT;
	INIT_LIST_HEAD(&new->heaps);
	spin_lock_init(&new->lock);

	spin_lock(&owners_lock);
	owner = owner_find_locked(mm);
	if (!owner) {
		mmgrab(mm);
		hash_add(owners, &new->node, (unsigned long)mm);
		owner = new;
		new = NULL;
	}
	spin_unlock(&owners_lock);
	kfree(new);
	return owner;
}

/**
 * owner_put() - let go of an owner
 * @owner: may be NULL
 */
void owner_put(struct owner *owner)
{
	bool last;

	if (!owner)
		return;
	spin_lock(&owners_lock);
	last = !--owner->users;
	if (last)
		hash_del(&owner->node);
	spin_unlock(&owners_lock);
	if (last) {
		mmdrop(owner->mm);
		kfree(owner);
	}
}

/**
 * heap_create() - the heap of a file that is being opened
 * @inode: of the device
 *
 * Context: may sleep.
 * Return: a heap that is not registered yet, or NULL.
 */
struct heap *heap_create(struct inode *inode)
{
	struct heap *heap;

	heap = kzalloc(sizeof(*heap), GFP_KERNEL_ACCOUNT);
	if (!heap)
		return NULL;
	kref_init(&heap->ref);
	heap->priority = SPANHEAP_PRIORITY_DEFAULT;
	address_space_init_once(&heap->mapping);
	heap->mapping.host = inode;
	heap->mapping.a_ops = &empty_aops;
	INIT_LIST_HEAD(&heap->regions);
	INIT_LIST_HEAD(&heap->removed);
	hint_prepare(&heap->hint);
	return heap;
}

static void heap_free(struct kref *ref)
{
	struct heap *heap = container_of(ref, struct heap, ref);

	owner_put(heap->owner);
	user_put(heap->user);
	put_pid(heap->pid);
	pagemap_free(heap->header);
	kfree(heap);
}

/**
 * heap_put() - let go of a heap
 * @heap: which
 *
 * Context: may sleep when it was the last reference.
 */
void heap_put(struct heap *heap)
{
	kref_put(&heap->ref, heap_free);
}

/**
 * heap_destroy() - the file is gone, and every mapping of it
 * @heap: its heap; only a ledger or a scan that is under way may still know it
 *
 * Context: may sleep.
 */
void heap_destroy(struct heap *heap)
{
	bell_take_down(heap);
	taken_stop(heap);
	if (heap->owner) {
		xa_erase(&heaps, heap->id);
		user_uncharge_heap(heap->user);
		spin_lock(&heap->owner->lock);
		list_del(&heap->of_owner);
		spin_unlock(&heap->owner->lock);
		region_drop_all(heap);
	}
	events_end(heap);
	heap_put(heap);
}

/**
 * heap_get() - the heap of a number
 * @id: the number
 *
 * Return: the heap, to be put by heap_put(), or NULL when there is none.
 */
struct heap *heap_get(u64 id)
{
	struct heap *heap;

	xa_lock(&heaps);
	heap = xa_load(&heaps, id);
	if (heap)
		kref_get(&heap->ref);
	xa_unlock(&heaps);
	return heap;
}

/**
 * heap_get_next() - the heap of the next higher number
 * @id: of the last one, 0 at the start; out: of this one
 *
 * Return: the heap, to be put by heap_put(), or NULL at the end.
 */
struct heap *heap_get_next(u64 *id)
{
	unsigned long index = *id + 1;
	struct heap *heap;

	xa_lock(&heaps);
	heap = xa_find(&heaps, &index, ULONG_MAX, XA_PRESENT);
	if (heap)
		kref_get(&heap->ref);
	xa_unlock(&heaps);
	*id = index;
	return heap;
}

/*
 * Where windows lie, in pages. Moving an untouched anonymous mapping gives it a
 * new offset, its address >> PAGE_SHIFT, which must not fall into a window of
 * memory. Page maps are not anonymous and keep their offsets. An mm of 32 bits
 * cannot name offsets beyond 2^32 pages, nor has it addresses beyond 2^20.
 */
static void heap_set_windows(struct heap *heap, const struct mm_struct *mm)
{
	bool small = mm->task_size <= 1ULL << 32;

	heap->next_map = HEADER_PGOFF + 1;
	heap->map_end = small ? 1ULL << (32 - PAGE_SHIFT) : 1ULL << 46;
	heap->next_mem = heap->map_end;
	heap->mem_end = small ? 1ULL << 32 : 1ULL << (63 - PAGE_SHIFT);
}

/**
 * heap_register() - make an open file the heap of the caller's mm
 * @heap: of the file
 * @args: checked and filled in
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for flags, or a granule that is not a power of two or
 * larger than a page; -EBUSY when the file is a heap already; -EMFILE when the user
 * has too many; -ENOMEM.
 */
int heap_register(struct heap *heap, struct spanheap_register *args)
{
	struct spanheap_header *page;
	struct pagemap *header;
	struct owner *owner;
	struct user *user;
	u64 id;
	int ret;

	if (args->flags)
		return -EINVAL;
	if (args->granule > PAGE_SIZE ||
	    (args->granule & (args->granule - 1)))
		return -EINVAL;
	if (heap_owner(heap))
		return -EBUSY;

	header = pagemap_alloc(1);
	if (!header)
		return -ENOMEM;
	ret = -ENOMEM;
	if (!pagemap_touch(header, 0))
		goto out_header;
	owner = owner_find_or_create(current->mm);
	if (!owner)
		goto out_header;
	user = user_charge_heap(current_uid());
	if (IS_ERR(user)) {
		ret = PTR_ERR(user);
		goto out_owner;
	}
	/* so that nothing can fail when the file has become the heap */
	id = atomic64_inc_return(&last_heap_id);
	ret = xa_reserve(&heaps, id, GFP_KERNEL_ACCOUNT);
	if (ret)
		goto out_user;

	ret = bell_hang(heap);
	if (ret)
		goto out_reserved;
	ret = -EBUSY;
	if (cmpxchg(&heap->header, NULL, header))
		goto out_reserved;
	heap->id = id;
	heap->user = user;
	heap->pid = get_task_pid(current, PIDTYPE_TGID);
	heap_set_windows(heap, owner->mm);

	page = page_address(header->pages[0]);
	page->features = features_in_force();
	page->heap_id = heap->id;
	page->granule = PAGE_SIZE;

	args->granule = PAGE_SIZE;
	args->heap_id = heap->id;
	args->header_offset = (u64)HEADER_PGOFF << PAGE_SHIFT;
	args->header_length = PAGE_SIZE;
	/* everything above is seen by whoever sees the owner */
	smp_store_release(&heap->owner, owner);
	spin_lock(&owner->lock);
	list_add_tail(&heap->of_owner, &owner->heaps);
	spin_unlock(&owner->lock);
	xa_store(&heaps, id, heap, GFP_KERNEL);
	trace_spanheap_register(heap->id);
	return 0;

out_reserved:
	xa_release(&heaps, id);
out_user:
	user_uncharge_heap(user);
	user_put(user);
out_owner:
	owner_put(owner);
out_header:
	pagemap_free(header);
	return ret;
}

/**
 * heap_set_priority() - say whose idle pages go first
 * @heap: the caller's
 * @args: the level
 *
 * Return: 0; -EINVAL for a level that there is none, or padding; or as
 * heap_check_owner().
 */
int heap_set_priority(struct heap *heap, const struct spanheap_priority *args)
{
	int ret = heap_check_owner(heap);

	if (ret)
		return ret;
	if (args->level >= SPANHEAP_PRIORITIES || args->pad)
		return -EINVAL;
	WRITE_ONCE(heap->priority, args->level);
	return 0;
}
