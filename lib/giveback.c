// SPDX-License-Identifier: MIT
/*
 * The hands of the scavenger. Holds no lock while it releases: a run that is out of
 * the page heap is nobody else's. Never allocates.
 */
#include <sys/mman.h>
#include <time.h>

#include <spanheap.h>
#include "backend/backend.h"
#include "batch.h"
#include "front.h"
#include "giveback.h"
#include "heap.h"
#include "partial.h"
#include "policy/release.h"

/* Base pages in a huge page. */
#define HUGE_PAGES	((size_t)512)

#define BIT(intent)	(1u << (intent))

/**
 * struct order - what to do with the free pages of a reserve
 * @action: GIVE_NOTHING skips them
 * @intents: mask of the intents that it is for
 * @whole: only whole huge pages
 */
struct order {
	enum give_back action;
	unsigned int intents;
	bool whole;
};

/**
 * struct sweep - one walk over the heap
 * @order: for reserves that the module does not know, and for those it knows
 * @age_ns: only what has been free for that long
 * @keep: pages to leave alone of those that are found first
 * @limit: stop when that many pages are given back
 * @done: pages released
 * @tried: pages that were to be
 * @left: pages left alone since they are no whole huge page
 * @batch: pages that count in @done, and are still to go
 */
struct sweep {
	struct order order[2];
	uint64_t age_ns;
	size_t keep;
	size_t limit;
	size_t done;
	size_t tried;
	size_t left;
	struct batch batch;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static bool wanted(const struct reserve *r, size_t page, unsigned int intents)
{
	return BIT(r->map[page] & SPANHEAP_INTENT_MASK) & intents;
}

/* The owner takes pages before its madvise: see intent.h. */
static size_t release_piece(struct reserve *r, size_t first, size_t nr,
			    enum give_back action)
{
	int advice = action == GIVE_LAZY ? MADV_FREE : MADV_DONTNEED;
	unsigned int to = action == GIVE_LAZY ? SPANHEAP_LAZY : SPANHEAP_RELEASED;
	bool zeroed;

