// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting of a page table, fast: eight entries at a time where they are alike or
 * plain, one by one through residency.c where not. Called by walk.c with the
 * table's lock held; never sleeps.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/page-flags.h>

#include "compat.h"
#include "ptes.h"
#include "residency.h"

/* Entries from @ptep and @addr on, which are page @first of the run and the next. */
static void count_ptes(struct tally *tally, const struct vm_area_struct *vma,
		       const pte_t *ptep, unsigned long addr,
		       const struct intent_run *run, unsigned long first, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		residency_count_pte(tally, vma, ptep_get((pte_t *)ptep + i),
				    tally_run_intent(tally, run, first + i),
				    addr + (i << PAGE_SHIFT));
}

#ifdef CONFIG_X86_64
/*
 * Eight entries of anonymous memory at a time, as words. Cost, in instructions a
 * page: 5 when all are dirty, 12 when all are lazily free, 18 when they differ;
 * the general way takes 70 and more (bench/ledger-cost.c). What does not fit goes the general way.
 *
 * A present, dirty, normal entry of an anonymous mapping is in use, with no look
 * at its page. (Special entries are zero pages, those of KSM dirty.)
 */
#define PAGE_IN_USE	(BIT(PG_swapbacked) | BIT(PG_dirty))

/* Under Xen PV entries are not what they seem. */
static bool octets_fit(void)
{
	return !boot_cpu_has(X86_FEATURE_XENPV);
}

static bool is_plain_anon(const struct vm_area_struct *vma)
{
	return vma_is_anonymous((struct vm_area_struct *)vma) &&
	       !(vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP));
}

/*
 * A plain load: the processor may set accessed and dirty bits meanwhile, and the
 * entry before and after is as good.
 */
static __always_inline pteval_t pte_word(const pte_t *ptep)
{
	return ptep->pte;
}

/*
 * The page of a present entry. The array of pages is indexed by what is left of
 * the word; @frame is PTE_PFN_MASK, which is not a constant.
 */
