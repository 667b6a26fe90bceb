/* SPDX-License-Identifier: MIT */
/*
 * The page map seen from the owner: one byte a base page, shared with the
 * module where there is one. Every change of state is a compare-and-swap of a
 * byte or of an aligned word of eight, since the module changes IDLE bytes at
 * any moment.
 *
 * Called by the page heap (take back) and the scavenger (hand over, release).
 * Takes no lock, makes no system call.
 * Never writes REVOKING or REVOKED.
 */
#ifndef SPANHEAP_LIB_INTENT_H
#define SPANHEAP_LIB_INTENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/spanheap.h>

#define BASE_PAGE_SHIFT		12
#define BASE_PAGE_SIZE		((size_t)1 << BASE_PAGE_SHIFT)

typedef _Atomic uint8_t intent_byte;

/**
 * intent_take() - bring pages back to IN_USE, whatever they were
 * @map: the page map of a region
 * @first: first base page, an index into @map
 * @nr: number of base pages
 * @zeroed: whether every one of them is known to read as zeros (UNUSED,
 *	RELEASED and REVOKED; never LAZY or IDLE)
 *
 * Spins on REVOKING for a bounded time.
 * Return: 0, or the number of pages still REVOKING; then the others are IN_USE
 * and the caller takes other memory for now, or waits by struct backend.
 */
size_t intent_take(intent_byte *map, size_t first, size_t nr, bool *zeroed);

/**
 * intent_hand_over() - IN_USE to IDLE
 * @epoch: stamp of the hand-over, its low five bits go into the byte
 *
 * Pages in any other state stay as they are.
 * Return: pages changed.
 */
size_t intent_hand_over(intent_byte *map, size_t first, size_t nr, unsigned int epoch);

/**
 * intent_release() - IN_USE pages to LAZY or RELEASED, after the madvise
 * @to: SPANHEAP_LAZY or SPANHEAP_RELEASED
 *
 * The caller has brought them to IN_USE before the madvise, so that the module
 * was not at them meanwhile. Pages in any other state stay as they are.
 * Return: pages changed.
 */
size_t intent_release(intent_byte *map, size_t first, size_t nr, unsigned int to);

/** intent_note_released() - the module has made that many IN_USE pages RELEASED */
void intent_note_released(size_t nr);

/** intent_count() - pages of a range per intent, by reading the map */
void intent_count(const intent_byte *map, size_t first, size_t nr,
		  size_t counts[SPANHEAP_NR_INTENTS]);

/**
 * intent_totals - running totals of all maps in pages, per intent, kept by the
 * calls above: O(1) to read. IDLE pages that the module has revoked are still
 * counted IDLE until they are taken back; the ledger is the audit.
 */
extern _Atomic uint64_t intent_totals[SPANHEAP_NR_INTENTS];

/** intent_revoked_seen - pages found REVOKED by intent_take() since the start */
extern _Atomic uint64_t intent_revoked_seen;

#endif /* SPANHEAP_LIB_INTENT_H */