	if (intent_take(r->map, first, nr, &zeroed))
		return 0;
	if (madvise(r->base + (first << BASE_PAGE_SHIFT), nr << BASE_PAGE_SHIFT, advice))
		return 0;
	return intent_release(r->map, first, nr, to);
}

static void flush(struct sweep *s)
{
	size_t waiting = s->batch.pages;

	s->done -= waiting;
	s->done += batch_flush(&s->batch);
}

/* The module takes many ranges by one call. */
static bool goes_by_batch(const struct reserve *r, enum give_back action)
{
	return action == GIVE_RELEASED && r->registered &&
	       backend_current()->features() & SPANHEAP_FEATURE_RELEASE;
}

static void enqueue_piece(struct sweep *s, struct reserve *r, size_t first, size_t nr)
{
	bool zeroed;

	if (intent_take(r->map, first, nr, &zeroed))
		return;
	if (batch_is_full(&s->batch))
		flush(s);
	batch_add(&s->batch, r, first, nr);
	s->done += nr;
}

/* [first, end) all of intents that the order is for */
static void give_piece(struct sweep *s, const struct order *o, struct reserve *r,
		       size_t first, size_t end)
{
	size_t kept = end - first < s->keep ? end - first : s->keep;
	size_t nr;

	s->keep -= kept;
	first += kept;
	nr = end - first;
	if (o->whole) {
		/* By address: the first reserve does not start at a huge page. */
		size_t base = (uintptr_t)r->base >> BASE_PAGE_SHIFT;
		size_t from = (base + first + HUGE_PAGES - 1) & -HUGE_PAGES;
		size_t to = (base + end) & -HUGE_PAGES;
		size_t whole = from < to ? to - from : 0;

		s->left += nr - whole;
		first = from - base;
		nr = whole;
	}
	if (nr > s->limit - s->done) {
		nr = s->limit - s->done;
		if (o->whole)
			nr = (nr + HUGE_PAGES - 1) & -HUGE_PAGES;
	}
	if (!nr)
		return;
	s->tried += nr;
	if (goes_by_batch(r, o->action))
		enqueue_piece(s, r, first, nr);
	else
		s->done += release_piece(r, first, nr, o->action);
}

static void give_run(struct sweep *s, const struct heap_run *run)
{
	struct reserve *r = run->reserve;
	const struct order *o = &s->order[r->registered];
	size_t end = run->first + run->nr;
	size_t first = run->first;

	if (o->action == GIVE_NOTHING)
		return;
	while (s->done < s->limit) {
		size_t to;

		while (first < end && !wanted(r, first, o->intents))
			first++;
		for (to = first; to < end && wanted(r, to, o->intents); to++)
			;
		if (first == to)
			return;
		give_piece(s, o, r, first, to);
		first = to;
	}
}

/* Under heap_lock: hand-over makes no system call, so no run is taken out for it. */
static void hand_over_run(const struct heap_run *run, void *epoch)
{
	intent_hand_over(run->reserve->map, run->first, run->nr, *(unsigned int *)epoch);
}

static void sweep_heap(struct sweep *s)
{
	struct heap_wish handed = { .min_age_ns = s->age_ns };
	struct heap_wish released = handed;
	unsigned int epoch = policy_epoch(now_ns());
	struct heap_run run;
	uint64_t cursor = 0;

	for (int i = 0; i < 2; i++) {
		if (s->order[i].action == GIVE_IDLE)
			handed.intents[i] = s->order[i].intents;
		else
			released.intents[i] = s->order[i].intents;
	}
	if (handed.intents[0] | handed.intents[1])
		heap_runs_each(hand_over_run, &epoch, &handed);
	if (!(released.intents[0] | released.intents[1]))
		return;
	while (s->done < s->limit && heap_run_take(&run, &released, &cursor)) {
		give_run(s, &run);
		if (!s->batch.nr) {
			heap_run_put(&run);
			continue;
		}
		batch_keep(&s->batch, &run);
		if (batch_is_full(&s->batch))
			flush(s);
	}
	flush(s);
}

static struct order order_for(enum give_back action, bool whole)
{
	switch (action) {
	case GIVE_IDLE:
		/* Splits no huge page, so it need not wait for whole ones. */
		return (struct order){ action, BIT(SPANHEAP_IN_USE), false };
	case GIVE_LAZY:
	case GIVE_RELEASED:
		return (struct order){ action, BIT(SPANHEAP_IN_USE) |
					       BIT(SPANHEAP_IDLE), whole };
	default:
		return (struct order){ GIVE_NOTHING, 0, false };
	}
}

/* The same for pages inside partly used spans. */
static struct partial partial_for(const struct order order[2], size_t limit)
{
	return (struct partial){
		.action = { order[0].action, order[1].action },
		.intents = { order[0].intents, order[1].intents },
		.epoch = policy_epoch(now_ns()),
		.limit = limit,
	};
}

/* What is given back by itself splits huge pages, always. */
static unsigned int looks_for(const struct order *order, uint64_t delay_ns)
{
	return !delay_ns ? 0 : order->whole ? SPLIT_AGE_FACTOR : 1;
}

bool giveback_pass(unsigned int mode, bool device, bool huge, uint64_t delay_ns)
{
	enum give_back unknown = policy_action(mode, false, device);
	enum give_back known = policy_action(mode, true, device);
	struct sweep first = {
		.order = { order_for(unknown, huge), order_for(known, huge) },
		.age_ns = delay_ns,
		.limit = SIZE_MAX,
	};
	struct sweep rest = {
		.order = { order_for(unknown, false), order_for(known, false) },
		.age_ns = delay_ns * SPLIT_AGE_FACTOR,
		.limit = SIZE_MAX,
	};
	struct partial partial;

	if (unknown == GIVE_NOTHING && known == GIVE_NOTHING)
		return false;
	partial = partial_for(first.order, SIZE_MAX);
	for (int i = 0; i < 2; i++)
		partial.looks[i] = looks_for(&first.order[i], delay_ns);
	partial_sweep(&partial);
	sweep_heap(&first);
	if (first.left)
		sweep_heap(&rest);
	return first.left > rest.tried || partial.pending || front_left();
}

bool giveback_early(unsigned int mode, bool huge, uint64_t age_ns)
{
	static struct surplus surplus;	/* the scavenger's thread alone comes here */
	struct order order = { GIVE_RELEASED, BIT(SPANHEAP_IN_USE), huge };
	struct sweep s = { .order = { order, order }, .age_ns = age_ns };
	uint64_t in_use, held, bytes;

	/* What is handed over, or lazily freed, is resident until memory is short. */
	if (mode != SPANHEAP_RELEASE_DONTNEED)
		return false;
	in_use = heap_in_use();
	held = intent_totals[SPANHEAP_IN_USE] << BASE_PAGE_SHIFT;
	bytes = policy_surplus(&surplus, held, in_use);
	if (!bytes)
		return true;
	s.keep = (held - in_use - bytes) >> BASE_PAGE_SHIFT;
	s.limit = bytes >> BASE_PAGE_SHIFT;
	sweep_heap(&s);
	surplus.given += (uint64_t)s.done << BASE_PAGE_SHIFT;
	return true;
}

static size_t release_oldest(size_t bytes, unsigned int intents)
{
	struct order order = { GIVE_RELEASED, intents, false };
	struct order orders[2] = { order, order };
	struct partial partial;
	size_t limit = (bytes + BASE_PAGE_SIZE - 1) >> BASE_PAGE_SHIFT;
	size_t done = 0;
	uint64_t age;

	for (unsigned int step = 0; done < limit && policy_age(step, &age); step++) {
		for (int whole = 1; whole >= 0 && done < limit; whole--) {
			struct sweep s = { .age_ns = age, .limit = limit - done };

			order.whole = whole;
			s.order[0] = order;
			s.order[1] = order;
			sweep_heap(&s);
			done += s.done;
		}
	}
	if (done < limit) {
		partial = partial_for(orders, limit - done);
		partial_sweep(&partial);
		done += partial.done;
	}
	return done << BASE_PAGE_SHIFT;
}

size_t giveback_idle(size_t bytes)
{
	return release_oldest(bytes, BIT(SPANHEAP_IDLE));
}

size_t giveback_free(size_t bytes, bool idle_too)
{
	return release_oldest(bytes, BIT(SPANHEAP_IN_USE) | BIT(SPANHEAP_LAZY) |
				     (idle_too ? BIT(SPANHEAP_IDLE) : 0));
}

size_t giveback_all(void)
{
	struct order order = {
		GIVE_RELEASED,
		BIT(SPANHEAP_IN_USE) | BIT(SPANHEAP_IDLE) | BIT(SPANHEAP_LAZY),
		false,
	};
	struct sweep s = { .order = { order, order }, .limit = SIZE_MAX };
	struct partial partial = partial_for(s.order, SIZE_MAX);

	partial_sweep(&partial);
	sweep_heap(&s);
	return (s.done + partial.done) << BASE_PAGE_SHIFT;
}
