// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking idle pages of one chunk away from their owner. Called by shrink.c, from
 * within reclaim: it may sleep, but never waits for the owner.
 *
 * DOC: the protocol
 *
 * The page map tells what may be taken and is trusted for nothing else. Under the
 * lock of their page table, pages that are present, anonymous, mapped once, not
 * pinned, of the wanted node and cgroup are marked, IDLE to REVOKING, by one
 * compare-and-swap each; a page that its owner takes back at that moment stays. A
 * marked page cannot be taken back. Then runs of marked pages, and nothing else,
 * are unmapped, and become REVOKED. That nothing is left of them needs no second
 * look: unmapping removes entries of every kind, and what a stray access brings
 * back it could bring back any time later.
 *
 * DOC: huge pages
 *
 * A huge page, or any large folio, goes as a whole, whether one entry maps it or
 * many: cut up, it frees nothing at once. With order->cut its idle pages go
 * without the rest and count nothing; the kernel gets at the memory when it splits
 * the folio, which it does when memory stays short.
 *
 * DOC: getting at the page tables
 *
 * 1. The mmap lock, if it can be had at once. It keeps VMAs, page tables and the
 *    flags of VMAs as they are.
 * 2. Else the reverse map. Under load somebody always waits for the mmap lock for
 *    write, held up by readers that are stuck in reclaim, and a trylock alone loses.
 *    VMAs of a heap are in the tree of its own address space. Its i_mmap lock, held
 *    for read, keeps a VMA from being unlinked, moved or resized, and with it its
 *    page tables. Huge-page collapse does not take it but the lock of the anon_vma:
 *    that is tried, never waited for. Two things it does not keep off, and they do
 *    no harm: a fork (the page becomes the child's, the parent's mapping of it goes),
 *    and mlock() of idle pages (which then have no page until they are touched).
 *
 * DOC: locks, from the outside in
 *
 * region->revoking (try), mmap lock (try) or i_mmap lock and anon_vma (try), lock of
 * a page table. The heap lock and those of the lists are not held here. The owner's
 * mm is held by mmget_not_zero() and let go of by mmput_async(), since its last user
 * may be ourselves and tearing it down takes all of these locks.
 */
#include <linux/bitmap.h>
#include <linux/interval_tree_generic.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>

#include "chunk.h"
#include "compat.h"
#include "heap.h"
#include "pagemap.h"
#include "region.h"
#include "revoke.h"
#include "totals.h"
#include "trace.h"
#include "vma.h"
#include "walk.h"

/**
 * struct visit - one visit of a chunk
 * @order: what to take
 * @mm: the owner's, held
 * @region: that the chunk is a part of
 * @start: first address
 * @end: the address after the last
 * @bytes: map byte of @start
 * @marked: pages in REVOKING, from @start
 * @alone: and of these, pages that are free when they are unmapped
 * @large: the large folio whose entries are being looked at
 * @large_first: its first marked page
 * @large_nr: how many of it are marked
 */
struct visit {
	struct revoke_order *order;
	struct mm_struct *mm;
	struct region *region;
	unsigned long start;
	unsigned long end;
	u8 *bytes;
	DECLARE_BITMAP(marked, CHUNK_PAGES);
	DECLARE_BITMAP(alone, CHUNK_PAGES);
	struct folio *large;
	unsigned int large_first;
	unsigned int large_nr;
};

