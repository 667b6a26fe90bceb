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
 * To give objects is one atomic step on a word of the bitmap. Only who gives the first
 * free object of a word, or the last that was missing, takes a second step, on @state,
 * and touches the span after the first at all: until that step is made the counts do
 * not say that the span is empty. The one word @state has:
 *
 *	none	words with no free object
 *	part	words with some object that is not free. Givers change the bitmap
 *		first and count second, and so do claimers. So between the two steps of
 *		others the counts may be off, even below zero (hence the bias), but if
 *		both are 0 every bit is set and no giver is half-way.
 *	LISTED	the span is on its central list, or the giver who set the flag is
 *		about to put it there. Set by the giver who finds it clear: exactly
 *		one. Cleared only under the central lock, by who has found no bit
 *		and @none at the number of all words and has taken the span off the
 *		list. A giver that comes later has the first object of its word, sees
 *		the flag clear and lists the span again; one that was half-way is such
 *		a giver. So a span with a free object is listed, or about to be: none
 *		is lost.
 *	LINKED	it has arrived on the list. Set and cleared under the central lock.
 *	PINNED	the giver who has made a listed span empty comes to release it: it
 *		sets the flag with the same CAS, takes the central lock, clears
 *		the flag, and releases the span if it is still empty and LINKED.
 *		While the flag is set nobody else releases it, and others that
 *		make the span empty again do nothing. If it is not linked yet,
 *		whoever links it finds it empty and not pinned, and releases it.
 *	epoch	of the process (see fork.h). The word of another epoch is void: it
 *		speaks of lists that were abandoned at a fork, and of givers that the
 *		child does not have. Who comes to give adopts the span first.
 *
 * A giver that makes an unlisted span empty at once owns it, and releases it
 * with no lock; if it is still pinned from its time on the list, it is listed.
 */
#ifndef SPANHEAP_LIB_SPAN_H
#define SPANHEAP_LIB_SPAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fork.h"
#include "lock.h"
#include "sizeclass.h"

#define SPAN_WORDS	(SPAN_MAX_OBJECTS / 64)

#define SPAN_EPOCH_SHIFT	24
#define SPAN_EPOCH		(0xffu << SPAN_EPOCH_SHIFT)	/* in @state */

static inline uint32_t span_epoch(void)
{
	return fork_epoch() << SPAN_EPOCH_SHIFT;
}

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
	SPAN_TO_PIN,	/* the caller goes for the lock, then span_unpin() */
	SPAN_OWNED,	/* empty and the caller's: release it */
};

/** span_init() - all objects free, nobody knows it yet, LISTED is set */
void span_init(struct span *span, size_t class);

/**
 * span_object() - number of the object that starts at @ptr
 * @info: of the span's class
 *
 * Return: -1 when no object starts there.
 */
static inline int span_object(const struct span *span, const struct class_info *info,
			      const void *ptr)
{
	unsigned int nr;

	return class_object(info, (size_t)((const char *)ptr - span->base), &nr) ? (int)nr : -1;
}

/** span_freed_twice() - @bits of @word were free already: ends the program */
_Noreturn void span_freed_twice(const struct span *span, const _Atomic uint64_t *word,
				uint64_t bits);

/** span_is_foreign() - whether to adopt the span before objects are given back */
static inline bool span_is_foreign(const struct span *span)
{
	if (likely(!fork_epochs()))
		return false;
	return (atomic_load_explicit(&span->state, memory_order_relaxed) ^ span_epoch()) & SPAN_EPOCH;
}

/**
 * span_adopt() - make a span of the process that this one was forked from our own
 *
 * Return: whether the caller has done so, and now puts it on the central list.
 */
bool span_adopt(struct span *span);

/** span_count_given() - the second step of span_give() */
enum span_fate span_count_given(struct span *span, const struct class_info *info,
				const _Atomic uint64_t *word, uint64_t old, uint64_t new);

/**
 * span_give() - objects come back
 * @info: of the span's class
 * @word: of @span->free that they are in
 * @bits: which; none of them is free yet, else the program has freed one twice
 *	and is ended here
 */
static inline enum span_fate span_give(struct span *span, const struct class_info *info,
				       _Atomic uint64_t *word, uint64_t bits)
{
	/* none of them is set, so this is an or: one instruction instead of a loop on x86 */
	uint64_t old = atomic_fetch_add_explicit(word, bits, memory_order_acq_rel);
	uint64_t new = old | bits;

	if (unlikely(old & bits))
		span_freed_twice(span, word, old & bits);
	/* no gap above the lowest bits: perhaps all that the word has */
	if (likely(old && new & (new + 1)))
		return SPAN_LEFT;
	return span_count_given(span, info, word, old, new);
}

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
 * span_unpin_locked() - the caller of SPAN_TO_PIN has the lock now
 *
 * Return: whether the span is linked and empty: then the caller unlinks and
 * releases it.
 */
bool span_unpin_locked(struct span *span);

/** span_nr_free() - free objects right now, by the bitmap */
unsigned int span_nr_free(const struct span *span);

#endif /* SPANHEAP_LIB_SPAN_H */
