/* SPDX-License-Identifier: MIT */
/*
 * Base pages inside a span of small objects, 64 at most: which of them no object in
 * use touches, and their way out and back through the page map.
 *
 * Pages that are out (@away of struct span: IDLE, LAZY, RELEASED or REVOKED) are
 * touched by free objects only, and these hold nothing: the bitmap says that they
 * are free. span_claim_locked() leaves them alone as long as there are others.
 *
 * Called under the lock of the central list, or by who has claimed every object
 * that touches the pages; no system call but in span_pages_release().
 */
#ifndef SPANHEAP_LIB_SPANPAGES_H
#define SPANHEAP_LIB_SPANPAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/** span_pages_free() - a bit for each base page that only free objects touch */
uint64_t span_pages_free(const struct span *span);

/** span_pages_objects() - the objects that touch any of @pages */
void span_pages_objects(const struct span *span, uint64_t pages, uint64_t bits[SPAN_WORDS]);

/** span_pages_of() - the base pages that object @number touches */
uint64_t span_pages_of(const struct span *span, unsigned int number);

/** span_pages_in() - which of @pages have one of @intents, a mask of (1 << intent) */
uint64_t span_pages_in(const struct span *span, uint64_t pages, unsigned int intents);

/** span_pages_registered() - whether the module knows them */
bool span_pages_registered(const struct span *span);

/** span_pages_hand_over() - @pages that are IN_USE become IDLE, and are away */
void span_pages_hand_over(struct span *span, uint64_t pages, unsigned int epoch);

/**
 * span_pages_take() - @pages become IN_USE again
 *
 * Return: false when one is REVOKING; that one is still away.
 */
bool span_pages_take(struct span *span, uint64_t pages);

/**
 * span_pages_release() - an madvise for each run of @pages
 * @lazy: MADV_FREE, else MADV_DONTNEED
 *
 * The caller has claimed the objects, and sets @away afterwards, under the lock.
 * Return: the pages that are LAZY or RELEASED now.
 */
uint64_t span_pages_release(struct span *span, uint64_t pages, bool lazy);

/** span_pages_away() - @pages are away now; kept in the total */
void span_pages_away(struct span *span, uint64_t pages);

/** span_pages_forget() - the span is no span any more; whether any were away */
bool span_pages_forget(struct span *span);

/** span_pages_total() - pages that are away, in all spans */
size_t span_pages_total(void);

#endif /* SPANHEAP_LIB_SPANPAGES_H */
