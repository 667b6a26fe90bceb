/* SPDX-License-Identifier: MIT */
/*
 * A span: a run of heap pages for objects of one class, or for one large
 * object. The truth about which objects are free is the bitmap in here, out of
 * band; the links that lie in free objects belong to thread caches and are
 * bounded by them.
 *
 * Any thread gives objects back with no lock (span_give). Objects are claimed
 * only under the lock of the class's central list (span_claim), or by who has
 * just made the span and shown it to nobody.
 *
 * States, all in the one word @state so that each change is one CAS:
 *
 *	count	objects given back and counted. span_give sets bits first and
 *		counts second, span_claim clears bits first and counts second. So
 *		between the two steps of others the count may be off, even below
 *		zero (hence the bias), but @count == all objects means that every
 *		bit is set and no giver is half-way.
 *	LISTED	the span is on its central list, or the giver who set the flag is
 *		about to put it there. Set by the giver who finds it clear: exactly
 *		one. Cleared only under the central lock, by who has found no bit
 *		and a count <= 0 and has taken the span off the list. A giver that
 *		comes later sees it clear and lists the span again; one that was
 *		half-way is such a giver. So a span with a free object is listed,
 *		or about to be: none is lost.
 *	LINKED	it has arrived on the list. Set and cleared under the central lock.
 *	PINNED	the giver who has made a listed span empty comes to release it: it
 *		sets the flag with the same CAS, takes the central lock, clears
 *		the flag, and releases the span if it is still empty and LINKED.
 *		While the flag is set nobody else releases it, and others that
 *		make the span empty again do nothing. If it is not linked yet,
 *		whoever links it finds it empty and not pinned, and releases it.
 *	epoch	of the process (see fork.h). Flags of another epoch are void: they
 *		speak of lists that were abandoned at a fork.
 *
 * A giver that makes an unlisted span empty at once owns it, and releases it
 * with no lock; if it is still pinned from its time on the list, it is listed. A giver touches the span after its CAS only if that CAS has set
 * LISTED or PINNED, or made it the owner.
 */
#ifndef SPANHEAP_LIB_SPAN_H
#define SPANHEAP_LIB_SPAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sizeclass.h"

#define SPAN_WORDS	(SPAN_MAX_OBJECTS / 64)

struct heap_reserve;

/**
 * struct span - two cache lines of record, never unmapped
 * @next: on the list it is on: central, span cache, pool
 * @prev: likewise
 * @base: first byte, page-aligned
 * @pages: length in heap pages
 * @reserve: where it is cut from; NULL: a mapping of its own (large.c)
 * @class: size class; 0: one large object
 * @zeroed: whether its pages were zero when it was cut
 * @far: it is on the central list's second part (central.c)
 * @looks: how often @seen was looked at since it was set
 * @state: see above
 * @guarded: a mapping of its own has a page without access on either side
 * @freed_at: when it came into the span cache, on the clock of heap.c
 * @seen: base pages that were free at the scavenger's first look, and no object was
 *	claimed since; under the central lock. (A span is on a central list or in
 *	the span cache, not in both)
 * @away: base pages that are not IN_USE (spanpages.h); under the central lock
 * @free: a bit an object; 1 is free
 */
struct span {
	struct span *next;
	struct span *prev;
	char *base;
	size_t pages;
	struct heap_reserve *reserve;
	uint8_t class;
	bool zeroed;
	bool far;
	uint8_t looks;
	_Atomic uint32_t state;
	union {
		bool guarded;
		uint32_t freed_at;
		uint64_t seen;
	};
	uint64_t away;
	_Atomic uint64_t free[SPAN_WORDS] __attribute__((aligned(64)));
};

enum span_fate {
	SPAN_LEFT,	/* somebody else sees to it: do not touch it again */
	SPAN_TO_LIST,	/* the caller puts it on the central list */
	SPAN_PINNED,	/* the caller goes for the lock, then span_unpin() */
	SPAN_OWNED,	/* empty and the caller's: release it */
};

/** span_init() - all objects free, nobody knows it yet, LISTED is set */
void span_init(struct span *span, size_t class);

/**
 * span_object() - number of the object that starts at @ptr
 *
 * Return: -1 when no object starts there.
 */
static inline int span_object(const struct span *span, const void *ptr)
{
	const struct class_info *info = &class_info[span->class];
	uint64_t offset = (uint64_t)((const char *)ptr - span->base);
	uint64_t object = offset * info->reciprocal >> 32;

	if (object >= info->objects || object * info->size != offset)
		return -1;
	return (int)object;
}

/**
 * span_give() - objects come back
 * @word: of @free that they are in
 * @bits: which; none of them is free yet, else the program has freed one twice
 *	and is ended here
 * @nr: how many bits
 */
enum span_fate span_give(struct span *span, unsigned int word, uint64_t bits, unsigned int nr);

/**
 * span_claim_locked() - take free objects, but none that touches a page that is away
 * @max: at most so many
 * @objects: filled in, by ascending address
 *
 * Return: how many; less than @max only when no more were free.
 */
unsigned int span_claim_locked(struct span *span, unsigned int max, void **objects);

/**
 * span_claim_far_locked() - take free objects, and the pages back that they touch
 *
 * Return: as above; less also when the module is at a page.
 */
unsigned int span_claim_far_locked(struct span *span, unsigned int max, void **objects);

/** span_claim_bits_locked() - take exactly these objects, all of them free */
void span_claim_bits_locked(struct span *span, const uint64_t bits[SPAN_WORDS]);

/** span_has_near() - whether there is anything for span_claim_locked() */
bool span_has_near(const struct span *span);

/**
 * span_link_locked() - a listed span arrives on the list
 *
 * Return: false when it is empty and the caller's to release: it stays off.
 */
bool span_link_locked(struct span *span);

/** span_looks_full() - whether it is worth to try span_unlist_locked() */
bool span_looks_full(const struct span *span);

/**
 * span_unlist_locked() - clear LISTED of a span with no free object
 *
 * The span must be off the list already: from now on a giver may push it.
 * Return: false when one has come back meanwhile: it stays listed.
 */
bool span_unlist_locked(struct span *span);

/**
 * span_unpin_locked() - the caller of SPAN_PINNED has the lock now
 *
 * Return: whether the span is linked and empty: then the caller unlinks and
 * releases it.
 */
bool span_unpin_locked(struct span *span);

/** span_nr_free() - free objects right now, by the bitmap */
unsigned int span_nr_free(const struct span *span);

#endif /* SPANHEAP_LIB_SPAN_H */
