// SPDX-License-Identifier: MIT
#include <string.h>

#include "central.h"
#include "die.h"
#include "heap.h"
#include "lock.h"
#include "lookup.h"
#include "node.h"
#include "sanitize.h"
#include "span.h"
#include "spanpages.h"

/*
 * Chains of one class. 128 KiB is eight batches of most kinds: what is on its way
 * between threads that take turns. They wait for no longer than a pass of the
 * scavenger, as their objects keep pages from being given back.
 */
#define NR_CHAINS	8
#define CHAINS_BYTES	((size_t)128 << 10)

/**
 * struct span_list - spans, linked both ways
 * @first: where objects are taken from
 * @last: those that came last are at the end
 * @nr: their number
 */
struct span_list {
	struct span *first;
	struct span *last;
	size_t nr;
};

struct chain {
	void *list;
	unsigned int nr;
};

/**
 * struct central - the list of one class
 * @lock: for the lists, and to claim objects of their spans
 * @near: spans with free objects
 * @far: spans of which all free objects touched pages that are away when they were
 *	last looked at: taken from when @near is empty
 * @chains: linked objects, as a thread gave them back, the latest last
 * @nr_chains: their number
 * @chained: objects in all of them
 * @incoming: spans on their way to @near, a stack
 * @taken: see struct central_counts
 * @given: likewise
 * @spans: likewise
 * @high: most objects that were out since the scavenger was told of the class
 */
struct central {
	struct lock lock;
	struct span_list near;
	struct span_list far;
	struct chain chains[NR_CHAINS];
	unsigned int nr_chains;
	unsigned int chained;
	struct span *_Atomic incoming;
	_Atomic uint64_t taken;
	_Atomic uint64_t given;
	_Atomic uint64_t spans;
	_Atomic uint64_t high;
} __attribute__((aligned(64)));

/* So many bytes fewer are out before the scavenger hears of it. */
#define TELL_BYTES	((uint64_t)2 << 20)

/* So many spans are looked at in one hold of the lock, some 500 instructions each. */
#define WALK_SPANS	32

/* A set for each node; what is counted is counted with those of node 0. */
static struct central centrals[NODE_MAX][NR_CLASSES];

/* Where the calling thread takes. */
static struct central *here(size_t class)
{
	return &centrals[node_here()][class];
}

/* Where a span belongs. */
static struct central *home(const struct span *span)
{
	return &centrals[heap_span_node(span)][span->class];
}

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
	struct span_list *list = &central->near;

	span->far = false;
	span->prev = NULL;
	span->next = list->first;
	if (list->first)
		list->first->prev = span;
	else
		list->last = span;
	list->first = span;
	list->nr++;
}

static void append_locked(struct central *central, struct span *span, bool far)
{
	struct span_list *list = far ? &central->far : &central->near;

	span->far = far;
	span->next = NULL;
	span->prev = list->last;
	if (list->last)
		list->last->next = span;
	else
		list->first = span;
	list->last = span;
	list->nr++;
}

static void unlink_locked(struct central *central, struct span *span)
{
	struct span_list *list = span->far ? &central->far : &central->near;

	if (span->prev)
		span->prev->next = span->next;
	else
		list->first = span->next;
	if (span->next)
		span->next->prev = span->prev;
	else
		list->last = span->prev;
	list->nr--;
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
			append_locked(central, span, false);
		} else {
			span->next = empty;
			empty = span;
		}
	}
	return empty;
}

static void release(struct span *span)
{
	atomic_fetch_sub_explicit(&centrals[0][span->class].spans, 1, memory_order_relaxed);
	lookup_clear_small(span);
	heap_span_free(span);
}

static void release_all(struct span *span)
{
	struct span *next;

	for (; span; span = next) {
		next = span->next;
		release(span);
	}
}

/* Where a span belongs of which as much as possible has been claimed. */
static void sort_locked(struct central *central, struct span *span)
{
	if (!span_looks_full(span)) {
		if (!span->away || span->far)
			return;
		unlink_locked(central, span);
		append_locked(central, span, true);
		return;
	}
	/* off the list before the flag is clear: who sets it pushes */
	unlink_locked(central, span);
	if (!span_unlist_locked(span))
		prepend_locked(central, span);
}

