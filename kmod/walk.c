// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page-table walker: down from the mmap lock to one page table at a time,
 * which ptes.c and residency.c then count. Called by ledger.c. Changes nothing
 * and takes no reference to any page.
 *
 * Locks: mmap lock for read, dropped as soon as somebody waits for it; then per
 * page table RCU and the page-table lock. No other lock of the module inside.
 *
 * Regions are counted whole, mapped or not, so that their rows add up to their
 * size. Outside of them only mapped memory counts.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/swapops.h>

#include "compat.h"
#include "ptes.h"
#include "residency.h"
#include "walk.h"

/*
 * How often a page table may change between the look at it and its lock. A pmd
 * changes while a huge page is split or collapsed, and when reclaim clears its
 * accessed bit: a second time in a row is rare already.
 */
#define MAX_TRIES	16

/* A hole: no page table. Unmapped memory counts only where it is a region's. */
static void walk_hole(struct walk *walk, unsigned long addr, unsigned long end,
		      bool mapped)
{
	struct intent_run run;
	unsigned long stop;

	if (mapped || walk->gaps) {
		tally_uniform(walk->tally, walk->intents, addr, end, SPANHEAP_NONE, NULL);
		return;
	}
	for (; addr < end; addr = stop) {
		stop = intents_run(walk->intents, addr, end, &run);
		if (run.bytes || run.fixed != SPANHEAP_OUTSIDE)
			tally_uniform(walk->tally, walk->intents, addr, stop,
				      SPANHEAP_NONE, NULL);
		cond_resched();
	}
}

/*
 * One huge entry. Return: false when it is none any more.
 */
static bool walk_huge(struct walk *walk, struct vm_area_struct *vma, pmd_t *pmdp,
		      unsigned long addr, unsigned long end)
{
	spinlock_t *ptl = pmd_lock(walk->mm, pmdp);
	pmd_t pmd = READ_ONCE(*pmdp);
	bool counted;

	counted = !pmd_none(pmd) && (pmd_leaf(pmd) || !pmd_present(pmd));
	if (counted)
		residency_count_pmd(walk->tally, walk->intents, vma, pmd, addr, end);
	spin_unlock(ptl);
	return counted;
}

/*
 * One page table. @seen is what its entry was; the table cannot be freed under
 * RCU, and it is still in its place when the entry is the same under the lock.
 * Return: false when it is not.
 */
static bool walk_table(struct walk *walk, struct vm_area_struct *vma, pmd_t *pmdp,
		       pmd_t seen, unsigned long addr, unsigned long end)
{
	spinlock_t *ptl = pte_lockptr(walk->mm, &seen);
	bool counted;

	spin_lock(ptl);
	counted = pmd_val(pmdp_get_lockless(pmdp)) == pmd_val(seen);
	if (counted)
		ptes_count(walk->tally, walk->intents, vma,
			   pte_offset_kernel(&seen, addr), addr, end);
	spin_unlock(ptl);
	return counted;
}

static bool walk_pmd_once(struct walk *walk, struct vm_area_struct *vma, pmd_t *pmdp,
			  unsigned long addr, unsigned long end)
{
	bool counted;
	pmd_t pmd;

	rcu_read_lock();
	pmd = pmdp_get_lockless(pmdp);
	if (!pmd_none(pmd) && pmd_present(pmd) && !pmd_leaf(pmd)) {
		counted = walk_table(walk, vma, pmdp, pmd, addr, end);
		rcu_read_unlock();
		return counted;
	}
	rcu_read_unlock();
	if (!pmd_none(pmd))
		return walk_huge(walk, vma, pmdp, addr, end);
	walk_hole(walk, addr, end, true);
	return true;
}

static void walk_pmd(struct walk *walk, struct vm_area_struct *vma, pmd_t *pmdp,
		     unsigned long addr, unsigned long end)
{
	unsigned int tries;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		if (walk_pmd_once(walk, vma, pmdp, addr, end))
			return;
		cpu_relax();
	}
	tally_skipped(walk->tally, walk->intents, addr, end);
}

/**
 * walk_down() - the pmd entry of an address
 * @mm: whose; held by mmget()
 * @addr: the address
 * @end: where to stop at the latest
 * @next: out: where the next entry can be
 *
 * Huge entries above the pmd are device memory, which is in nobody's RSS.
 *
 * Context: the mmap lock, or the i_mmap lock of a VMA that covers @addr: upper
 * entries stay that long.
 * Return: the entry, or NULL when there is none.
 */
