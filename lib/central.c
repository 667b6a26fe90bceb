// SPDX-License-Identifier: MIT
#include <string.h>

#include "central.h"
#include "die.h"
#include "heap.h"
#include "lock.h"
#include "lookup.h"
#include "sanitize.h"
#include "span.h"

/**
 * struct central - the list of one class
 * @lock: for the list, and to claim objects of its spans
 * @first: spans with free objects; those that came last are at the end
 * @last: likewise
 * @incoming: spans on their way to the list, a stack
 * @taken: see struct central_counts
 * @given: likewise
 * @spans: likewise
 */
struct central {
	struct lock lock;
	struct span *first;
	struct span *last;
	struct span *_Atomic incoming;
	_Atomic uint64_t taken;
	_Atomic uint64_t given;
	_Atomic uint64_t spans;
} __attribute__((aligned(64)));

static struct central centrals[NR_CLASSES];

static void push_incoming(struct central *central, struct span *span)
{
	struct span *head = atomic_load_explicit(&central->incoming, memory_order_relaxed);

	do {
		span->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&central->incoming, &head, span,
			memory_order_release, memory_order_relaxed));
}

static void prepend_locked(struct central *central, struct span *span)
{
	span->prev = NULL;
	span->next = central->first;
	if (central->first)
		central->first->prev = span;
	else
		central->last = span;
	central->first = span;
}

static void append_locked(struct central *central, struct span *span)
{
	span->next = NULL;
	span->prev = central->last;
	if (central->last)
		central->last->next = span;
	else
		central->first = span;
	central->last = span;
}

static void unlink_locked(struct central *central, struct span *span)
{
	if (span->prev)
		span->prev->next = span->next;
	else
		central->first = span->next;
	if (span->next)
		span->next->prev = span->prev;
	else
		central->last = span->prev;
}

/*
 * Move what has come in to the list. Return: spans found empty, linked by
 * @next, for release_all() after the lock is dropped.
 */
static struct span *drain_locked(struct central *central, struct span *empty)
{
	struct span *span, *next;

	if (!atomic_load_explicit(&central->incoming, memory_order_relaxed))
		return empty;
	span = atomic_exchange_explicit(&central->incoming, NULL, memory_order_acquire);
	for (; span; span = next) {
		next = span->next;
		if (span_link_locked(span)) {
			append_locked(central, span);
		} else {
			span->next = empty;
			empty = span;
		}
	}
	return empty;
}

static void release(struct central *central, struct span *span)
{
	atomic_fetch_sub_explicit(&central->spans, 1, memory_order_relaxed);
	lookup_clear_small(span);
	heap_span_free(span);
}

static void release_all(struct central *central, struct span *span)
{
	struct span *next;

	for (; span; span = next) {
		next = span->next;
		release(central, span);
	}
}

static unsigned int take_listed(struct central *central, unsigned int want, void **objects)
{
	struct span *span, *empty;
	unsigned int got = 0;

	lock_acquire(&central->lock);
	empty = drain_locked(central, NULL);
	while (got < want && (span = central->first)) {
		got += span_claim_locked(span, want - got, objects + got);
		if (!span_looks_full(span))
			continue;
		/* off the list before the flag is clear: who sets it pushes */
		unlink_locked(central, span);
		if (!span_unlist_locked(span))
			prepend_locked(central, span);
	}
	lock_release(&central->lock);
	release_all(central, empty);
	return got;
}

static unsigned int take_fresh(struct central *central, size_t class,
			       unsigned int want, void **objects)
{
	struct span *span = heap_span_alloc(class_info[class].pages, 1);
	unsigned int got;

	if (!span)
		return 0;
	span_init(span, class);
	POISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	lookup_set_small(span, class);
	atomic_fetch_add_explicit(&central->spans, 1, memory_order_relaxed);
	/* nobody else knows it yet: as good as the lock */
	got = span_claim_locked(span, want, objects);
	if (!span_unlist_locked(span))
		push_incoming(central, span);
	return got;
}

unsigned int central_take(size_t class, unsigned int want, void **objects)
{
	struct central *central = &centrals[class];
	unsigned int got = take_listed(central, want, objects);

	if (!got)
		got = take_fresh(central, class, want, objects);
	atomic_fetch_add_explicit(&central->taken, got, memory_order_relaxed);
	return got;
}

/* Objects of one span out of a batch, collected before they are given back. */
struct group {
	struct span *span;
	unsigned int nr;
	uint64_t bits[SPAN_WORDS];
};

#define NR_GROUPS	16

static void give_group(struct central *central, struct group *group)
{
	struct span *span = group->span, *empty;
	bool release_it;

	switch (span_give(span, group->bits, group->nr)) {
	case SPAN_LEFT:
		break;
	case SPAN_TO_LIST:
		push_incoming(central, span);
		break;
	case SPAN_OWNED:
		release(central, span);
		break;
	case SPAN_PINNED:
		lock_acquire(&central->lock);
		empty = drain_locked(central, NULL);
		release_it = span_unpin_locked(span);
		if (release_it)
			unlink_locked(central, span);
		lock_release(&central->lock);
		if (release_it)
			release(central, span);
		release_all(central, empty);
		break;
	}
	memset(group, 0, sizeof(*group));
}

static struct span *span_of(size_t class, void *object)
{
	struct span *span = lookup_span(object);

	if (unlikely(!span || span->class != class))
		die("free() of something that is not an object, or a free one was written to", object);
	return span;
}

void central_give(size_t class, void *list)
{
	struct central *central = &centrals[class];
	struct group groups[NR_GROUPS];
	uint64_t nr = 0;
	void *next;

	memset(groups, 0, sizeof(groups));
	for (void *object = list; object; object = next, nr++) {
		struct span *span = span_of(class, object);
		struct group *group = &groups[(uintptr_t)span / sizeof(*span) % NR_GROUPS];
		int number = span_object(span, object);

		next = link_get(object);
		if (unlikely(number < 0))
			die("free() of a pointer into the middle of an object", object);
		if (group->span != span) {
			if (group->span)
				give_group(central, group);
			group->span = span;
		}
		if (unlikely(group->bits[number / 64] >> (number % 64) & 1))
			die("double free", object);
		group->bits[number / 64] |= 1ull << (number % 64);
		group->nr++;
	}
	for (unsigned int i = 0; i < NR_GROUPS; i++) {
		if (groups[i].span)
			give_group(central, &groups[i]);
	}
	atomic_fetch_add_explicit(&central->given, nr, memory_order_relaxed);
}

void central_trim(void)
{
	for (size_t class = 1; class < NR_CLASSES; class++) {
		struct central *central = &centrals[class];
		struct span *empty;

		if (!atomic_load_explicit(&central->incoming, memory_order_relaxed))
			continue;
		lock_acquire(&central->lock);
		empty = drain_locked(central, NULL);
		lock_release(&central->lock);
		release_all(central, empty);
	}
}

struct central_counts central_counts(size_t class)
{
	const struct central *central = &centrals[class];

	return (struct central_counts){
		.taken = atomic_load_explicit(&central->taken, memory_order_relaxed),
		.given = atomic_load_explicit(&central->given, memory_order_relaxed),
		.spans = atomic_load_explicit(&central->spans, memory_order_relaxed),
	};
}

void central_fork_child(bool whole)
{
	for (size_t class = 1; class < NR_CLASSES; class++) {
		struct central *central = &centrals[class];

		lock_reset(&central->lock);
		if (whole)
			continue;
		central->first = NULL;
		central->last = NULL;
		atomic_store_explicit(&central->incoming, NULL, memory_order_relaxed);
	}
}
