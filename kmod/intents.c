// SPDX-License-Identifier: GPL-2.0-only
/*
 * A snapshot of an owner's regions and the reading of their page maps. A ledger
 * opens it before it takes the mmap lock; the walker then reads maps under any
 * lock, since it holds references and pages of a map never go away before the
 * region does. Never trusts a byte: whatever stands in a map is a byte.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "heap.h"
#include "intents.h"
#include "pagemap.h"
#include "region.h"

static bool intents_fill_locked(struct intents *intents, struct owner *owner,
				const struct heap *only, unsigned int room)
{
	struct region *region;

	for (region = region_first_locked(owner, 0); region;
	     region = region_next_locked(region)) {
		if (only && region->heap != only)
			continue;
		if (intents->nr == room)
			return false;
		kref_get(&region->ref);
		intents->regions[intents->nr++] = region;
	}
	return true;
}

/**
 * intents_open() - take a snapshot of the regions of an mm
 * @intents: filled in
 * @owner: of the mm, or NULL when it has no heap
 * @only: only regions of this heap, or NULL for all
 *
 * Context: may sleep.
 * Return: 0, then intents_close() undoes it; -ENOMEM.
 */
int intents_open(struct intents *intents, struct owner *owner, const struct heap *only)
{
	unsigned int room;
	bool complete;

	*intents = (struct intents) {};
	if (!owner)
		return 0;
	do {
		intents_close(intents);
		room = READ_ONCE(owner->nr_regions) + 8;
		intents->regions = kvmalloc_array(room, sizeof(*intents->regions),
						  GFP_KERNEL);
		if (!intents->regions)
			return -ENOMEM;
		spin_lock(&owner->lock);
		complete = intents_fill_locked(intents, owner, only, room);
		spin_unlock(&owner->lock);
	} while (!complete);
	return 0;
}

/**
 * intents_close() - let go of a snapshot
 * @intents: which; may be empty
 *
 * Context: may sleep.
 */
void intents_close(struct intents *intents)
{
	while (intents->nr)
		region_put(intents->regions[--intents->nr]);
	kvfree(intents->regions);
	*intents = (struct intents) {};
}

/* Make @at the first region that ends above @addr. */
static void intents_seek(struct intents *intents, unsigned long addr)
{
	if (intents->at && intents->regions[intents->at - 1]->end > addr)
		intents->at = 0;
	while (intents->at < intents->nr && intents->regions[intents->at]->end <= addr)
		intents->at++;
}

/**
 * intents_run() - what is said of the pages from an address on
 * @intents: the snapshot
 * @addr: first address
 * @end: where to stop at the latest
 * @run: filled in
 *
 * Return: the end of the run, above @addr and at most @end: runs end with
 * regions and with pages of their maps.
 */
unsigned long intents_run(struct intents *intents, unsigned long addr,
			  unsigned long end, struct intent_run *run)
{
	const struct region *region;
	unsigned long byte, stop;
	const u8 *bytes;

	intents_seek(intents, addr);
	region = intents->at < intents->nr ? intents->regions[intents->at] : NULL;
	if (!region || addr < region->start) {
		run->bytes = NULL;
		run->fixed = SPANHEAP_OUTSIDE;
		return region ? min(end, region->start) : end;
	}

	byte = (addr - region->start) >> PAGE_SHIFT;
	bytes = pagemap_read(region->map, byte >> PAGE_SHIFT);
	run->bytes = bytes ? bytes + offset_in_page(byte) : NULL;
	run->fixed = SPANHEAP_UNUSED;
	/* the rest of this page of the map, without overflow at the top */
	stop = min(end, region->end);
	return addr + min(stop - addr, (PAGE_SIZE - offset_in_page(byte)) << PAGE_SHIFT);
}

/* Pages of one page of a map that are said to be @intent. */
static unsigned long said_in(const u8 *bytes, unsigned int intent)
{
	u64 first = READ_ONCE(*(const u64 *)bytes), word;
	bool none = first == (first & 0xff) * 0x0101010101010101ULL &&
		    (first & SPANHEAP_INTENT_MASK) != intent;
	unsigned long said = 0, i, k;

	for (i = 0; i < PAGE_SIZE; i += sizeof(word)) {
		word = READ_ONCE(*(const u64 *)(bytes + i));
		/* long runs of the same are what maps are made of */
		if (none && word == first)
			continue;
		for (k = 0; k < sizeof(word); k++, word >>= 8)
			said += (word & SPANHEAP_INTENT_MASK) == intent;
	}
	return said;
}

/**
 * intents_sum() - how long the regions are, and how much of it is of one intent
 * @intents: the snapshot
 * @intent: which
 * @bytes: out: sum of the lengths
 * @said: out: of that, what is said to be @intent
 *
 * Reads a byte a page of memory, where the map was ever touched.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR after a fatal signal.
 */
int intents_sum(const struct intents *intents, unsigned int intent, u64 *bytes, u64 *said)
{
	unsigned long index;
	unsigned int i;
	const u8 *map;

	*bytes = 0;
	*said = 0;
	for (i = 0; i < intents->nr; i++) {
		const struct region *region = intents->regions[i];

		*bytes += region->end - region->start;
		for (index = 0; index < region->map->nr_pages; index++) {
			map = pagemap_read(region->map, index);
			if (map)
				*said += (u64)said_in(map, intent) << PAGE_SHIFT;
			if (index % 64)
				continue;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
		}
	}
	return 0;
}
