// SPDX-License-Identifier: MIT
#include <string.h>

#include "cache.h"
#include "meta.h"
#include "node.h"
#include "reserve.h"
#include "sanitize.h"
#include "scavenger.h"
#include "span.h"
#include "spancache.h"
#include "spanpages.h"

/* So much is freed before the scavenger hears of it again. */
#define POKE_PAGES		(((size_t)2 << 20) >> HEAP_PAGE_SHIFT)

static struct meta_pool span_pool = { .size = sizeof(struct span) };
static struct span_cache span_caches[NODE_MAX];	/* these three under heap_lock */
static size_t high;			/* pages in use before more is gathered */
static size_t freed_unseen;		/* pages freed since the last poke */
static _Atomic size_t poke;		/* size of the heap, when a poke is due */

struct span *heap_span_get(void)
{
	return meta_pool_get(&span_pool);
}

void heap_span_put(struct span *span)
{
	meta_pool_put(&span_pool, span);
}

unsigned int heap_span_node(const struct span *span)
{
	return likely(node_count() == 1) ? 0 : span->reserve->node;
}

/* First fit, the oldest reserve first. */
static bool find_locked(unsigned int node, size_t pages, size_t align,
			struct heap_reserve **hr, size_t *first)
{
	for (size_t i = 0; heap.free_pages >= pages && i < heap.nr_reserves; i++) {
		size_t phase = ((uintptr_t)heap.reserves[i]->r.base >> HEAP_PAGE_SHIFT) & (align - 1);

		if (heap.reserves[i]->node != node && node != NODE_ANY)
			continue;
		*first = pages_alloc(&heap.reserves[i]->pages, pages, align, phase);
		if (*first != PAGES_NONE) {
			*hr = heap.reserves[i];
			heap.free_pages -= pages;
			return true;
		}
	}
	return false;
}

static size_t evict_locked(struct span *span)
{
	size_t nr = 0;
	struct span *next;

	for (; span; span = next, nr++) {
		next = span->next;
		reserve_free_locked(span->reserve, reserve_page(span->reserve, span->base),
				    span->pages, span->freed_at);
		heap_span_put(span);
	}
	return nr;
}

bool heap_trim(uint64_t min_age_ns)
{
	uint32_t at = heap_now_at_least();
	size_t nr;

	struct span *spans = front_expire(at, min_age_ns >> 20);

	lock_acquire(&heap.lock);
	nr = evict_locked(spans);
	for (unsigned int node = 0; node < node_count(); node++)
		nr += evict_locked(span_cache_expire(&span_caches[node], at, min_age_ns >> 20));
	lock_release(&heap.lock);
	return nr;
}

/*
 * Before more is in use than ever before, so that pages are touched which never were,
 * what lies about free is gathered. Then there is leave for this much more: 1.6 % of the
 * heap, that a growing one does not gather all the time, whose cost is some 10 ns an
 * object and span, nor less than 128 KiB, which take the kernel some 25 us to fault in.
 */
#define RISE_MIN	(((size_t)128 << 10) >> HEAP_PAGE_SHIFT)
#define RISE_PART	64

static size_t in_use_locked(void)
{
	return (heap.committed >> HEAP_PAGE_SHIFT) - heap.free_pages;
}

static void rise_locked(void)
{
	size_t pages = in_use_locked(), more = pages / RISE_PART;

	if (pages > high)
		high = pages + (more > RISE_MIN ? more : RISE_MIN);
}

static bool find_pages(unsigned int node, size_t pages, size_t align,
		       struct heap_reserve **hr, size_t *first)
{
	bool found, gathered = false;

	for (;;) {
		lock_acquire(&heap.lock);
		found = (gathered || in_use_locked() + pages <= high) &&
			find_locked(node, pages, align, hr, first);
		if (found)
			rise_locked();
		lock_release(&heap.lock);
		if (found)
			return true;
		if (!gathered)
			cache_give_idle();
		if (heap_trim(0) || !gathered) {
			gathered = true;
			continue;
		}
		if (heap_grow(pages, align, node))
			continue;
		if (node == NODE_ANY || node_count() == 1)
			return false;
		node = NODE_ANY;
	}
}

/* Pages that the module is about to take are left alone until it is done, soon. */
static bool take_back(struct heap_reserve *hr, size_t first, size_t nr, bool *zeroed)
{
	if (!intent_take(hr->r.map, first * BASE_PAGES, nr * BASE_PAGES, zeroed))
		return true;
	lock_acquire(&heap.lock);
	reserve_free_locked(hr, first, nr, heap_now());
	lock_release(&heap.lock);
	backend_current()->wait(&hr->r, first << HEAP_PAGE_SHIFT);
	return false;
}