static __always_inline const struct page *word_page(pteval_t word, pteval_t frame)
{
	const unsigned int shift = PAGE_SHIFT - ilog2(sizeof(struct page));

	if (!is_power_of_2(sizeof(struct page)) || !IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
		return pfn_to_page((word & frame) >> PAGE_SHIFT);
	return (const void *)vmemmap + ((word & frame) >> shift);
}

/* The mask as a value that the compiler keeps in a register. */
static __always_inline pteval_t frame_mask(void)
{
	pteval_t frame = PTE_PFN_MASK;

	OPTIMIZER_HIDE_VAR(frame);
	return frame;
}

/* In what bits any of eight entries differs from a pattern. */
static __always_inline pteval_t octet_differs(const pte_t *ptep, pteval_t pattern)
{
	pteval_t differs = 0;
	unsigned int k;

#pragma GCC unroll 8
	for (k = 0; k < OCTET; k++)
		differs |= pte_word(ptep + k) ^ pattern;
	return differs;
}

static __always_inline bool octet_is_present(const pte_t *ptep)
{
	return !(octet_differs(ptep, _PAGE_PRESENT) & (_PAGE_PRESENT | _PAGE_SPECIAL));
}

static __always_inline bool octet_is_used(const pte_t *ptep)
{
	const pteval_t used = _PAGE_PRESENT | _PAGE_DIRTY;

	return !(octet_differs(ptep, used) & (used | _PAGE_SPECIAL));
}

static __always_inline bool octet_is_empty(const pte_t *ptep)
{
	return !octet_differs(ptep, 0);
}

/* Tails of huge pages have no flags of their own: they are left to others. */
static __always_inline bool octet_is_lazyfree(const pte_t *ptep)
{
	const pteval_t frame = frame_mask();
	unsigned long flags = 0, heads = 0;
	unsigned int k;

	if (octet_differs(ptep, _PAGE_PRESENT) &
	    (_PAGE_PRESENT | _PAGE_SPECIAL | _PAGE_DIRTY_BITS))
		return false;
#pragma GCC unroll 8
	for (k = 0; k < OCTET; k++) {
		const struct page *page = word_page(pte_word(ptep + k), frame);

		flags |= page->flags;
		heads |= page->compound_head;
	}
	return !(flags & PAGE_IN_USE) && !(heads & 1);
}

/*
 * How many octets from the first on are of one kind, under the same intents.
 * This is the loop that a ledger consists of.
 */
static __always_inline unsigned long octets_of(bool (*is_kind)(const pte_t *ptep),
					       const pte_t *ptep, const u8 *bytes,
					       u64 intents, unsigned long max)
{
	unsigned long n;

	for (n = 0; n < max; n++, ptep += OCTET) {
		if (!is_kind(ptep))
			break;
		if (bytes && get_unaligned((const u64 *)bytes + n) != intents)
			break;
	}
	return n;
}

/* Functions of their own, so that each has the registers for itself. */
static noinline unsigned long used_octets(const pte_t *ptep, const u8 *bytes, u64 intents,
					  unsigned long max)
{
	return octets_of(octet_is_used, ptep, bytes, intents, max);
}

static noinline unsigned long lazyfree_octets(const pte_t *ptep, const u8 *bytes,
					      u64 intents, unsigned long max)
{
	return octets_of(octet_is_lazyfree, ptep, bytes, intents, max);
}

static noinline unsigned long empty_octets(const pte_t *ptep, const u8 *bytes, u64 intents,
					   unsigned long max)
{
	return octets_of(octet_is_empty, ptep, bytes, intents, max);
}

/* Eight entries, all present and normal, no code reserved; @vec may be NULL. */
static __always_inline void count_present(struct tally *tally, u8 *vec,
					  const struct vm_area_struct *vma,
					  const pte_t *ptep, u64 intents,
					  unsigned long addr, pteval_t frame)
{
	unsigned int k;

#pragma GCC unroll 8
	for (k = 0; k < OCTET; k++, intents >>= 8) {
		unsigned int intent = intents & SPANHEAP_INTENT_MASK;
		pteval_t word = pte_word(ptep + k);
		const struct page *page;

		if (word & _PAGE_DIRTY_BITS) {
			tally->pages[SPANHEAP_RESIDENT][intent]++;
			if (vec)
				vec[k] = octet_vec(intent, SPANHEAP_RESIDENT);
			continue;
		}
		page = word_page(word, frame);
		if (unlikely(page->compound_head & 1 || page->flags & PAGE_IN_USE)) {
			residency_count_pte(tally, vma, ptep_get((pte_t *)ptep + k), intent,
					    addr + k * PAGE_SIZE);
			continue;
		}
		tally->pages[SPANHEAP_LAZYFREE][intent]++;
		if (vec)
			vec[k] = octet_vec(intent, SPANHEAP_LAZYFREE);
	}
}

/*
 * Octets of present entries that differ, in themselves or in what is said of
 * them: the first, and as many as do the latter. Return: how many.
 */
static __always_inline unsigned long mixed_octets(struct tally *tally, bool vec,
						  const struct vm_area_struct *vma,
						  const pte_t *ptep, const u8 *bytes,
						  u64 intents, unsigned long max,
						  unsigned long addr)
{
	const pteval_t frame = frame_mask();
	unsigned long n = 0;

	do {
		if (!octet_is_present(ptep))
			break;
		count_present(tally, vec ? tally_vec(tally, addr) : NULL, vma, ptep, intents,
			      addr, frame);
		ptep += OCTET;
		addr += OCTET * PAGE_SIZE;
		if (++n == max || !bytes)
			break;
		intents = get_unaligned((const u64 *)bytes + n);
	} while (!octet_is_uniform(intents) && !octet_has_reserved(intents));
	return n;
}

/* Functions of their own, as above. */
static noinline unsigned long count_mixed(struct tally *tally,
					  const struct vm_area_struct *vma,
					  const pte_t *ptep, const u8 *bytes, u64 intents,
					  unsigned long max, unsigned long addr)
{
	return mixed_octets(tally, false, vma, ptep, bytes, intents, max, addr);
}

static noinline unsigned long count_mixed_vec(struct tally *tally,
					      const struct vm_area_struct *vma,
					      const pte_t *ptep, const u8 *bytes, u64 intents,
					      unsigned long max, unsigned long addr)
{
	return mixed_octets(tally, true, vma, ptep, bytes, intents, max, addr);
}

/* The nodes of present pages are written on them. */
static noinline void tally_nodes(struct tally *tally, const pte_t *ptep, unsigned long nr,
				 unsigned int intent, unsigned int residency)
{
	const pteval_t frame = frame_mask();
	unsigned long i;

	for (i = 0; i < nr; i++) {
		int nid = page_to_nid(word_page(pte_word(ptep + i), frame));

		tally->nodes[nid].bytes[intent][residency]++;
	}
}

/*
 * Octets of one kind and intent, from the first on. Outside anonymous memory it
 * takes a look at the page to tell more than empty ones. Return: how many; 0 when
 * the first is not of one kind.
 */
static unsigned long count_alike(struct tally *tally, bool anon, const pte_t *ptep,
				 const u8 *bytes, u64 intents, unsigned long max,
				 unsigned long addr)
{
	unsigned int residency = SPANHEAP_RESIDENT;
	unsigned long n = 0;

	if (anon)
		n = used_octets(ptep, bytes, intents, max);
	if (anon && !n) {
		residency = SPANHEAP_LAZYFREE;
		n = lazyfree_octets(ptep, bytes, intents, max);
	}
	if (!n) {
		residency = SPANHEAP_NONE;
		n = empty_octets(ptep, bytes, intents, max);
	}
	tally->pages[residency][intents & SPANHEAP_INTENT_MASK] += n * OCTET;
	if (tally->nodes && residency != SPANHEAP_NONE)
		tally_nodes(tally, ptep, n * OCTET, intents & SPANHEAP_INTENT_MASK, residency);
	if (tally->vec)
		memset(tally_vec(tally, addr), octet_vec(intents, residency), n * OCTET);
	return n;
}

/* Return: how many entries were counted, from the first on. */
static unsigned long count_octets(struct tally *tally, const struct vm_area_struct *vma,
				  const pte_t *ptep, unsigned long addr, unsigned long nr,
				  const struct intent_run *run)
{
	u64 intents = OCTET_OF(run->fixed);
	bool anon = is_plain_anon(vma);
	unsigned long i, n;

	for (i = 0; i + OCTET <= nr; i += n * OCTET) {
		const u8 *bytes = run->bytes ? run->bytes + i : NULL;
		unsigned long at = addr + (i << PAGE_SHIFT), max = (nr - i) / OCTET;
		bool reserved = false;

		if (bytes) {
			intents = get_unaligned((const u64 *)bytes);
			reserved = octet_has_reserved(intents);
		}
		n = 0;
		if (!reserved && octet_is_uniform(intents))
			n = count_alike(tally, anon, ptep + i, bytes, intents, max, at);
		if (!n && !reserved && anon && !tally->nodes)
			n = (tally->vec ? count_mixed_vec : count_mixed)
				(tally, vma, ptep + i, bytes, intents, max, at);
		if (!n) {
			count_ptes(tally, vma, ptep + i, at, run, i, OCTET);
			n = 1;
		}
	}
	return i;
}
#else
static bool octets_fit(void)
{
	return false;
}

static unsigned long count_octets(struct tally *tally, const struct vm_area_struct *vma,
				  const pte_t *ptep, unsigned long addr, unsigned long nr,
				  const struct intent_run *run)
{
	return 0;
}
#endif /* CONFIG_X86_64 */

/**
 * ptes_count() - count (part of) a page table
 * @tally: where
 * @intents: what the owner says
 * @vma: that covers the range
 * @ptep: entry of @addr; its table is locked
 * @addr: first address
 * @end: the address after the last, in the same table
 */
void ptes_count(struct tally *tally, struct intents *intents,
		const struct vm_area_struct *vma, const pte_t *ptep,
		unsigned long addr, unsigned long end)
{
	bool fit = octets_fit();
	unsigned long stop, nr, done;
	struct intent_run run;

	for (; addr < end; addr = stop, ptep += nr) {
		stop = intents_run(intents, addr, end, &run);
		nr = (stop - addr) >> PAGE_SHIFT;
		done = fit ? count_octets(tally, vma, ptep, addr, nr, &run) : 0;
		count_ptes(tally, vma, ptep + done, addr + (done << PAGE_SHIFT), &run,
			   done, nr - done);
	}
}

