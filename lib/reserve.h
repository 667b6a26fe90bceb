/* SPDX-License-Identifier: MIT */
/*
 * Reserves: the address space of the page heap, how much of it is committed, and
 * which of its pages are free. Private to the page heap: heap.c cuts spans out of
 * reserves, run.c takes free runs out for the scavenger, reserve.c makes reserves
 * and commits them.
 */
#ifndef SPANHEAP_LIB_RESERVE_H
#define SPANHEAP_LIB_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "lock.h"
#include "pages.h"

#define BASE_PAGES		(HEAP_PAGE_SIZE / BASE_PAGE_SIZE)
#define HUGE_PAGE		((size_t)2 << 20)
#define HUGE_PAGES		(HUGE_PAGE >> HEAP_PAGE_SHIFT)
#define MAX_RESERVES		8192

/**
 * struct heap_reserve - a reserve and which of its pages are free
 * @r: as the backend knows it; first, so that one is the other
 * @backend: what it was attached by
 * @pages: free heap pages; those not yet committed count as in use
 * @freed_at: per heap page, when it came free, on the clock of heap_now()
 * @node: threads of that node are served from it
 * @claimed: heap pages from the start that are committed, or being so
 */
struct heap_reserve {
	struct reserve r;
	const struct backend *backend;
	struct pages pages;
	uint32_t *freed_at;
	unsigned int node;
	size_t claimed;
};

/**
 * struct page_heap - all reserves
 * @lock: heap_lock: for everything in here and in the reserves
 * @reserves: by age: the oldest is filled first, so that the newest are the ones
 *	that drain
 * @nr_reserves: their number
 * @reserved: bytes of address space
 * @committed: of these, bytes made usable
 * @free_pages: free heap pages in all reserves
 */
struct page_heap {
	struct lock lock;
	struct heap_reserve *reserves[MAX_RESERVES];
	size_t nr_reserves;
	size_t reserved;
	size_t committed;
	size_t free_pages;
};

extern struct page_heap heap;

/**
 * heap_grow() - commit more, in a new reserve if need be
 * @pages: wanted in one run
 * @align: of the run, in heap pages
 * @node: whose; NODE_ANY: anybody's, of what is reserved already
 *
 * Context: no lock held.
 * Return: whether it is worth looking for the run again.
 */
bool heap_grow(size_t pages, size_t align, unsigned int node);

/** reserve_put_locked() - pages come free that were free before: they keep their age */
void reserve_put_locked(struct heap_reserve *hr, size_t first, size_t nr);

/** reserve_free_locked() - pages come free; @stamp: when that was */
void reserve_free_locked(struct heap_reserve *hr, size_t first, size_t nr, uint32_t stamp);

/** reserve_page() - the heap page at @ptr */
static inline size_t reserve_page(const struct heap_reserve *hr, const char *ptr)
{
	return (size_t)(ptr - hr->r.base) >> HEAP_PAGE_SHIFT;
}

/** heap_now() - about milliseconds (2^20 ns); wraps after 52 days */
uint32_t heap_now(void);

/**
 * heap_now_at_least() - the same clock, rounded up
 *
 * heap_now() is cheap and lags by up to a tick of the kernel's. Who asks whether
 * something is old enough asks this: a pass that comes a delay after a free, and
 * perhaps is the last one for long, must not find the pages a tick too young.
 */
uint32_t heap_now_at_least(void);

/** heap_older() - whether @stamp lies @min_age_ns before @now */
static inline bool heap_older(uint32_t stamp, uint32_t now, uint64_t min_age_ns)
{
	return now - stamp >= min_age_ns >> 20;
}

/* For heap_fork_child(). */
void reserve_fork_child(bool whole);
void run_fork_child(bool whole);

#endif /* SPANHEAP_LIB_RESERVE_H */