static struct span *cut(unsigned int node, size_t pages, size_t align)
{
	struct span *span = heap_span_get();
	struct heap_reserve *hr;
	size_t first;
	bool zeroed;

	if (!span)
		return NULL;
	do {
		if (!find_pages(node, pages, align, &hr, &first)) {
			heap_span_put(span);
			return NULL;
		}
	} while (!take_back(hr, first, pages, &zeroed));

	span->base = hr->r.base + (first << HEAP_PAGE_SHIFT);
	span->pages = pages;
	span->reserve = hr;
	span->class = 0;
	span->zeroed = zeroed;
	span->away = 0;
	return span;
}

struct span *heap_span_alloc(size_t pages, size_t align)
{
	unsigned int node = node_here();
	struct span *span = NULL;

	pages = span_cache_round(pages);
	if (align == 1) {
		lock_acquire(&heap.lock);
		span = span_cache_pop(&span_caches[node], pages);
		lock_release(&heap.lock);
	}
	if (!span)
		span = cut(node, pages, align);
	if (span)
		UNPOISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	return span;
}

/* Outside the gate somebody will find the flag, in heap_poke(). */
static void note_freed_locked(size_t pages)
{
	freed_unseen += pages;
	if (freed_unseen >= POKE_PAGES) {
		freed_unseen = 0;
		atomic_store_explicit(&poke, heap.committed, memory_order_relaxed);
	}
}

void heap_span_free(struct span *span)
{
	bool away = span_pages_forget(span);
	uint32_t at = heap_now();
	size_t in_use;

	POISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	span->class = 0;
	span->zeroed = false;
	span->freed_at = at;
	lock_acquire(&heap.lock);
	in_use = in_use_locked();
	note_freed_locked(span->pages);
	/* what is in the span cache is IN_USE */
	if (away)
		span->next = NULL;
	else
		span = span_cache_push(&span_caches[heap_span_node(span)], span, in_use);
	evict_locked(span);
	lock_release(&heap.lock);
}

void heap_note_freed(void)
{
	lock_acquire(&heap.lock);
	note_freed_locked(POKE_PAGES);
	lock_release(&heap.lock);
}

static bool extend(struct span *span, size_t by)
{
	struct heap_reserve *hr = span->reserve;
	size_t first = reserve_page(hr, span->base) + span->pages;
	bool taken, zeroed;

	lock_acquire(&heap.lock);
	taken = pages_take(&hr->pages, first, by);
	if (taken)
		heap.free_pages -= by;
	lock_release(&heap.lock);
	return taken && take_back(hr, first, by, &zeroed);
}

bool heap_span_resize(struct span *span, size_t pages)
{
	struct heap_reserve *hr = span->reserve;

	pages = span_cache_round(pages);
	if (pages > span->pages) {
		if (!extend(span, pages - span->pages))
			return false;
		UNPOISON(span->base, pages << HEAP_PAGE_SHIFT);
		span->zeroed = false;
	} else if (pages < span->pages) {
		lock_acquire(&heap.lock);
		reserve_free_locked(hr, reserve_page(hr, span->base) + pages,
				    span->pages - pages, heap_now());
		note_freed_locked(span->pages - pages);
		lock_release(&heap.lock);
	}
	span->pages = pages;
	return true;
}

void heap_poke(void)
{
	size_t bytes;

	if (likely(!atomic_load_explicit(&poke, memory_order_relaxed)))
		return;
	bytes = atomic_exchange_explicit(&poke, 0, memory_order_relaxed);
	if (bytes)
		scavenger_poke(bytes);
}

struct heap_counts heap_counts(void)
{
	struct heap_counts counts;

	lock_acquire(&heap.lock);
	counts.reserved = heap.reserved;
	counts.committed = heap.committed;
	counts.free = heap.free_pages << HEAP_PAGE_SHIFT;
	for (unsigned int node = 0; node < node_count(); node++)
		counts.free += span_caches[node].pages << HEAP_PAGE_SHIFT;
	lock_release(&heap.lock);
	counts.free += front_counts().pages << HEAP_PAGE_SHIFT;
	return counts;
}

void heap_fork_child(bool whole)
{
	lock_reset(&heap.lock);
	lock_reset(&span_pool.lock);
	reserve_fork_child(whole);
	run_fork_child(whole);
	if (!whole) {
		memset(span_caches, 0, node_count() * sizeof(span_caches[0]));
		span_pool.free = NULL;
	}
	/* struct reserve is the first member */
	backend_fork_child((struct reserve *const *)heap.reserves, heap.nr_reserves);
}
