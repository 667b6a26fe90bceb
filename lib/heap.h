/* SPDX-License-Identifier: MIT */
/*
 * The page heap: spans of 8 KiB heap pages, cut from reserves, address-ordered.
 * Called by the central lists and for large objects; the scavenger takes free
 * runs out of it. One lock (heap_lock), never held across a system call.
 */
#ifndef SPANHEAP_LIB_HEAP_H
#define SPANHEAP_LIB_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"

#define HEAP_PAGE_SHIFT		13
#define HEAP_PAGE_SIZE		((size_t)1 << HEAP_PAGE_SHIFT)

/**
 * struct heap_run - a free run that is out of the page heap for a while
 * @reserve: where it lies
 * @first: its first base page, an index into @reserve->map
 * @nr: its length in base pages
 */
struct heap_run {
	struct reserve *reserve;
	size_t first;
	size_t nr;
};

/**
 * heap_run_take() - take one free run out of the page heap
 * @run: filled in
 * @intents: mask of (1 << SPANHEAP_...): at least one page of the run is in one
 *	of these states
 * @min_age_ns: only pages that have been free for at least this long
 * @cursor: where to go on, 0 at first; opaque
 *
 * Until heap_run_put() nobody else gets these pages, so that the caller may
 * madvise them with no lock held. At most 4 MiB a call, so that an allocation
 * meanwhile does not grow the heap for long.
 * Return: false at the end of the heap.
 */
bool heap_run_take(struct heap_run *run, unsigned int intents,
		   uint64_t min_age_ns, uint64_t *cursor);

/** heap_run_put() - put it back; its age is what it was */
void heap_run_put(const struct heap_run *run);

#endif /* SPANHEAP_LIB_HEAP_H */
