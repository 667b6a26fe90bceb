// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tallies come and go here; counting of long runs with one residency, holes and huge
 * mappings, is called by the walker under its locks and never sleeps.
 */
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "compat.h"
#include "tally.h"

/**
 * tally_alloc() - an empty tally
 * @nodes: whether it counts by node, too
 *
 * Context: may sleep.
 * Return: NULL when there is no memory.
 */
struct tally *tally_alloc(bool nodes)
{
	struct tally *tally = kzalloc(sizeof(*tally), GFP_KERNEL);

	if (!tally || !nodes)
		return tally;
	tally->nodes = kvcalloc(nr_node_ids, sizeof(*tally->nodes), GFP_KERNEL);
	if (tally->nodes)
		return tally;
	kfree(tally);
	return NULL;
}

/**
 * tally_free() - what tally_alloc() gave
 * @tally: may be NULL
 */
void tally_free(struct tally *tally)
{
	if (tally)
		kvfree(tally->nodes);
	kfree(tally);
}

/* How many octets from the first on are the same as it is: half an instruction a page. */
static unsigned long octets_alike(const u8 *bytes, unsigned long max)
{
	u64 first = get_unaligned((const u64 *)bytes);
	unsigned long n = 1, k;

	while (n + 8 <= max) {
		u64 differ = 0;

#pragma GCC unroll 8
		for (k = 0; k < 8; k++)
			differ |= get_unaligned((const u64 *)bytes + n + k) ^ first;
		if (differ)
			break;
		n += 8;
	}
	while (n < max && get_unaligned((const u64 *)bytes + n) == first)
		n++;
	return n;
}

/* A run page by page, from page @i on. */
static void count_pages(struct tally *tally, const struct intent_run *run,
			unsigned long i, unsigned long nr, unsigned long addr,
			unsigned int residency, const struct page *page)
{
	for (; i < nr; i++)
		tally_page(tally, addr + (i << PAGE_SHIFT),
			   tally_run_intent(tally, run, i), residency, page);
}

/* A run that its owner has said something of. Return: how many pages were counted. */
static unsigned long count_bytes(struct tally *tally, const struct intent_run *run,
				 unsigned long nr, unsigned long addr,
				 unsigned int residency)
{
	u8 *vec = tally->vec ? tally_vec(tally, addr) : NULL;
	unsigned long i, n, k;

	for (i = 0; i + OCTET <= nr; i += n * OCTET) {
		const u8 *bytes = run->bytes + i;
		u64 intents = get_unaligned((const u64 *)bytes);

		n = 1;
		if (octet_has_reserved(intents) || !octet_is_uniform(intents)) {
			count_pages(tally, run, i, i + OCTET, addr, residency, NULL);
			continue;
		}
		n = octets_alike(bytes, (nr - i) / OCTET);
		tally->pages[residency][intents & SPANHEAP_INTENT_MASK] += n * OCTET;
		for (k = 0; vec && k < n; k++)
			put_unaligned(octet_vec(intents, residency),
				      (u64 *)(vec + i) + k);
	}
	return i;
}

static void count_run(struct tally *tally, const struct intent_run *run,
		      unsigned long addr, unsigned long end, unsigned int residency,
		      const struct page *page)
{
	unsigned long nr = (end - addr) >> PAGE_SHIFT, done = 0;

	if (tally->nodes && page) {
		count_pages(tally, run, 0, nr, addr, residency, page);
		return;
	}
	if (run->bytes) {
		done = count_bytes(tally, run, nr, addr, residency);
		count_pages(tally, run, done, nr, addr, residency, NULL);
		return;
	}
	tally->pages[residency][run->fixed] += nr;
	if (tally->vec)
		memset(tally_vec(tally, addr), octet_vec(run->fixed, residency), nr);
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
		*tally_vec(tally, addr) |= flag;
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
			*tally_vec(tally, at) = SPANHEAP_VEC_SKIPPED |
				tally_run_intent(tally, &run, (at - addr) >> PAGE_SHIFT);
	}
}
