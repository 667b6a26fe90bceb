// SPDX-License-Identifier: MIT
#include <sys/mman.h>

#include "die.h"
#include "front.h"
#include "harden.h"
#include "heap.h"
#include "large.h"
#include "lookup.h"
#include "sizeclass.h"
#include "span.h"

static struct {
	_Atomic uint64_t allocs, frees, alloc_bytes, free_bytes, direct_bytes;
} counts;

static _Atomic size_t direct_above = DIRECT_START;

static void count(_Atomic uint64_t *what, uint64_t by)
{
	atomic_fetch_add_explicit(what, by, memory_order_relaxed);
}

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & -to;
}

/* A mapping of its own: length in span->pages (heap pages), reserve NULL. */

static struct span *map_direct(size_t size, size_t align)
{
	size_t length = round_up(size, HEAP_PAGE_SIZE);
	size_t guard = harden_mode & HARDEN_GUARD ? BASE_PAGE_SIZE : 0;
	size_t slack = align > BASE_PAGE_SIZE ? align : 0;
	size_t all = length + slack + 2 * guard;
	struct span *span;
	char *ptr, *base;

	if (all < size)
		return NULL;
	span = heap_span_get();
	if (!span)
		return NULL;
	/* what is more than the object is promised no memory */
	ptr = mmap(NULL, all, all > length ? PROT_NONE : PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ptr == MAP_FAILED)
		goto put;
	base = (char *)round_up((uintptr_t)ptr + guard, align);
	if (base - guard > ptr)
		munmap(ptr, (size_t)(base - guard - ptr));
	if (base + length + guard < ptr + all)
		munmap(base + length + guard, (size_t)(ptr + all - (base + length + guard)));
	if (all > length && mprotect(base, length, PROT_READ | PROT_WRITE))
		goto unmap;
	if (!lookup_prepare(base, length))
		goto unmap;
	span->base = base;
	span->pages = length >> HEAP_PAGE_SHIFT;
	span->reserve = NULL;
	span->class = 0;
	span->zeroed = true;
	span->guarded = guard;
	count(&counts.direct_bytes, length);
	return span;
unmap:
	munmap(base - guard, length + 2 * guard);
put:
	heap_span_put(span);
	return NULL;
}

static void learn(size_t length)
{
	size_t old = atomic_load_explicit(&direct_above, memory_order_relaxed);

	while (length > old && length <= DIRECT_MAX &&
	       !atomic_compare_exchange_weak(&direct_above, &old, length))
		;
}

static void unmap_direct(struct span *span)
{
	size_t guard = span->guarded ? BASE_PAGE_SIZE : 0;
	size_t length = span->pages << HEAP_PAGE_SHIFT;

	learn(length);
	munmap(span->base - guard, length + 2 * guard);
	count(&counts.direct_bytes, -length);
	heap_span_put(span);
}

static bool move_direct(struct span *span, size_t length)
{
	size_t old = span->pages << HEAP_PAGE_SHIFT;
	char *to;

	if (mremap(span->base, old, length, 0) != MAP_FAILED) {
		if (lookup_prepare(span->base, length))
			return true;
		mremap(span->base, length, old, 0);
		return false;
	}
	/* a place that can be looked up first, then the move */
	to = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (to == MAP_FAILED)
		return false;
	if (!lookup_prepare(to, length))
		goto unmap;
	/* first, since the old place may be somebody else's right after */
	lookup_clear_large(span);
	if (mremap(span->base, old, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		lookup_set_large(span);
		goto unmap;
	}
	span->base = to;
	lookup_set_large(span);
	return true;
unmap:
	munmap(to, length);
	return false;
}

static bool resize_direct(struct span *span, size_t size)
{
	size_t length = round_up(size, HEAP_PAGE_SIZE);

	if (size <= CLASS_MAX || length < size || span->guarded)
		return false;
	if (length != span->pages << HEAP_PAGE_SHIFT && !move_direct(span, length))
		return false;
	count(&counts.direct_bytes, length - (span->pages << HEAP_PAGE_SHIFT));
	span->pages = length >> HEAP_PAGE_SHIFT;
	return true;
}

static struct span *cut(size_t size, size_t align)
{
	if (align < HEAP_PAGE_SIZE)
		align = HEAP_PAGE_SIZE;
	return heap_span_alloc(round_up(size, HEAP_PAGE_SIZE) >> HEAP_PAGE_SHIFT,
			       align >> HEAP_PAGE_SHIFT);
}

static bool resize_cut(struct span *span, size_t size)
{
	size_t pages = round_up(size, HEAP_PAGE_SIZE) >> HEAP_PAGE_SHIFT;

	if (size <= CLASS_MAX || size > DIRECT_MAX)
		return false;
	/* up to an eighth too long is as good as it is */
	if (pages <= span->pages && span->pages - pages <= span->pages / 8)
		return true;
	return heap_span_resize(span, pages);
}

void *large_alloc(size_t size, size_t align, bool *zeroed)
{
	struct span *span = NULL;

	if (size > atomic_load_explicit(&direct_above, memory_order_relaxed) ||
	    align > DIRECT_MAX || harden_on())
		span = map_direct(size, align);
	/* where mappings are too many, or address space too short */
	if (!span && size <= DIRECT_MAX && align <= DIRECT_MAX && !harden_on())
		span = cut(size, align);
	if (!span)
		return NULL;
	lookup_set_large(span);
	*zeroed = span->zeroed;
	count(&counts.allocs, 1);
	count(&counts.alloc_bytes, span->pages << HEAP_PAGE_SHIFT);
	return span->base;
}

static struct span *large_span(const void *ptr, const char *what)
{
	struct span *span = lookup_span(ptr);

	if (unlikely(!span || span->base != ptr || span->class))
		die(what, ptr);
	return span;
}

void large_free(void *ptr)
{
	struct span *span = large_span(ptr, "free(): invalid pointer or double free");

	lookup_clear_large(span);
	count(&counts.frees, 1);
	count(&counts.free_bytes, span->pages << HEAP_PAGE_SHIFT);
	if (span->reserve)
		heap_span_free(span);
	else
		unmap_direct(span);
}

size_t large_size(const void *ptr)
{
	return large_span(ptr, "invalid pointer")->pages << HEAP_PAGE_SHIFT;
}

void *large_resize(void *ptr, size_t size)
{
	struct span *span = large_span(ptr, "realloc(): invalid pointer");
	size_t before = span->pages;

	if (!(span->reserve ? resize_cut(span, size) : resize_direct(span, size)))
		return NULL;
	/* as if one object had gone and another had come */
	if (span->pages != before) {
		count(&counts.free_bytes, before << HEAP_PAGE_SHIFT);
		count(&counts.alloc_bytes, span->pages << HEAP_PAGE_SHIFT);
	}
	return span->base;
}

struct large_counts large_counts(void)
{
	struct front_counts fronts = front_counts();

	return (struct large_counts){
		.allocs = counts.allocs + fronts.allocs,
		.frees = counts.frees + fronts.frees,
		.alloc_bytes = counts.alloc_bytes + (fronts.alloc_pages << HEAP_PAGE_SHIFT),
		.free_bytes = counts.free_bytes + (fronts.free_pages << HEAP_PAGE_SHIFT),
		.direct_bytes = counts.direct_bytes,
	};
}