static unsigned int take_near_locked(struct central *central, unsigned int want, void **objects)
{
	struct span *span;
	unsigned int got = 0;

	while (got < want && (span = central->near.first)) {
		unsigned int here = span_claim_locked(span, want - got, objects + got);

		got += here;
		if (got < want || span_looks_full(span))
			sort_locked(central, span);
	}
	return got;
}

/* From one span: pages come back no faster than they are needed. */
static unsigned int take_far_locked(struct central *central, unsigned int want, void **objects)
{
	struct span *span = central->far.first;
	unsigned int got;

	if (!span)
		return 0;
	got = span_claim_locked(span, want, objects);
	if (!got)
		got = span_claim_far_locked(span, want, objects);
	/* what else lies on these pages is near now; or the module is at them */
	unlink_locked(central, span);
	if (got)
		prepend_locked(central, span);
	else
		append_locked(central, span, true);
	if (span_looks_full(span))
		sort_locked(central, span);
	return got;
}

static unsigned int take_listed(struct central *central, unsigned int want, void **objects)
{
	struct span *empty;
	unsigned int got;

	lock_acquire(&central->lock);
	empty = drain_locked(central, NULL);
	got = take_near_locked(central, want, objects);
	if (!got)
		got = take_far_locked(central, want, objects);
	lock_release(&central->lock);
	release_all(empty);
	return got;
}

static unsigned int take_fresh(size_t class, unsigned int want, void **objects)
{
	struct span *span = heap_span_alloc(class_info[class].pages, 1);
	unsigned int got;

	if (!span)
		return 0;
	span_init(span, class);
	POISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	lookup_set_small(span, class);
	atomic_fetch_add_explicit(&centrals[0][class].spans, 1, memory_order_relaxed);
	/* nobody else knows it yet: as good as the lock */
	got = span_claim_locked(span, want, objects);
	if (!span_unlist_locked(span))
		push_incoming(home(span), span);
	return got;
}

unsigned int central_take(size_t class, unsigned int want, void **objects)
{
	unsigned int got = take_listed(here(class), want, objects);

	if (!got)
		got = take_fresh(class, want, objects);
	/* memory is out: whatever there is */
	for (unsigned int node = 0; unlikely(!got) && node < node_count(); node++)
		got = take_listed(&centrals[node][class], want, objects);
	atomic_fetch_add_explicit(&centrals[0][class].taken, got, memory_order_relaxed);
	return got;
}

/* An empty span that is listed: who has the lock of its class may release it. */
static __attribute__((noinline)) void release_pinned(struct span *span)
{
	struct central *central = home(span);
	struct span *empty;
	bool release_it;

	lock_acquire(&central->lock);
	empty = drain_locked(central, NULL);
	release_it = span_unpin_locked(span);
	if (release_it)
		unlink_locked(central, span);
	lock_release(&central->lock);
	if (release_it)
		release(span);
	release_all(empty);
}

/* Whatever the last objects given back have made necessary. */
static __attribute__((noinline)) void settle(struct span *span, enum span_fate fate)
{
	switch (fate) {
	case SPAN_LEFT:
		break;
	case SPAN_TO_LIST:
		push_incoming(home(span), span);
		break;
	case SPAN_OWNED:
		release(span);
		break;
	case SPAN_TO_PIN:
		release_pinned(span);
		break;
	}
}

static inline void give_bits(struct span *span, const struct class_info *info,
			     _Atomic uint64_t *word, uint64_t bits)
{
	enum span_fate fate;

	if (unlikely(span_is_foreign(span)) && span_adopt(span))
		push_incoming(home(span), span);
	fate = span_give(span, info, word, bits);
	if (unlikely(fate != SPAN_LEFT))
		settle(span, fate);
}