static unsigned long vma_first_pgoff(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static unsigned long vma_last_pgoff(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/* The kernel's own look-up in i_mmap is not for modules: this is the same tree. */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long, shared.rb_subtree_last,
		     vma_first_pgoff, vma_last_pgoff, static __maybe_unused, vma_tree)

static unsigned int intent_of(u8 byte)
{
	return byte & SPANHEAP_INTENT_MASK;
}

static u8 with_intent(u8 byte, unsigned int intent)
{
	return (byte & ~SPANHEAP_INTENT_MASK) | intent;
}

/*
 * Age in epochs. The owner's clock may be one epoch ahead of ours, which is read
 * with less precision: that is age 0, and not 31.
 */
static unsigned int age_of(u8 byte, unsigned int now)
{
	unsigned int age = (now + 1 - (byte >> SPANHEAP_EPOCH_SHIFT)) % REVOKE_AGES;

	return age ? age - 1 : 0;
}

/* The map bytes of a chunk and their number, or NULL when it was never touched. */
static u8 *chunk_bytes(const struct revoke_chunk *chunk, unsigned long *nr)
{
	const struct region *region = chunk->region;
	unsigned long first = (chunk->map_index << PAGE_SHIFT) + chunk->first;
	unsigned long pages = (region->end - region->start) >> PAGE_SHIFT;
	u8 *bytes = (u8 *)pagemap_read(region->map, chunk->map_index);

	if (!bytes || first >= pages)
		return NULL;
	*nr = min(pages - first, (unsigned long)CHUNK_PAGES);
	return bytes + chunk->first;
}

/**
 * revoke_count_idle() - how many pages of a chunk are said to be idle
 * @chunk: where
 * @now: the epoch it is
 * @by_age: they are added here by age
 *
 * Return: their number.
 */
unsigned int revoke_count_idle(const struct revoke_chunk *chunk, unsigned int now,
			       u16 by_age[REVOKE_AGES])
{
	const u64 each = 0x0101010101010101ULL;
	unsigned int idle = 0;
	unsigned long nr, i;
	u8 *bytes, byte;

	bytes = chunk_bytes(chunk, &nr);
	if (!bytes)
		return 0;
	for (i = 0; i < nr; i++) {
		if (!(i % sizeof(u64))) {
			u64 word = READ_ONCE(*(u64 *)(bytes + i));

			/* mostly all eight are alike */
			if (i + sizeof(word) <= nr && word == (u8)word * each) {
				if (intent_of(word) == SPANHEAP_IDLE) {
					by_age[age_of(word, now)] += sizeof(word);
					idle += sizeof(word);
				}
				i += sizeof(word) - 1;
				continue;
			}
		}
		byte = READ_ONCE(bytes[i]);
		if (intent_of(byte) == SPANHEAP_IDLE) {
			by_age[age_of(byte, now)]++;
			idle++;
		}
	}
	return idle;
}

static unsigned int index_of(const struct visit *visit, unsigned long addr)
{
	return (addr - visit->start) >> PAGE_SHIFT;
}

static bool wanted(const struct visit *visit, u8 byte)
{
	return intent_of(byte) == SPANHEAP_IDLE &&
	       age_of(byte, visit->order->now) >= visit->order->min_age;
}

/* IDLE to REVOKING, unless the owner was faster. */
static bool mark(struct visit *visit, unsigned int i)
{
	u8 byte = READ_ONCE(visit->bytes[i]);

	if (!wanted(visit, byte) ||
	    cmpxchg(&visit->bytes[i], byte, with_intent(byte, SPANHEAP_REVOKING)) != byte)
		return false;
	__set_bit(i, visit->marked);
	return true;
}

/*
 * REVOKING to where it goes. Only an owner that breaks the rules changes a byte
 * in REVOKING, and it alone suffers.
 */
static void settle(struct visit *visit, unsigned int i, unsigned int intent)
{
	u8 byte = READ_ONCE(visit->bytes[i]);

	__clear_bit(i, visit->marked);
	if (intent_of(byte) == SPANHEAP_REVOKING)
		cmpxchg(&visit->bytes[i], byte, with_intent(byte, intent));
}

static void unmark(struct visit *visit, unsigned int first, unsigned int end)
{
	for (; first < end; first++)
		if (test_bit(first, visit->marked))
			settle(visit, first, SPANHEAP_IDLE);
}

/* Whether a mapped folio is one that may go at all. */
static bool folio_may_go(const struct visit *visit, struct folio *folio)
{
	const struct revoke_order *order = visit->order;
	struct mem_cgroup *memcg;

	if (!folio_test_anon(folio) || folio_test_ksm(folio) || folio_test_mlocked(folio) ||
	    folio_maybe_dma_pinned(folio) || folio_nid(folio) != order->nid)
		return false;
	if (!order->memcg)
		return true;
	memcg = folio_memcg(folio);
	return memcg && mem_cgroup_is_descendant(memcg, order->memcg);
}

static bool page_mapped_once(struct folio *folio, struct page *page)
{
	/* Of a large folio, the count is no matter of single pages. */
	return folio_test_large(folio) ? PageAnonExclusive(page) : compat_mapcount(folio) == 1;
}

/*
 * Whether nobody but its @nr entries holds a folio: then it is free when they are
 * gone. One that is in swap, too, is freed only when no other process has it there.
 */
static bool folio_alone(struct folio *folio, unsigned int nr)
{
	return folio_ref_count(folio) == nr && !folio_test_swapcache(folio);
}

/* The entries of a large folio end before page @i: it goes whole or not at all. */
static void close_large(struct visit *visit, unsigned int i)
{
	unsigned int first = visit->large_first;

	if (!visit->large)
		return;
	if (folio_alone(visit->large, visit->large_nr))
		bitmap_set(visit->alone, first, i - first);
	else if (!visit->order->cut)
		unmark(visit, first, i);
	visit->large = NULL;
}

static void mark_pte(struct visit *visit, pte_t pte, unsigned int i)
{
	struct folio *folio;
	struct page *page;

	if (!wanted(visit, READ_ONCE(visit->bytes[i])) || !pte_present(pte) || pte_special(pte))
		return;
	page = pte_page(pte);
	folio = page_folio(page);
	if (folio != visit->large)
		close_large(visit, i);
	if (!folio_may_go(visit, folio) || !page_mapped_once(folio, page) || !mark(visit, i))
		return;
	if (!folio_test_large(folio)) {
		if (folio_alone(folio, 1))
			__set_bit(i, visit->alone);
	} else if (visit->large) {
		visit->large_nr++;
	} else {
		visit->large = folio;
		visit->large_first = i;
		visit->large_nr = 1;
	}
}

static bool enough(const struct visit *visit)
{
	return visit->order->taken + bitmap_weight(visit->marked, CHUNK_PAGES) >=
	       visit->order->wanted;
}

static void mark_ptes(struct visit *visit, pte_t *ptep, unsigned long addr, unsigned long end)
{
	unsigned int i = index_of(visit, addr);

	for (; addr < end; addr += PAGE_SIZE, ptep++, i++) {
		if (!(i % 32) && !visit->large && enough(visit))
			break;
		mark_pte(visit, ptep_get(ptep), i);
	}
	close_large(visit, i);
}

static void mark_pmd(struct visit *visit, pmd_t pmd, unsigned long addr, unsigned long end)
{
	unsigned int first = index_of(visit, addr), nr = (end - addr) >> PAGE_SHIFT;
	unsigned int i, marked = 0;
	struct folio *folio;

	if (!pmd_present(pmd) || !pmd_trans_huge(pmd))
		return;
	folio = page_folio(pmd_page(pmd));
	if (!folio_may_go(visit, folio) || compat_mapcount(folio) != 1)
		return;
	for (i = first; i < first + nr && (marked == i - first || visit->order->cut); i++)
		marked += mark(visit, i);
	if (marked == folio_nr_pages(folio)) {
		if (folio_alone(folio, 1))
			bitmap_set(visit->alone, first, nr);
	} else if (!visit->order->cut) {
		unmark(visit, first, i);
	}
}

/* Mark what the table that @pmdp points to maps, if it does, under its lock. */
static bool mark_table(struct visit *visit, pmd_t *pmdp, unsigned long addr, unsigned long end)
{
	bool done = false;
	spinlock_t *ptl;
	pmd_t pmd;

	rcu_read_lock();
	pmd = pmdp_get_lockless(pmdp);
	if (!pmd_none(pmd) && pmd_present(pmd) && !pmd_leaf(pmd)) {
		ptl = pte_lockptr(visit->mm, &pmd);
		spin_lock(ptl);
		done = pmd_val(pmdp_get_lockless(pmdp)) == pmd_val(pmd);
		if (done)
			mark_ptes(visit, pte_offset_kernel(&pmd, addr), addr, end);
		spin_unlock(ptl);
	}
	rcu_read_unlock();
	return done;
}

static void mark_range(struct visit *visit, pmd_t *pmdp, unsigned long addr, unsigned long end)
{
	spinlock_t *ptl;

	if (pmd_none(pmdp_get_lockless(pmdp)) ||
	    mark_table(visit, pmdp, addr, end))
		return;
	ptl = pmd_lock(visit->mm, pmdp);
	mark_pmd(visit, READ_ONCE(*pmdp), addr, end);
	spin_unlock(ptl);
}

/* Unmap all that is marked. */
static void take_marked(struct visit *visit, struct vm_area_struct *vma)
{
	struct revoke_order *order = visit->order;
	unsigned int first, last, i;

	for_each_set_bitrange(first, last, visit->marked, CHUNK_PAGES)
		compat_zap(vma, visit->start + ((unsigned long)first << PAGE_SHIFT),
			   (unsigned long)(last - first) << PAGE_SHIFT);
	order->taken += bitmap_weight(visit->marked, CHUNK_PAGES);
	bitmap_and(visit->alone, visit->alone, visit->marked, CHUNK_PAGES);
	order->freed += bitmap_weight(visit->alone, CHUNK_PAGES);
	bitmap_zero(visit->alone, CHUNK_PAGES);
	for_each_set_bit(i, visit->marked, CHUNK_PAGES)
		settle(visit, i, SPANHEAP_REVOKED);
}

static void visit_vma(struct visit *visit, struct vm_area_struct *vma)
{
	unsigned long start = max(visit->start, vma->vm_start);
	unsigned long end = min(visit->end, vma->vm_end);
	unsigned long addr, next;
	pmd_t *pmdp;

	if (start >= end || !vma->anon_vma || !vma_may_go(visit->region, vma))
		return;
	for (addr = start; addr < end; addr = next) {
		pmdp = walk_down(visit->mm, addr, end, &next);
		if (pmdp)
			mark_range(visit, pmdp, addr, next);
	}
	take_marked(visit, vma);
}

static bool visit_by_mmap_lock(struct visit *visit)
{
	struct vm_area_struct *vma;
	unsigned long addr;

	if (!mmap_read_trylock(visit->mm))
		return false;
	for (addr = visit->start; addr < visit->end; addr = vma->vm_end) {
		vma = find_vma(visit->mm, addr);
		if (!vma)
			break;
		visit_vma(visit, vma);
	}
	mmap_read_unlock(visit->mm);
	return true;
}

/*
 * Visit a VMA with collapse kept off. An anon_vma may be freed and used anew at
 * any time, but stays one under RCU; when the VMA still has it and it has that
 * root while the root is locked, it is the one.
 */
static void visit_vma_without_collapse(struct visit *visit, struct vm_area_struct *vma)
{
	struct anon_vma *anon_vma, *root;
	bool locked = false;

	lockdep_assert_held(&visit->region->heap->mapping.i_mmap_rwsem);
	rcu_read_lock();
	anon_vma = READ_ONCE(vma->anon_vma);
	if (anon_vma) {
		root = READ_ONCE(anon_vma->root);
		locked = down_read_trylock(&root->rwsem);
	}
	rcu_read_unlock();
	if (!locked)
		return;
	if (READ_ONCE(vma->anon_vma) == anon_vma && READ_ONCE(anon_vma->root) == root)
		visit_vma(visit, vma);
	up_read(&root->rwsem);
}

static void visit_by_reverse_map(struct visit *visit)
{
	struct region *region = visit->region;
	struct address_space *mapping = &region->heap->mapping;
	unsigned long first = region->mem_pgoff + ((visit->start - region->start) >> PAGE_SHIFT);
	unsigned long last = region->mem_pgoff + ((visit->end - 1 - region->start) >> PAGE_SHIFT);
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	for (vma = vma_tree_iter_first(&mapping->i_mmap, first, last); vma;
	     vma = vma_tree_iter_next(vma, first, last))
		if (vma->vm_mm == visit->mm)
			visit_vma_without_collapse(visit, vma);
	i_mmap_unlock_read(mapping);
}

/**
 * revoke_pages() - take idle pages of a chunk
 * @order: which and how many; what was taken is added to it
 * @chunk: where
 *
 * Context: reclaim; see above for what is locked.
 * Return: pages taken by this call.
 */
unsigned int revoke_pages(struct revoke_order *order, const struct revoke_chunk *chunk)
{
	struct region *region = chunk->region;
	struct visit visit = { .order = order, .region = region };
	unsigned long taken = order->taken, freed = order->freed, nr;

	visit.mm = region->heap->owner->mm;
	visit.bytes = chunk_bytes(chunk, &nr);
	if (!visit.bytes)
		return 0;
	visit.start = region->start +
		      (((chunk->map_index << PAGE_SHIFT) + chunk->first) << PAGE_SHIFT);
	visit.end = visit.start + (nr << PAGE_SHIFT);

	if (!down_read_trylock(&region->revoking))
		return 0;
	/* whoever made it dead waits for us */
	if (!READ_ONCE(region->dead) && mmget_not_zero(visit.mm)) {
		if (!visit_by_mmap_lock(&visit))
			visit_by_reverse_map(&visit);
		mmput_async(visit.mm);
		totals_revoked(order->nid, order->taken - taken);
		trace_spanheap_revoke(region->heap->id, order->nid, order->cause,
				      (u64)(order->wanted - taken) << PAGE_SHIFT,
				      (u64)(order->taken - taken) << PAGE_SHIFT,
				      (u64)(order->freed - freed) << PAGE_SHIFT);
	}
	up_read(&region->revoking);
	if (order->taken > taken)
		hint_revoked(region->heap, order->taken - taken);
	return order->taken - taken;
}
