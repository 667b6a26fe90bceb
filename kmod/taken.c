// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts lazily freed pages as the kernel takes them, with no walk. An mmu notifier
 * sees every unmapping of an address space, also the owner's own madvise and munmap,
 * and makes them dearer; so there is one only while the owner of a heap wants the
 * figure. Called by hint.c (start, stop) and heap.c (the end).
 *
 * Reclaim sends CLEAR for each page, or large folio, that it unmaps, before and after.
 * Counted is what the owner calls LAZY and has no entry after it that had one before:
 * a page that went to swap has, and so has one that is migrated. What was not unmapped
 * by reclaim is not looked at, and what the module revokes is IDLE, not LAZY.
 *
 * Locks: taken_lock, then the mmap lock, to start and stop; the notifier takes
 * neither. It holds the owner's lock, inside it that of a page table, and hint.lock
 * after that. Page tables stay, since reclaim holds the lock of the anon_vma.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "heap.h"
#include "hint.h"
#include "pagemap.h"
#include "region.h"
#include "taken.h"
#include "walk.h"

static DEFINE_MUTEX(taken_lock);

/**
 * struct taken - the notifier of a heap
 * @notifier: of its owner's mm
 * @heap: which; it outlives the notifier
 */
struct taken {
	struct mmu_notifier notifier;
	struct heap *heap;
};

static bool is_lazy(const struct region *region, unsigned long addr)
{
	unsigned long page = (addr - region->start) >> PAGE_SHIFT;
	const u8 *bytes = pagemap_read(region->map, page >> PAGE_SHIFT);

	return bytes && (READ_ONCE(bytes[page & (PAGE_SIZE - 1)]) & SPANHEAP_INTENT_MASK) ==
			SPANHEAP_LAZY;
}

/* LAZY pages without an entry; @ptep is NULL when there is no table. */
static long count_gone(const struct region *region, pte_t *ptep, unsigned long addr,
		       unsigned long end)
{
	long gone = 0;

	for (; addr < end; addr += PAGE_SIZE) {
		if ((!ptep || pte_none(ptep_get(ptep))) && is_lazy(region, addr))
			gone++;
		if (ptep)
			ptep++;
	}
	return gone;
}

static long count_gone_in_table(struct mm_struct *mm, const struct region *region,
				unsigned long addr, unsigned long end, unsigned long *next)
{
	pmd_t *pmdp = walk_down(mm, addr, end, next), pmd;
	spinlock_t *ptl;
	long gone = 0;

	if (!pmdp)
		return 0;
	pmd = pmdp_get_lockless(pmdp);
	if (pmd_none(pmd))
		return count_gone(region, NULL, addr, *next);
	if (!pmd_present(pmd) || pmd_leaf(pmd))
		return 0;
	ptl = pte_lockptr(mm, &pmd);
	spin_lock(ptl);
	if (pmd_val(pmdp_get_lockless(pmdp)) == pmd_val(pmd))
		gone = count_gone(region, pte_offset_kernel(&pmd, addr), addr, *next);
	spin_unlock(ptl);
	return gone;
}

/* LAZY pages of a heap in a range that have no entry. */
static long gone_in(const struct taken *taken, const struct mmu_notifier_range *range)
{
	struct owner *owner = taken->heap->owner;
	unsigned long start, end, next;
	struct region *region;
	long gone = 0;

	spin_lock(&owner->lock);
	rcu_read_lock();
	region = region_first_locked(owner, range->start);
	if (region && region->heap == taken->heap && region->start < range->end) {
		end = min(range->end, region->end);
		for (start = max(range->start, region->start); start < end; start = next)
			gone += count_gone_in_table(range->mm, region, start, end, &next);
	}
	rcu_read_unlock();
	spin_unlock(&owner->lock);
	return gone;
}

/* A folio that reclaim unmaps; it is never larger than a huge page. */
static bool by_reclaim(const struct mmu_notifier_range *range)
{
	return range->event == MMU_NOTIFY_CLEAR && current->flags & PF_MEMALLOC &&
	       range->end - range->start <= HPAGE_PMD_SIZE;
}

static void count(struct mmu_notifier *notifier, const struct mmu_notifier_range *range, int sign)
{
	struct taken *taken = container_of(notifier, struct taken, notifier);
	long gone;

	if (!by_reclaim(range))
		return;
	gone = gone_in(taken, range);
	if (gone)
		hint_taken(taken->heap, sign * gone);
}

/* A single page has an entry now: only parts of large folios may have none. */
static int range_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	if (range->end - range->start > PAGE_SIZE)
		count(notifier, range, -1);
	return 0;
}

static void range_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	count(notifier, range, 1);
}

static const struct mmu_notifier_ops taken_ops = {
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
};

/**
 * taken_start() - count from now on
 * @heap: the caller's
 *
 * Context: the owner's; may sleep, also on the mmap lock. Nothing to do when it is
 * counted already.
 * Return: 0, -ENOMEM or -EINTR.
 */
int taken_start(struct heap *heap)
{
	struct taken *taken;
	int ret = 0;

	mutex_lock(&taken_lock);
	if (heap->taken)
		goto out;
	ret = -ENOMEM;
	taken = kzalloc(sizeof(*taken), GFP_KERNEL_ACCOUNT);
	if (!taken)
		goto out;
	taken->heap = heap;
	taken->notifier.ops = &taken_ops;
	ret = mmu_notifier_register(&taken->notifier, heap->owner->mm);
	if (ret)
		kfree(taken);
	else
		heap->taken = taken;
out:
	mutex_unlock(&taken_lock);
	return ret;
}

/**
 * taken_stop() - count no more
 * @heap: it need not be counted
 *
 * Context: may sleep; waits for notifiers that run.
 */
void taken_stop(struct heap *heap)
{
	struct taken *taken;

	mutex_lock(&taken_lock);
	taken = heap->taken;
	heap->taken = NULL;
	mutex_unlock(&taken_lock);
	if (!taken)
		return;
	mmu_notifier_unregister(&taken->notifier, heap->owner->mm);
	kfree(taken);
}