/* Objects have come back, perhaps whole pages of them: not so if as many go out. */
static void note_given(size_t class, uint64_t nr)
{
	struct central *central = &centrals[0][class];
	uint64_t given = atomic_fetch_add_explicit(&central->given, nr, memory_order_relaxed);
	uint64_t out = atomic_load_explicit(&central->taken, memory_order_relaxed) - given;
	uint64_t high = atomic_load_explicit(&central->high, memory_order_relaxed);

	if (out > high)
		atomic_store_explicit(&central->high, high = out, memory_order_relaxed);
	out -= nr;
	if ((high - out) * class_info[class].size < TELL_BYTES)
		return;
	atomic_store_explicit(&central->high, out, memory_order_relaxed);
	heap_note_freed();
}

/*
 * Those freed in the order of their addresses go together. Of others the bitmap comes
 * into the processor's cache while the next object is looked up.
 */
static void *give(size_t class, void *list, unsigned int nr)
{
	const struct class_info *info = &class_info[class];
	const size_t bytes = class_bytes(info);
	struct lookup_cursor cursor = LOOKUP_CURSOR;
	_Atomic uint64_t *word = NULL;
	struct span *span = NULL;
	uintptr_t base = 0;
	uint64_t bits = 0;

	for (void *object = list; nr; nr--, object = list) {
		size_t offset = (uintptr_t)object - base;
		_Atomic uint64_t *its_word;
		struct span *its = span;
		unsigned int number;
		uint64_t bit;

		if (offset >= bytes) {
			its = lookup_next(&cursor, object);
			if (unlikely(!its || its->class != class))
				die("free() of something that is not an object, or a free one was written to",
				    object);
			base = (uintptr_t)its->base;
			offset = (uintptr_t)object - base;
		}
		if (unlikely(!class_object(info, offset, &number)))
			die("free() of a pointer into the middle of an object", object);
		its_word = &its->free[number / 64];
		bit = 1ull << (number % 64);
		list = link_get(object);
		if (its_word == word && likely(!(bits & bit))) {
			bits |= bit;
			continue;
		}
		__builtin_prefetch((void *)its_word, 1);
		if (likely(word))
			give_bits(span, info, word, bits);
		span = its;
		word = its_word;
		bits = bit;
	}
	if (word)
		give_bits(span, info, word, bits);
	return list;
}

void *central_give(size_t class, void *list, unsigned int nr)
{
	list = give(class, list, nr);
	note_given(class, nr);
	return list;
}

void central_give_chain(size_t class, void *list, unsigned int nr)
{
	struct central *central = &centrals[0][class];
	bool kept = false;

	/* with many nodes each object goes home */
	if (unlikely(node_count() > 1)) {
		central_give(class, list, nr);
		return;
	}
	lock_acquire(&central->lock);
	if (central->nr_chains < NR_CHAINS &&
	    (central->chained + nr) * (size_t)class_info[class].size <= CHAINS_BYTES) {
		central->chains[central->nr_chains].list = list;
		central->chains[central->nr_chains++].nr = nr;
		central->chained += nr;
		kept = true;
	}
	lock_release(&central->lock);
	if (!kept)
		give(class, list, nr);
	note_given(class, nr);
}

void *central_take_chain(size_t class, unsigned int most, unsigned int *nr)
{
	struct central *central = &centrals[0][class];
	void *list = NULL;

	lock_acquire(&central->lock);
	if (central->nr_chains && central->chains[central->nr_chains - 1].nr <= most) {
		list = central->chains[--central->nr_chains].list;
		*nr = central->chains[central->nr_chains].nr;
		central->chained -= *nr;
	}
	lock_release(&central->lock);
	if (list)
		atomic_fetch_add_explicit(&central->taken, *nr, memory_order_relaxed);
	return list;
}

/* To their spans; they are counted as given already. */
static void give_chains(size_t class)
{
	struct central *central = &centrals[0][class];
	struct chain chains[NR_CHAINS];
	unsigned int nr;

	lock_acquire(&central->lock);
	nr = central->nr_chains;
	memcpy(chains, central->chains, nr * sizeof(chains[0]));
	central->nr_chains = 0;
	central->chained = 0;
	lock_release(&central->lock);
	while (nr--)
		give(class, chains[nr].list, chains[nr].nr);
}

