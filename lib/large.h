/* SPDX-License-Identifier: MIT */
/*
 * Large objects: above CLASS_MAX one span each, straight from the page heap; the
 * largest have a mapping of their own, outside any reserve, which is gone when
 * they are freed and is moved, not copied, when they grow. The header of both is
 * out of band (struct span). All functions but two are called inside the gate.
 *
 * What is largest is learnt, as glibc learns it: above DIRECT_START, until an
 * object with a mapping of its own is freed; from then on above its size, but
 * never above DIRECT_MAX. So tables that double and are copied leave nothing
 * behind, and sizes that come again and again are served from the page heap.
 * DIRECT_MAX is half of the smallest reserve, lest reserves end in remainders.
 */
#ifndef SPANHEAP_LIB_LARGE_H
#define SPANHEAP_LIB_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "front.h"
#include "heap.h"
#include "lookup.h"
#include "sanitize.h"
#include "span.h"
#include "spancache.h"

#define DIRECT_START	((size_t)1 << 20)
#define DIRECT_MAX	((size_t)32 << 20)

/**
 * large_alloc_front() - an object that the thread has just freed; no gate needed
 *
 * Return: NULL when it has none of that length.
 */
static inline void *large_alloc_front(struct front *front, size_t size)
{
	size_t pages = (size + HEAP_PAGE_SIZE - 1) >> HEAP_PAGE_SHIFT;
	struct span *span;

	if (unlikely(size > FRONT_OBJECT << HEAP_PAGE_SHIFT))
		return NULL;
	span = front_take(front, span_cache_round(pages));
	if (unlikely(!span))
		return NULL;
	UNPOISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	return span->base;
}

/**
 * large_free_front() - keep an object for that; no gate needed
 * @ptr: lookup_class() gives 0 for it
 * @out: a span for heap_span_free(), or NULL
 *
 * Return: false when @ptr is one for large_free().
 */
static inline bool large_free_front(struct front *front, void *ptr, struct span **out)
{
	struct span *_Atomic *entry = lookup_entry(ptr);
	struct span *span;

	if (unlikely(!entry))
		return false;
	span = atomic_load_explicit(entry, memory_order_relaxed);
	if (unlikely(!span || span->base != ptr || !span->reserve))
		return false;
	span->zeroed = false;
	POISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	return front_put(front, span, entry, span->pages, out);
}

/**
 * large_alloc() - a large object
 * @size: in bytes, at most PTRDIFF_MAX
 * @align: a power of two
 * @zeroed: whether it reads as zeros
 *
 * Return: NULL when memory is out.
 */
void *large_alloc(size_t size, size_t align, bool *zeroed);

/** large_free() - ends the program when @ptr is no large object */
void large_free(void *ptr);

/** large_size() - usable bytes; ends the program when @ptr is no large object */
size_t large_size(const void *ptr);

/**
 * large_resize() - without a copy, if that can be
 *
 * Return: where it is now, or NULL: it is as it was and the caller copies.
 */
void *large_resize(void *ptr, size_t size);

/**
 * struct large_counts - since the start
 * @allocs: objects allocated
 * @frees: and freed
 * @alloc_bytes: their sizes, as usable
 * @free_bytes: likewise
 * @direct_bytes: of those with a mapping of their own, now
 */
struct large_counts {
	uint64_t allocs;
	uint64_t frees;
	uint64_t alloc_bytes;
	uint64_t free_bytes;
	uint64_t direct_bytes;
};

struct large_counts large_counts(void);

#endif /* SPANHEAP_LIB_LARGE_H */
