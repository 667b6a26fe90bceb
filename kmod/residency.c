// SPDX-License-Identifier: GPL-2.0-only
/*
 * What page-table entries mean: entry and struct page to residency. Called by
 * ptes.c and walk.c with the page-table lock held, so that mapped pages stay
 * mapped; never sleeps, takes no reference.
 *
 * The rules are those by which the kernel itself counts RSS: a normal page is
 * anonymous, or swap-backed (shmem), or else a file's; PFN mappings, device DAX
 * and zero pages are no part of the RSS; migration, device and hardware-poison
 * entries are, as smaps counts them.
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "compat.h"
#include "residency.h"

/*
 * Whether a clean anonymous page waits to become lazily free. MADV_FREE puts
 * folios into a per-CPU batch, which holds a reference, and only when the batch
 * is full are they told apart from pages in use. Other references (a pin) look
 * the same, but not on a page that its owner calls LAZY.
 */
static bool awaits_lazyfree(struct folio *folio)
{
	return folio_test_lru(folio) && !folio_test_swapcache(folio) &&
	       !folio_test_unevictable(folio) && !folio_test_ksm(folio) &&
	       folio_ref_count(folio) > compat_mapcount(folio);
}

/* An anonymous page by its entry's dirty bit and its folio. */
static unsigned int anon_residency(struct tally *tally, unsigned int intent,
				   struct folio *folio, bool dirty)
{
	if (dirty || folio_test_dirty(folio))
		return SPANHEAP_RESIDENT;
	if (!folio_test_swapbacked(folio))
		return SPANHEAP_LAZYFREE;
	if (intent != SPANHEAP_LAZY || !awaits_lazyfree(folio))
		return SPANHEAP_RESIDENT;
	tally->batched++;
	return SPANHEAP_LAZYFREE;
}

static unsigned int page_residency(struct tally *tally, unsigned int intent,
				   struct page *page, bool dirty)
{
	struct folio *folio = page_folio(page);

	if (folio_test_anon(folio))
		return anon_residency(tally, intent, folio, dirty);
	return folio_test_swapbacked(folio) ? SPANHEAP_SHMEM : SPANHEAP_FILE;
}

/* An entry that is neither empty nor present. Sets *@page for the node. */
static unsigned int swap_residency(struct tally *tally, swp_entry_t entry,
				   struct page **page, unsigned int nr)
{
	if (!non_swap_entry(entry))
		return SPANHEAP_SWAPPED;
	if (!is_pfn_swap_entry(entry))
		return SPANHEAP_NONE;	/* a userfaultfd marker */
	*page = pfn_swap_entry_to_page(entry);
	if (PageAnon(*page))
		tally->migrating_anon += nr;
	if (is_hwpoison_entry(entry))
		tally->poisoned += nr;
	return SPANHEAP_MIGRATING;
}

static unsigned int pte_residency(struct tally *tally, const struct vm_area_struct *vma,
				  pte_t pte, unsigned int intent, struct page **page)
{
	*page = NULL;
	if (pte_none(pte))
		return SPANHEAP_NONE;
	if (!pte_present(pte))
		return swap_residency(tally, pte_to_swp_entry(pte), page, 1);
	if (pte_special(pte)) {
		if (!(vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) &&
		    is_zero_pfn(pte_pfn(pte)))
			return SPANHEAP_ZERO;
		return SPANHEAP_NONE;
	}
	*page = pte_page(pte);
	return page_residency(tally, intent, *page, pte_dirty(pte));
}

/**
 * residency_count_pte() - count one entry
 * @tally: where
 * @vma: that covers it
 * @pte: the entry, its table locked
 * @intent: what the owner says of the page
 * @addr: of the page
 */
void residency_count_pte(struct tally *tally, const struct vm_area_struct *vma, pte_t pte,
			 unsigned int intent, unsigned long addr)
{
	struct page *page;
	unsigned int residency = pte_residency(tally, vma, pte, intent, &page);

	tally_page(tally, addr, intent, residency, page);
}

/* The huge zero page has no name that modules know: it is nobody's page. */
static bool is_huge_zero(struct page *page)
{
	return !PageAnon(page) && !READ_ONCE(page_folio(page)->mapping);
}

static struct page *pmd_normal_page(const struct vm_area_struct *vma, pmd_t pmd)
{
	if (compat_pmd_special(pmd) || pmd_devmap(pmd))
		return NULL;
	if ((vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) && !pfn_valid(pmd_pfn(pmd)))
		return NULL;
	if ((vma->vm_flags & VM_PFNMAP) && !is_cow_mapping(vma->vm_flags))
		return NULL;
	return pmd_page(pmd);
}

/*
 * Pages of one huge page. While it waits in a batch it is LAZYFREE where its
 * owner says LAZY, so that its pages have to be looked at one by one.
 */
static void count_huge_page(struct tally *tally, struct intents *intents,
			    struct page *page, bool dirty,
			    unsigned long addr, unsigned long end)
{
	unsigned int residency = page_residency(tally, SPANHEAP_IN_USE, page, dirty);
	struct intent_run run;
	unsigned long stop, at;

	tally->huge += (end - addr) >> PAGE_SHIFT;
	if (residency != SPANHEAP_RESIDENT || dirty || !awaits_lazyfree(page_folio(page))) {
		tally_uniform(tally, intents, addr, end, residency, page);
		return;
	}
	for (; addr < end; addr = stop) {
		stop = intents_run(intents, addr, end, &run);
		for (at = addr; at < stop; at += PAGE_SIZE) {
			unsigned int intent = tally_run_intent(tally, &run,
							       (at - addr) >> PAGE_SHIFT);

			tally_page(tally, at, intent,
				   page_residency(tally, intent, page, dirty), page);
		}
	}
}

/**
 * residency_count_pmd() - count (part of) a huge entry
 * @tally: where
 * @intents: what the owner says
 * @vma: that covers the range
 * @pmd: the entry, neither empty nor a page table, its lock held
 * @addr: first address
 * @end: the address after the last, within the entry
 */
void residency_count_pmd(struct tally *tally, struct intents *intents,
			 const struct vm_area_struct *vma, pmd_t pmd,
			 unsigned long addr, unsigned long end)
{
	unsigned int residency = SPANHEAP_NONE;
	struct page *page = NULL;

	if (!pmd_present(pmd)) {
		residency = swap_residency(tally, pmd_to_swp_entry(pmd), &page,
					   (end - addr) >> PAGE_SHIFT);
	} else {
		page = pmd_normal_page(vma, pmd);
		if (page && !is_huge_zero(page)) {
			count_huge_page(tally, intents, page, pmd_dirty(pmd), addr, end);
			tally_mark(tally, addr, end, SPANHEAP_VEC_HUGE);
			return;
		}
		if (page)
			residency = SPANHEAP_ZERO;
		page = NULL;
	}
	tally_uniform(tally, intents, addr, end, residency, page);
	tally_mark(tally, addr, end, SPANHEAP_VEC_HUGE);
}

/**
 * residency_is_hugetlb() - whether an entry of hugetlbfs holds memory
 * @entry: the entry, whatever its level
 *
 * Return: whether smaps would count it.
 */
bool residency_is_hugetlb(pte_t entry)
{
	if (pte_none(entry))
		return false;
	return pte_present(entry) || is_pfn_swap_entry(pte_to_swp_entry(entry));
}