static void trim(struct central *central)
{
	struct span *empty;

	if (!atomic_load_explicit(&central->incoming, memory_order_relaxed))
		return;
	lock_acquire(&central->lock);
	empty = drain_locked(central, NULL);
	lock_release(&central->lock);
	release_all(empty);
}

void central_trim(void)
{
	for (size_t class = 1; class < NR_CLASSES; class++) {
		give_chains(class);
		for (unsigned int node = 0; node < node_count(); node++)
			trim(&centrals[node][class]);
	}
}

/* The next span that this walk is to visit, or NULL. */
static struct span *next_visit_locked(struct central *central, struct central_walk *walk)
{
	struct span *span;

	if (!walk->begun) {
		walk->begun = true;
		walk->near = central->near.nr;
		walk->far = central->far.nr;
	}
	if (walk->near && (span = central->near.first)) {
		walk->near--;
		return span;
	}
	walk->near = 0;
	if (walk->far && (span = central->far.first)) {
		walk->far--;
		return span;
	}
	walk->far = 0;
	return NULL;
}

/* To the end of the list that it belongs on: a walk goes round once. */
static void visited_locked(struct central *central, struct span *span)
{
	unlink_locked(central, span);
	append_locked(central, span, span->away && !span_has_near(span));
}

static bool any(const uint64_t bits[SPAN_WORDS])
{
	uint64_t all = 0;

	for (unsigned int word = 0; word < SPAN_WORDS; word++)
		all |= bits[word];
	return all;
}

/* @bits of @span are claimed: nobody else has the objects on these pages meanwhile. */
static void work(struct central *central, struct central_walk *walk, struct span *span,
		 const uint64_t bits[SPAN_WORDS])
{
	const struct class_info *info = &class_info[span->class];
	uint64_t done = walk->work(span, walk->pages, walk->arg);

	lock_acquire(&central->lock);
	span_pages_away(span, done);
	lock_release(&central->lock);
	/* as long as one word is ours the span is not empty, and stays */
	for (unsigned int word = 0; word < SPAN_WORDS; word++) {
		if (bits[word])
			give_bits(span, info, &span->free[word], bits[word]);
	}
}

bool central_walk(size_t class, struct central_walk *walk)
{
	struct central *central = &centrals[walk->node][class];
	struct span *span = NULL, *empty;
	uint64_t bits[SPAN_WORDS];
	bool more = true;

	if (!walk->begun && !walk->node)
		give_chains(class);
	walk->pages = 0;
	lock_acquire(&central->lock);
	empty = drain_locked(central, NULL);
	for (unsigned int i = 0; i < WALK_SPANS && !walk->pages; i++) {
		span = next_visit_locked(central, walk);
		more = span;
		if (!span)
			break;
		walk->pages = walk->look(span, walk->arg);
		visited_locked(central, span);
		if (!walk->pages)
			continue;
		span_pages_objects(span, walk->pages, bits);
		span_claim_bits_locked(span, bits);
		/* nothing but the tail: then nothing keeps the span here */
		if (!any(bits))
			walk->pages = 0;
	}
	lock_release(&central->lock);
	release_all(empty);
	if (walk->pages)
		work(central, walk, span, bits);
	if (!more && ++walk->node < node_count()) {
		walk->begun = false;
		more = true;
	}
	return more;
}

struct central_counts central_counts(size_t class)
{
	const struct central *central = &centrals[0][class];

	return (struct central_counts){
		.taken = atomic_load_explicit(&central->taken, memory_order_relaxed),
		.given = atomic_load_explicit(&central->given, memory_order_relaxed),
		.spans = atomic_load_explicit(&central->spans, memory_order_relaxed),
	};
}

void central_fork_child(bool whole)
{
	for (size_t i = 0; i < NR_CLASSES * node_count(); i++) {
		struct central *central = &centrals[i / NR_CLASSES][i % NR_CLASSES];

		lock_reset(&central->lock);
		if (whole)
			continue;
		central->nr_chains = 0;
		central->chained = 0;
		central->near = (struct span_list){ 0 };
		central->far = (struct span_list){ 0 };
		atomic_store_explicit(&central->incoming, NULL, memory_order_relaxed);
	}
}
