// SPDX-License-Identifier: MIT
/*
 * Free runs of the page heap, for the scavenger (heap.h has the functions). What
 * is out is remembered, so that a child forked meanwhile gets it back.
 */
#include <string.h>

#include "central.h"
#include "fork.h"
#include "reserve.h"

/* The scavenger works on so much at a time: as heap.h promises. */
#define RUN_PAGES		(((size_t)4 << 20) >> HEAP_PAGE_SHIFT)
#define MAX_RUNS_OUT		64	/* of two sweeps at a time; see batch.h */

static struct heap_run runs_out[MAX_RUNS_OUT];	/* under heap_lock */

/* So many pages are looked at before heap_lock is let go for a moment. */
#define LOOK_PAGES	8192

/* And so many when something is done with them, some 10 instructions a base page. */
#define DO_PAGES	1024

static bool page_has(const struct heap_reserve *hr, size_t page, unsigned int intents)
{
	for (size_t i = page * BASE_PAGES; i < (page + 1) * BASE_PAGES; i++) {
		unsigned int byte = atomic_load_explicit(&hr->r.map[i], memory_order_relaxed);

		if (intents >> (byte & SPANHEAP_INTENT_MASK) & 1)
			return true;
	}
	return false;
}

/*
 * The first part of free run [first, end) that is old enough and has the wanted
 * intents at both its ends. Return: where to look on.
 */
static size_t narrow(const struct heap_reserve *hr, unsigned int intents, uint64_t min_age_ns,
		     uint32_t at, size_t *first, size_t *end)
{
	size_t next, stop = *end;

	while (*first < stop && !(heap_older(hr->freed_at[*first], at, min_age_ns) &&
				  page_has(hr, *first, intents)))
		++*first;
	if (stop > *first + RUN_PAGES) {
		/* whole huge pages stay whole */
		stop = *first + RUN_PAGES;
		stop &= -HUGE_PAGES;
	}
	for (next = *first; next < stop && heap_older(hr->freed_at[next], at, min_age_ns); next++)
		;
	*end = next;
	while (*end > *first && !page_has(hr, *end - 1, intents))
		--*end;
	return next;
}

static bool run_out_locked(const struct heap_run *run)
{
	for (size_t i = 0; i < MAX_RUNS_OUT; i++) {
		if (!runs_out[i].reserve) {
			runs_out[i] = *run;
			return true;
		}
	}
	return false;
}

/* By value: @run may be the very entry that is cleared here. */
static void run_in_locked(struct heap_run run)
{
	for (size_t i = 0; i < MAX_RUNS_OUT; i++) {
		if (runs_out[i].reserve == run.reserve && runs_out[i].first == run.first)
			runs_out[i].reserve = NULL;
	}
	reserve_put_locked((struct heap_reserve *)run.reserve, run.first / BASE_PAGES,
			 run.nr / BASE_PAGES);
}

/**
 * struct search - for free runs
 * @wish: which
 * @now: on the clock of heap_now()
 * @cursor: where to go on
 * @left: heap pages that may be looked at before heap_lock is let go of
 */
struct search {
	const struct heap_wish *wish;
	uint32_t now;
	uint64_t *cursor;
	size_t left;
};

static struct search search_for(const struct heap_wish *wish, uint64_t *cursor)
{
	if (!*cursor) {
		central_trim();
		heap_trim(wish->min_age_ns);
	}
	return (struct search){ wish, heap_now_at_least(), cursor, 0 };
}

/* Return: 1 with a run, 0 at the end, -1 when it has been long enough. */
static int next_run_locked(struct search *s, struct heap_run *run)
{
	size_t index = *s->cursor >> 32, page = *s->cursor & 0xffffffff;

	for (; index < heap.nr_reserves; index++, page = 0) {
		struct heap_reserve *hr = heap.reserves[index];
		unsigned int intents = s->wish->intents[hr->r.registered];
		size_t first, nr, end, next;

		while (intents && s->left) {
			first = pages_next_run(&hr->pages, page, &nr);
			if (first == PAGES_NONE)
				break;
			end = first + nr;
			next = narrow(hr, intents, s->wish->min_age_ns, s->now, &first, &end);
			if (first < end)
				next = end;
			s->left -= next - page < s->left ? next - page : s->left;
			page = next;
			if (first == end)
				continue;
			*run = (struct heap_run){
				.reserve = &hr->r,
				.first = first * BASE_PAGES,
				.nr = (end - first) * BASE_PAGES,
			};
			*s->cursor = (uint64_t)index << 32 | page;
			return 1;
		}
		if (!s->left) {
			*s->cursor = (uint64_t)index << 32 | page;
			return -1;
		}
	}
	*s->cursor = (uint64_t)index << 32;
	return 0;
}

static bool take_locked(const struct heap_run *run)
{
	struct heap_reserve *hr = (struct heap_reserve *)run->reserve;

	if (!run_out_locked(run))
		return false;
	pages_take(&hr->pages, run->first / BASE_PAGES, run->nr / BASE_PAGES);
	heap.free_pages -= run->nr / BASE_PAGES;
	return true;
}

size_t heap_in_use(void)
{
	struct heap_counts counts;

	gate_enter(&gate_strays);
	counts = heap_counts();
	gate_leave(&gate_strays);
	return counts.committed - counts.free;
}

bool heap_run_take(struct heap_run *run, const struct heap_wish *wish, uint64_t *cursor)
{
	struct search s;
	int ret;

	gate_enter(&gate_strays);
	s = search_for(wish, cursor);
	do {
		s.left = LOOK_PAGES;
		lock_acquire(&heap.lock);
		ret = next_run_locked(&s, run);
		if (ret > 0 && !take_locked(run))
			ret = 0;
		lock_release(&heap.lock);
	} while (ret < 0);
	gate_leave(&gate_strays);
	return ret;
}

void heap_runs_each(void (*what)(const struct heap_run *run, void *arg), void *arg,
		    const struct heap_wish *wish)
{
	uint64_t cursor = 0;
	struct heap_run run;
	struct search s;
	int ret;

	gate_enter(&gate_strays);
	s = search_for(wish, &cursor);
	do {
		s.left = DO_PAGES;
		lock_acquire(&heap.lock);
		while ((ret = next_run_locked(&s, &run)) > 0)
			what(&run, arg);
		lock_release(&heap.lock);
	} while (ret < 0);
	gate_leave(&gate_strays);
}

void heap_run_put(const struct heap_run *run)
{
	gate_enter(&gate_strays);
	lock_acquire(&heap.lock);
	run_in_locked(*run);
	lock_release(&heap.lock);
	gate_leave(&gate_strays);
}

void run_fork_child(bool whole)
{
	for (size_t i = 0; whole && i < MAX_RUNS_OUT; i++) {
		if (runs_out[i].reserve)
			run_in_locked(runs_out[i]);
	}
	memset(runs_out, 0, sizeof(runs_out));
}
