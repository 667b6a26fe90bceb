// SPDX-License-Identifier: MIT
#include "lookup.h"
#include "meta.h"
#include "span.h"

_Atomic uintptr_t lookup_root[ROOT_ENTRIES];

static struct lookup_leaf *leaf_of(uintptr_t addr)
{
	uintptr_t biased;

	if (addr >> ADDRESS_BITS)
		return NULL;
	biased = atomic_load_explicit(&lookup_root[addr >> LEAF_SHIFT],
				      memory_order_acquire);
	if (!biased)
		return NULL;
	return (struct lookup_leaf *)(biased + (addr >> LEAF_SHIFT) * LEAF_PAGES);
}

static size_t leaf_index(uintptr_t addr)
{
	return (addr >> HEAP_PAGE_SHIFT) & (LEAF_PAGES - 1);
}

struct span *lookup_span(const void *ptr)
{
	struct span *_Atomic *entry = lookup_entry(ptr);

	return entry ? atomic_load_explicit(entry, memory_order_relaxed) : NULL;
}

struct lookup_cursor lookup_cursor(const void *ptr)
{
	struct lookup_leaf *leaf = leaf_of((uintptr_t)ptr);

	if (!leaf)
		return LOOKUP_CURSOR;
	return (struct lookup_cursor){ (uintptr_t)ptr >> LEAF_SHIFT, leaf->span };
}

static bool make_leaf(uintptr_t index)
{
	struct lookup_leaf *leaf = meta_map(sizeof(*leaf));
	uintptr_t none = 0;

	if (!leaf)
		return false;
	if (!atomic_compare_exchange_strong(&lookup_root[index], &none,
					    (uintptr_t)leaf - index * LEAF_PAGES))
		meta_unmap(leaf, sizeof(*leaf));
	return true;
}

bool lookup_prepare(const void *base, size_t bytes)
{
	uintptr_t first = (uintptr_t)base >> LEAF_SHIFT;
	uintptr_t last = ((uintptr_t)base + bytes - 1) >> LEAF_SHIFT;

	if (((uintptr_t)base + bytes - 1) >> ADDRESS_BITS)
		return false;
	for (uintptr_t i = first; i <= last; i++) {
		if (!atomic_load_explicit(&lookup_root[i], memory_order_relaxed) &&
		    !make_leaf(i))
			return false;
	}
	return true;
}

static void set(uintptr_t addr, struct span *span, size_t class)
{
	struct lookup_leaf *leaf = leaf_of(addr);
	size_t i = leaf_index(addr);

	atomic_store_explicit(&leaf->class[i], (uint8_t)class, memory_order_relaxed);
	atomic_store_explicit(&leaf->span[i], span, memory_order_relaxed);
}

static void set_all(struct span *span, struct span *to, size_t class)
{
	uintptr_t addr = (uintptr_t)span->base;

	for (size_t i = 0; i < span->pages; i++)
		set(addr + (i << HEAP_PAGE_SHIFT), to, class);
}

void lookup_set_small(struct span *span, size_t class)
{
	set_all(span, span, class);
}

void lookup_clear_small(struct span *span)
{
	set_all(span, NULL, 0);
}

void lookup_set_large(struct span *span)
{
	set((uintptr_t)span->base, span, 0);
}

void lookup_clear_large(struct span *span)
{
	set((uintptr_t)span->base, NULL, 0);
}
