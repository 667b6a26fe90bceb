/* SPDX-License-Identifier: MIT */
/*
 * From an address to its size class (one load after the leaf's) and to its
 * span. Two levels over 48 bits of address: the root lies in .bss, of which only
 * the touched pages are resident; a leaf covers 2 GiB, is mapped when the first
 * heap page in there comes into use, and stays. Entries are written by who owns
 * the span at that moment, and read by anyone who frees an object in it: the
 * object's way from one thread to the other orders the two.
 *
 * An entry of the root is the address of the leaf's class bytes less the number
 * of its first heap page, so that the page number indexes it without a mask.
 */
#ifndef SPANHEAP_LIB_LOOKUP_H
#define SPANHEAP_LIB_LOOKUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "lock.h"

#define ADDRESS_BITS	48
#define LEAF_SHIFT	31
#define LEAF_PAGES	((size_t)1 << (LEAF_SHIFT - HEAP_PAGE_SHIFT))

struct span;

/* A leaf: the class bytes first, since the root points at them. */
struct lookup_leaf {
	_Atomic uint8_t class[LEAF_PAGES];
	struct span *_Atomic span[LEAF_PAGES];
};

#define ROOT_ENTRIES	((size_t)1 << (ADDRESS_BITS - LEAF_SHIFT))
extern _Atomic uintptr_t lookup_root[ROOT_ENTRIES];

/*
 * lookup_class() - class of the object at @ptr, or 0: none, or a large one
 *
 * @ptr may be anything that a program passes to free(). The mask, one instruction, keeps
 * what is no address inside the root, so that it comes to where it can be told of.
 */
static inline size_t lookup_class(const void *ptr)
{
	uintptr_t addr = (uintptr_t)ptr;
	uintptr_t leaf = atomic_load_explicit(&lookup_root[(addr >> LEAF_SHIFT) % ROOT_ENTRIES],
					      memory_order_relaxed);

	if (unlikely(!leaf))
		return 0;
	return atomic_load_explicit((_Atomic uint8_t *)(leaf + (addr >> HEAP_PAGE_SHIFT)),
				    memory_order_relaxed);
}

/**
 * lookup_span() - the span of an object
 *
 * Return: NULL when @ptr lies in no span; for a large object, also when it is
 * not in its first heap page.
 */
struct span *lookup_span(const void *ptr);

/**
 * lookup_entry() - where the span of an object stands, to read and change it
 *
 * Return: NULL when @ptr lies in no leaf.
 */
static inline struct span *_Atomic *lookup_entry(const void *ptr)
{
	uintptr_t addr = (uintptr_t)ptr;
	uintptr_t leaf;

	if (unlikely(addr >> ADDRESS_BITS))
		return NULL;
	leaf = atomic_load_explicit(&lookup_root[addr >> LEAF_SHIFT], memory_order_relaxed);
	if (unlikely(!leaf))
		return NULL;
	return &((struct lookup_leaf *)(leaf + (addr >> LEAF_SHIFT) * LEAF_PAGES))
		->span[(addr >> HEAP_PAGE_SHIFT) & (LEAF_PAGES - 1)];
}

/**
 * struct lookup_cursor - for the spans of many objects, one after the other
 * @leaf: the last one's place in the root
 * @spans: its entries
 */
struct lookup_cursor {
	uintptr_t leaf;
	struct span *_Atomic *spans;
};

#define LOOKUP_CURSOR	((struct lookup_cursor){ .leaf = UINTPTR_MAX })

/** lookup_cursor() - at the leaf that @ptr lies in; LOOKUP_CURSOR when there is none */
struct lookup_cursor lookup_cursor(const void *ptr);

/** lookup_next() - as lookup_span() */
static inline struct span *lookup_next(struct lookup_cursor *cursor, const void *ptr)
{
	uintptr_t addr = (uintptr_t)ptr;

	if (unlikely(addr >> LEAF_SHIFT != cursor->leaf)) {
		*cursor = lookup_cursor(ptr);
		if (!cursor->spans)
			return NULL;
	}
	return atomic_load_explicit(&cursor->spans[(addr >> HEAP_PAGE_SHIFT) % LEAF_PAGES],
				    memory_order_relaxed);
}

/**
 * lookup_prepare() - make the leaves for an address range
 *
 * Return: false when memory is out, or the range is beyond what can be looked
 * up.
 */
bool lookup_prepare(const void *base, size_t bytes);

/** lookup_set_small() - every page of @span is of @class */
void lookup_set_small(struct span *span, size_t class);

/** lookup_clear_small() - undo it */
void lookup_clear_small(struct span *span);

/** lookup_set_large() - the first page of a large object leads to its span */
void lookup_set_large(struct span *span);

/** lookup_clear_large() - undo it */
void lookup_clear_large(struct span *span);

#endif /* SPANHEAP_LIB_LOOKUP_H */