pmd_t *walk_down(struct mm_struct *mm, unsigned long addr, unsigned long end,
		 unsigned long *next)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud, seen;

	*next = pgd_addr_end(addr, end);
	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	*next = p4d_addr_end(addr, end);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	*next = pud_addr_end(addr, end);
	seen = READ_ONCE(*pud);
	if (pud_none(seen) || !pud_present(seen) || pud_leaf(seen))
		return NULL;
	*next = pmd_addr_end(addr, end);
	return pmd_offset(&seen, addr);
}

/*
 * Entries of hugetlbfs are single words of huge size. Page tables may be shared
 * with other processes, which take them away with no lock that is exported; with
 * interrupts off they are not freed, as for get_user_pages_fast().
 */
static u64 hugetlb_entry_pages(struct mm_struct *mm, unsigned long addr, unsigned long size)
{
	unsigned long flags, next;
	pte_t entry = __pte(0);
	pmd_t *pmd;

	local_irq_save(flags);
	if (size == PUD_SIZE) {
		pgd_t *pgd = pgd_offset(mm, addr);
		p4d_t *p4d = pgd_none(*pgd) ? NULL : p4d_offset(pgd, addr);

		if (p4d && !p4d_none(*p4d))
			entry = __pte(pud_val(READ_ONCE(*pud_offset(p4d, addr))));
	} else {
		pmd = walk_down(mm, addr, addr + size, &next);
		if (pmd)
			entry = __pte(pmd_val(READ_ONCE(*pmd)));
	}
	local_irq_restore(flags);
	return residency_is_hugetlb(entry) ? size >> PAGE_SHIFT : 0;
}

static void walk_hugetlb(struct walk *walk, struct vm_area_struct *vma,
			 unsigned long addr, unsigned long end)
{
	unsigned long size = huge_page_size(hstate_vma(vma)), at;

	for (at = round_up(addr, size); at < end; at += size) {
		walk->tally->hugetlb += hugetlb_entry_pages(walk->mm, at, size);
		cond_resched();
	}
	walk_hole(walk, addr, end, false);
}

static bool walk_should_yield(struct walk *walk)
{
	return need_resched() || mmap_lock_is_contended(walk->mm) ||
	       fatal_signal_pending(current);
}

/* Return: where it stopped, which is @end unless it should yield. */
static unsigned long walk_vma(struct walk *walk, struct vm_area_struct *vma,
			      unsigned long addr, unsigned long end)
{
	unsigned long next;
	pmd_t *pmd = NULL;

	for (; addr < end; addr = next) {
		/* from one pmd to the next in the same table */
		if (pmd && pmd_index(addr)) {
			pmd++;
			next = pmd_addr_end(addr, end);
		} else {
			pmd = walk_down(walk->mm, addr, end, &next);
		}
		if (pmd)
			walk_pmd(walk, vma, pmd, addr, next);
		else
			walk_hole(walk, addr, next, true);
		if (walk_should_yield(walk))
			return next;
	}
	return addr;
}

/*
 * With the mmap lock held. Return: where it stopped; always some way on.
 */
static unsigned long walk_some_locked(struct walk *walk, unsigned long addr,
				      unsigned long end)
{
	struct vm_area_struct *vma;
	unsigned long stop;

	lockdep_assert_held(&walk->mm->mmap_lock);
	while (addr < end) {
		vma = find_vma(walk->mm, addr);
		stop = vma ? min(end, vma->vm_start) : end;
		if (addr < stop) {
			walk_hole(walk, addr, stop, false);
			addr = stop;
			continue;
		}
		stop = min(end, vma->vm_end);
		if (is_vm_hugetlb_page(vma)) {
			walk_hugetlb(walk, vma, addr, stop);
			addr = stop;
		} else {
			addr = walk_vma(walk, vma, addr, stop);
		}
		if (walk_should_yield(walk))
			break;
	}
	return addr;
}

/**
 * walk_range() - count every page of a range
 * @walk: how
 * @start: first address, page aligned
 * @end: the address after the last, likewise
 *
 * Addresses are looked at in rising order, each once, so that nothing is counted
 * twice whatever the process does meanwhile; each page table is one snapshot.
 *
 * Context: may sleep; holds no lock on return.
 * Return: 0, or -EINTR when a fatal signal came.
 */
int walk_range(struct walk *walk, unsigned long start, unsigned long end)
{
	while (start < end) {
		if (mmap_read_lock_killable(walk->mm))
			return -EINTR;
		start = walk_some_locked(walk, start, end);
		mmap_read_unlock(walk->mm);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
