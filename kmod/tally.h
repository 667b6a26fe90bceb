/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: what a walk has found so far, in pages. */
#ifndef SPANHEAP_TALLY_H
#define SPANHEAP_TALLY_H

#include <linux/mm.h>
#include <linux/types.h>

#include <linux/spanheap.h>

#include "intents.h"

/**
 * struct tally - what a walk has found
 * @pages: base pages by residency and intent: the other way round than in a
 *	matrix, as the intent is the index that is computed
 * @batched: see struct spanheap_ledger, as all that follow, in base pages
 * @huge: likewise
 * @hugetlb: likewise
 * @skipped: likewise
 * @bad_intent: likewise
 * @migrating_anon: likewise
 * @poisoned: likewise
 * @nodes: an array of nr_node_ids matrices in pages, or NULL when nobody asked
 * @vec: a byte per page from @vec_start on, or NULL when nobody asked
 * @vec_start: address of the first byte of @vec
 */
struct tally {
	u64 pages[SPANHEAP_NR_RESIDENCIES][SPANHEAP_NR_INTENTS];
	u64 batched;
	u64 huge;
	u64 hugetlb;
	u64 skipped;
	u64 bad_intent;
	u64 migrating_anon;
	u64 poisoned;
	struct spanheap_matrix *nodes;
	u8 *vec;
	unsigned long vec_start;
};

/**
 * tally_vec() - where in the vector a page is
 * @tally: one with a vector
 * @addr: of the page
 *
 * Return: its byte.
 */
static inline u8 *tally_vec(const struct tally *tally, unsigned long addr)
{
	return tally->vec + ((addr - tally->vec_start) >> PAGE_SHIFT);
}

/* Eight bytes of a page map at a time. */
#define OCTET		8
#define OCTET_OF(byte)	((u64)(byte) * 0x0101010101010101ULL)

static __always_inline bool octet_is_uniform(u64 intents)
{
	return intents == OCTET_OF(intents & 0xff);
}

/* Whether one of them holds the reserved code. */
static __always_inline bool octet_has_reserved(u64 intents)
{
	return intents & (intents >> 1) & (intents >> 2) & OCTET_OF(1);
}

/* What the vector says of pages with these intents and one residency. */
static __always_inline u64 octet_vec(u64 intents, unsigned int residency)
{
	return (intents & OCTET_OF(SPANHEAP_INTENT_MASK)) |
	       OCTET_OF(residency << SPANHEAP_VEC_RESIDENCY_SHIFT);
}

/**
 * tally_intent() - the intent that a byte of a map stands for
 * @tally: notes bad bytes
 * @byte: as the owner wrote it
 */
static inline unsigned int tally_intent(struct tally *tally, u8 byte)
{
	unsigned int intent = byte & SPANHEAP_INTENT_MASK;

	if (unlikely(intent == SPANHEAP_OUTSIDE)) {
		tally->bad_intent++;
		return SPANHEAP_IN_USE;
	}
	return intent;
}

/**
 * tally_run_intent() - the intent of one page of a run
 * @tally: notes bad bytes
 * @run: the run
 * @i: which of its pages
 */
static inline unsigned int tally_run_intent(struct tally *tally,
					    const struct intent_run *run, unsigned long i)
{
	return run->bytes ? tally_intent(tally, READ_ONCE(run->bytes[i])) : run->fixed;
}

/**
 * tally_page() - count one base page
 * @tally: where
 * @addr: of the page
 * @intent: what its owner says
 * @residency: what the page table says
 * @page: it, or NULL when there is none
 */
static inline void tally_page(struct tally *tally, unsigned long addr,
			      unsigned int intent, unsigned int residency,
			      const struct page *page)
{
	tally->pages[residency][intent]++;
	if (tally->nodes && page)
		tally->nodes[page_to_nid(page)].bytes[intent][residency]++;
	if (tally->vec)
		*tally_vec(tally, addr) = intent | residency << SPANHEAP_VEC_RESIDENCY_SHIFT;
}

struct tally *tally_alloc(bool nodes);
void tally_free(struct tally *tally);
void tally_uniform(struct tally *tally, struct intents *intents, unsigned long addr,
		   unsigned long end, unsigned int residency, const struct page *page);
void tally_skipped(struct tally *tally, struct intents *intents, unsigned long addr,
		   unsigned long end);
void tally_mark(struct tally *tally, unsigned long addr, unsigned long end, u8 flag);

#endif /* SPANHEAP_TALLY_H */
