// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting of long runs with one residency: holes and huge mappings. Called by
 * the walker under its locks; never sleeps.
 */
#include "compat.h"
#include "tally.h"

#define PER_WORD	sizeof(u64)
#define WORD_OF(byte)	((byte) * 0x0101010101010101ULL)

static void count_bytes(struct tally *tally, const u8 *bytes, unsigned long nr,
			unsigned int residency)
{
	unsigned long i = 0;
	unsigned int k;

	for (; i + PER_WORD <= nr; i += PER_WORD) {
		u64 word = get_unaligned((const u64 *)(bytes + i));

		if (word == WORD_OF(word & 0xff) &&
		    (word & SPANHEAP_INTENT_MASK) != SPANHEAP_OUTSIDE) {
			tally->pages[word & SPANHEAP_INTENT_MASK][residency] += PER_WORD;
			continue;
		}
		for (k = 0; k < PER_WORD; k++, word >>= 8)
			tally->pages[tally_intent(tally, word)][residency]++;
	}
	for (; i < nr; i++)
		tally->pages[tally_intent(tally, READ_ONCE(bytes[i]))][residency]++;
}

static void count_run(struct tally *tally, const struct intent_run *run,
		      unsigned long addr, unsigned long end, unsigned int residency,
		      const struct page *page)
{
	unsigned long nr = (end - addr) >> PAGE_SHIFT, i;

	if (!tally->vec && !(tally->nodes && page)) {
		if (run->bytes)
			count_bytes(tally, run->bytes, nr, residency);
		else
			tally->pages[run->fixed][residency] += nr;
		return;
	}
	for (i = 0; i < nr; i++)
		tally_page(tally, addr + (i << PAGE_SHIFT),
			   tally_run_intent(tally, run, i), residency, page);
}

/**
 * tally_uniform() - count a range whose pages all have one residency
 * @tally: where
 * @intents: what their owner says
 * @addr: first address
 * @end: the address after the last
 * @residency: of all of them
 * @page: a page of the huge page that they are, or NULL
 */
void tally_uniform(struct tally *tally, struct intents *intents, unsigned long addr,
		   unsigned long end, unsigned int residency, const struct page *page)
{
	struct intent_run run;
	unsigned long stop;

	for (; addr < end; addr = stop) {
		stop = intents_run(intents, addr, end, &run);
		count_run(tally, &run, addr, stop, residency, page);
	}
}

/**
 * tally_mark() - set a flag in the vector, where there is one
 * @tally: whose
 * @addr: first address
 * @end: the address after the last
 * @flag: SPANHEAP_VEC_*
 */
void tally_mark(struct tally *tally, unsigned long addr, unsigned long end, u8 flag)
{
	if (!tally->vec)
		return;
	for (; addr < end; addr += PAGE_SIZE)
		tally->vec[(addr - tally->vec_start) >> PAGE_SHIFT] |= flag;
}

/**
 * tally_skipped() - count a range that could not be looked at
 * @tally: where
 * @intents: what its owner says, for the vector alone
 * @addr: first address
 * @end: the address after the last
 */
void tally_skipped(struct tally *tally, struct intents *intents, unsigned long addr,
		   unsigned long end)
{
	struct intent_run run;
	unsigned long stop;

	tally->skipped += (end - addr) >> PAGE_SHIFT;
	if (!tally->vec)
		return;
	for (; addr < end; addr = stop) {
		unsigned long at;

		stop = intents_run(intents, addr, end, &run);
		for (at = addr; at < stop; at += PAGE_SIZE)
			tally->vec[(at - tally->vec_start) >> PAGE_SHIFT] =
				SPANHEAP_VEC_SKIPPED |
				tally_run_intent(tally, &run, (at - addr) >> PAGE_SHIFT);
	}
}
