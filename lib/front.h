/* SPDX-License-Identifier: MIT */
/*
 * Fronts of the span cache: each thread keeps a few of the large objects that it
 * freed last, so that freeing and allocating a length over and over takes no lock
 * and no gate, and looks at nothing but the front itself. One exchange each way.
 *
 * Whoever wants to do anything to a front sets @busy first, and leaves it alone if
 * it was set: the owner goes to the page heap then, the scavenger comes again. So
 * another thread can empty the front of one that sleeps, and of one that allocates
 * too: what lies in fronts is taken before the heap grows.
 *
 * Pure data but for the list of all fronts (front_lock, held alone). Spans in here
 * are IN_USE, belong to no object, and nothing leads to them; fork.h says what
 * becomes of them in a child. large.c puts and takes, heap.c expires.
 */
#ifndef SPANHEAP_LIB_FRONT_H
#define SPANHEAP_LIB_FRONT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"

#define FRONT_SHIFT	3
#define FRONT_SLOTS	(1u << FRONT_SHIFT)

/*
 * Heap pages in one front: 8 MiB, so that two objects of 4 MiB fit. That much
 * dirty memory is given back by the scavenger a delay after its last use; past
 * eight threads they share 64 MiB.
 */
#define FRONT_PAGES	((size_t)1024)
#define FRONT_OBJECT	(FRONT_PAGES / 2)
#define FRONT_PAGES_ALL	((size_t)8192)

struct span;

/**
 * struct front - of one thread
 * @busy: somebody is at it
 * @limit: heap pages that may be in here; 0 until the scavenger knows of it, and
 *	again when it has found nothing in here
 * @pages: heap pages that are in here
 * @slots: a span each, with its length (0: none), its place in the look-up, and
 *	when the scavenger first saw it in here, on the clock of heap_now() (0: not yet)
 * @allocs: objects that came out of here since the thread started
 * @frees: objects that went in
 * @alloc_pages: heap pages that came out
 * @free_pages: and went in
 * @next: in the list of all fronts
 * @prev: likewise
 */
struct front {
	_Atomic uint32_t busy;
	uint32_t limit;
	uint32_t pages;
	struct {
		struct span *span;
		struct span *_Atomic *entry;
		uint32_t pages;
		uint32_t seen;
	} slots[FRONT_SLOTS];
	_Atomic uint64_t allocs;
	_Atomic uint64_t frees;
	_Atomic uint64_t alloc_pages;
	_Atomic uint64_t free_pages;
	struct front *next;
	struct front *prev;
};

/* Of a thread that has none: always busy. */
#define FRONT_NONE	{ .busy = 1 }

/* Where a length goes: Fibonacci hashing, since lengths come by steps of 2^k. */
static inline size_t front_slot(size_t pages)
{
	return (uint32_t)pages * 0x9e3779b1u >> (32 - FRONT_SHIFT);
}

static inline bool front_enter(struct front *front)
{
	return !atomic_exchange_explicit(&front->busy, 1, memory_order_acquire);
}

static inline void front_leave(struct front *front)
{
	atomic_store_explicit(&front->busy, 0, memory_order_release);
}

/* Written by the owner alone. */
static inline void front_count(_Atomic uint64_t *what, uint64_t by)
{
	atomic_store_explicit(what, atomic_load_explicit(what, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

/** front_take() - a span of exactly @pages heap pages, findable again, or NULL */
static inline struct span *front_take(struct front *front, size_t pages)
{
	size_t slot = front_slot(pages);
	struct span *span;

	if (unlikely(!front_enter(front)))
		return NULL;
	if (unlikely(front->slots[slot].pages != pages)) {
		front_leave(front);
		return NULL;
	}
	span = front->slots[slot].span;
	atomic_store_explicit(front->slots[slot].entry, span, memory_order_relaxed);
	front->slots[slot].pages = 0;
	front->pages -= (uint32_t)pages;
	front_count(&front->allocs, 1);
	front_count(&front->alloc_pages, pages);
	front_leave(front);
	return span;
}

/**
 * front_put() - keep the span of an object that is freed
 * @entry: where it is found, cleared here
 * @pages: its length
 * @out: the span that had to go instead, or NULL
 *
 * Return: false when it can't be kept; nothing has changed.
 */
static inline bool front_put(struct front *front, struct span *span,
			     struct span *_Atomic *entry, size_t pages, struct span **out)
{
	size_t slot = front_slot(pages);
	uint32_t old, now;

	if (unlikely(!front_enter(front)))
		return false;
	old = front->slots[slot].pages;
	now = front->pages - old + (uint32_t)pages;
	if (unlikely(now > front->limit || pages > FRONT_OBJECT)) {
		front_leave(front);
		return false;
	}
	*out = old ? front->slots[slot].span : NULL;
	front->pages = now;
	front->slots[slot].span = span;
	front->slots[slot].entry = entry;
	front->slots[slot].pages = (uint32_t)pages;
	front->slots[slot].seen = 0;
	atomic_store_explicit(entry, NULL, memory_order_relaxed);
	front_count(&front->frees, 1);
	front_count(&front->free_pages, pages);
	front_leave(front);
	return true;
}

/**
 * front_tell() - the scavenger is being told, or knows already
 *
 * By the owner, when front_put() does not keep a span. Return: whether it has to be
 * told.
 */
bool front_tell(struct front *front);

/** front_open() - of a thread that begins; all zeros so far */
void front_open(struct front *front);

/** front_close() - of one that ends: it is no front any more. front_empty() first */
void front_close(struct front *front);

/**
 * front_empty() - take out all that the caller's own front has
 *
 * Return: spans, linked by @next.
 */
struct span *front_empty(struct front *front);

/**
 * front_expire() - take out of all fronts what was first seen @min_age ago
 * @now: on the clock of heap_now(), which stamps what is seen now
 *
 * Return: spans, linked by @next; @freed_at of each is set.
 */
struct span *front_expire(uint32_t now, uint64_t min_age);

/** front_left() - whether anything may be in a front; enters the gate itself */
bool front_left(void);

/**
 * struct front_counts - of all fronts, and of those of ended threads
 * @allocs: see struct front
 * @frees: likewise
 * @alloc_pages: likewise
 * @free_pages: likewise
 * @pages: heap pages that are in fronts now
 */
struct front_counts {
	uint64_t allocs;
	uint64_t frees;
	uint64_t alloc_pages;
	uint64_t free_pages;
	uint64_t pages;
};

struct front_counts front_counts(void);

/**
 * front_fork_child() - see fork.h
 * @self: the front of the only thread, or NULL
 *
 * Return: what can be saved of the other fronts: spans, linked by @next.
 */
struct span *front_fork_child(struct front *self, bool whole);

#endif /* SPANHEAP_LIB_FRONT_H */
