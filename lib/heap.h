/* SPDX-License-Identifier: MIT */
/*
 * The page heap: spans of 8 KiB heap pages, cut from reserves, address-ordered.
 * Called by the central lists and for large objects; the scavenger takes free
 * runs out of it. One lock (heap_lock), never held across a system call.
 *
 * Freed spans go to the span cache (spancache.h) first, then to the free pages of
 * their reserve (reserve.h). Nothing here changes the page map but cutting a span
 * out of free pages, which brings them back to IN_USE; pages that come free stay
 * IN_USE until the scavenger has had them (run.c).
 */
#ifndef SPANHEAP_LIB_HEAP_H
#define SPANHEAP_LIB_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"

#define HEAP_PAGE_SHIFT		13
#define HEAP_PAGE_SIZE		((size_t)1 << HEAP_PAGE_SHIFT)

struct span;

/**
 * heap_span_alloc() - cut a span
 * @pages: its length in heap pages; more than 32 are rounded up, by at most
 *	1/16, so that freed spans fit again
 * @align: of its base, in heap pages, a power of two
 *
 * Of the node that the calling thread is on, unless there is nothing left for it.
 * The pages are IN_USE; @zeroed of the span says whether they read as zeros.
 * Context: inside the gate (fork.h), no lock held.
 * Return: NULL when memory is out.
 */
struct span *heap_span_alloc(size_t pages, size_t align);

/** heap_span_node() - the node whose threads a span of the page heap serves */
unsigned int heap_span_node(const struct span *span);

/** heap_span_free() - give it back; nothing leads to it any more */
void heap_span_free(struct span *span);

/**
 * heap_span_resize() - change the length in place
 * @pages: shorter, or longer if the pages behind it are free
 *
 * New pages do not count as zeroed.
 * Return: false when they are not; the span is as it was.
 */
bool heap_span_resize(struct span *span, size_t pages);

/** heap_span_get() - a record for a mapping that is no part of the page heap */
struct span *heap_span_get(void);

/** heap_span_put() - give the record back */
void heap_span_put(struct span *span);

/** heap_note_freed() - something came free that heap_span_free() has not seen */
void heap_note_freed(void);

/** heap_poke() - tell the scavenger, if spans were freed; outside the gate */
void heap_poke(void);

/**
 * heap_trim() - spans in the span cache and its fronts become free pages
 * @min_age_ns: only those that were freed so long ago
 *
 * Return: whether there were any.
 */
bool heap_trim(uint64_t min_age_ns);

/**
 * struct heap_counts - sizes in bytes
 * @reserved: address space of all reserves
 * @committed: part of it that was made usable
 * @free: part of that which is free, in the span cache or as pages
 */
struct heap_counts {
	size_t reserved;
	size_t committed;
	size_t free;
};

/** heap_counts() - right now */
struct heap_counts heap_counts(void);

/** heap_fork_child() - see fork.h; @whole: nothing is half-changed */
void heap_fork_child(bool whole);

/** heap_in_use() - bytes in spans that are not free; enters the gate itself */
size_t heap_in_use(void);

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
 * struct heap_wish - which free runs are wanted
 * @intents: mask of (1 << SPANHEAP_...): at least one page of the run is in one of
 *	these states; [1] for reserves that the module knows, [0] for others
 * @min_age_ns: only pages that have been free for at least this long
 */
struct heap_wish {
	unsigned int intents[2];
	uint64_t min_age_ns;
};

/**
 * heap_run_take() - take one free run out of the page heap
 * @run: filled in
 * @cursor: where to go on, 0 at first; opaque
 * Until heap_run_put() nobody else gets these pages, so that the caller may
 * madvise them with no lock held. At most 4 MiB a call, so that an allocation
 * meanwhile does not grow the heap for long.
 * Return: false at the end of the heap.
 */
bool heap_run_take(struct heap_run *run, const struct heap_wish *wish, uint64_t *cursor);

/**
 * heap_runs_each() - do something with free runs where they are
 * @what: under heap_lock: no system call, no other lock, nothing long
 */
void heap_runs_each(void (*what)(const struct heap_run *run, void *arg), void *arg,
		    const struct heap_wish *wish);

/** heap_run_put() - put it back; its age is what it was */
void heap_run_put(const struct heap_run *run);

#endif /* SPANHEAP_LIB_HEAP_H */
