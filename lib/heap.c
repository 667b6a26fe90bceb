// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "central.h"
#include "fork.h"
#include "heap.h"
#include "lock.h"
#include "lookup.h"
#include "meta.h"
#include "pages.h"
#include "sanitize.h"
#include "scavenger.h"
#include "span.h"
#include "spancache.h"

#define HUGE_PAGE		((size_t)2 << 20)
#define HUGE_PAGES		(HUGE_PAGE >> HEAP_PAGE_SHIFT)
#define BASE_PAGES		(HEAP_PAGE_SIZE / BASE_PAGE_SIZE)

/*
 * The first reserve is small, unaligned and committed in small steps, so that a
 * small program stays small whatever the huge-page policy is. Later ones are
 * aligned and committed by whole huge pages, a sixteenth of the heap at a time:
 * a system call for every 6 % of growth. The reserves grow with the heap as
 * well, so that a 100 GiB heap has some 100 of them to search.
 */
#define FIRST_RESERVE		((size_t)4 << 20)
#define FIRST_STEP		((size_t)256 << 10)
#define RESERVE_MIN		((size_t)64 << 20)
#define RESERVE_MAX		((size_t)1 << 30)
#define STEP_MAX		((size_t)64 << 20)
#define MAX_RESERVES		8192

/* So much is freed before the scavenger hears of it again. */
#define POKE_PAGES		(((size_t)2 << 20) >> HEAP_PAGE_SHIFT)

/* The scavenger works on so much at a time: as heap.h promises. */
#define RUN_PAGES		(((size_t)4 << 20) >> HEAP_PAGE_SHIFT)
#define MAX_RUNS_OUT		16

/**
 * struct heap_reserve - a reserve and which of its pages are free
 * @r: as the backend knows it
 * @backend: what it was attached by
 * @pages: free heap pages; those not yet committed count as in use
 * @freed_at: per heap page, when it came free, on the clock of now()
 * @claimed: heap pages from the start that are committed, or being so
 */
struct heap_reserve {
	struct reserve r;
	const struct backend *backend;
	struct pages pages;
	uint32_t *freed_at;
	size_t claimed;
};

/*
 * heap_lock guards all of this. The reserves stand in the order of their age:
 * the oldest is filled first, so that the newest are the ones that drain.
 */
static struct lock heap_lock;
static struct heap_reserve *reserves[MAX_RESERVES];
static size_t nr_reserves;
static size_t reserved;
static size_t committed;
static size_t free_pages;		/* in all reserves, without the span cache */
static struct span_cache span_cache;
static struct heap_run runs_out[MAX_RUNS_OUT];

static struct lock grow_lock;		/* one new reserve at a time */
static struct meta_pool span_pool = { .size = sizeof(struct span) };
static size_t freed_unseen;		/* pages freed since the last poke */
static atomic_bool poke;

/* About milliseconds (2^20 ns); wraps after 52 days, which makes an age too young. */
static uint32_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)(((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec) >> 20);
}

static bool older(uint32_t stamp, uint32_t at, uint64_t min_age_ns)
{
	return at - stamp >= min_age_ns >> 20;
}

struct span *heap_span_get(void)
{
	return meta_pool_get(&span_pool);
}

void heap_span_put(struct span *span)
{
	meta_pool_put(&span_pool, span);
}

static size_t page_of(const struct heap_reserve *hr, const char *ptr)
{
	return (size_t)(ptr - hr->r.base) >> HEAP_PAGE_SHIFT;
}

static void put_pages_locked(struct heap_reserve *hr, size_t first, size_t nr)
{
	pages_free(&hr->pages, first, nr);
	free_pages += nr;
}

static void free_pages_locked(struct heap_reserve *hr, size_t first, size_t nr,
			      uint32_t stamp)
{
	for (size_t i = 0; i < nr; i++)
		hr->freed_at[first + i] = stamp;
	put_pages_locked(hr, first, nr);
}

/* First fit, the oldest reserve first. */
static bool find_locked(size_t pages, size_t align, struct heap_reserve **hr, size_t *first)
{
	for (size_t i = 0; free_pages >= pages && i < nr_reserves; i++) {
		size_t phase = ((uintptr_t)reserves[i]->r.base >> HEAP_PAGE_SHIFT) & (align - 1);

		*first = pages_alloc(&reserves[i]->pages, pages, align, phase);
		if (*first != PAGES_NONE) {
			*hr = reserves[i];
			free_pages -= pages;
			return true;
		}
	}
	return false;
}

/* Growth: commit more of a reserve, or make a new one. */

static size_t commit_step(void)
{
	size_t step = committed / 16 & -HUGE_PAGE;

	if (nr_reserves == 1)
		return FIRST_STEP;
	return step < HUGE_PAGE ? HUGE_PAGE : step > STEP_MAX ? STEP_MAX : step;
}

/*
 * Claim uncommitted pages behind those of a reserve so that @need pages in one
 * run come free; a claimed range is the caller's to commit, with no lock held.
 */
static struct heap_reserve *claim_locked(size_t need, size_t step, size_t *first, size_t *nr)
{
	for (size_t i = nr_reserves; i-- > 0;) {
		struct heap_reserve *hr = reserves[i];
		size_t left = hr->pages.nr - hr->claimed;

		if (left < need)
			continue;
		*first = hr->claimed;
		*nr = step > need ? step : need;
		if (*nr > left)
			*nr = left;
		hr->claimed += *nr;
		return hr;
	}
	return NULL;
}

static void unclaim_locked(struct heap_reserve *hr, size_t first, size_t nr)
{
	if (hr->claimed == first + nr)
		hr->claimed = first;
}

static bool commit(struct heap_reserve *hr, size_t first, size_t nr)
{
	int ret = hr->backend->commit(&hr->r, first << HEAP_PAGE_SHIFT, nr << HEAP_PAGE_SHIFT);

	if (!ret)
		atomic_fetch_add_explicit(&intent_totals[SPANHEAP_UNUSED],
					  nr * BASE_PAGES, memory_order_relaxed);
	lock_acquire(&heap_lock);
	if (ret) {
		unclaim_locked(hr, first, nr);
	} else {
		committed += nr << HEAP_PAGE_SHIFT;
		free_pages_locked(hr, first, nr, now());
	}
	lock_release(&heap_lock);
	return !ret;
}

static bool commit_more(size_t need)
{
	struct heap_reserve *hr;
	size_t first, nr;

	lock_acquire(&heap_lock);
	hr = claim_locked(need, commit_step() >> HEAP_PAGE_SHIFT, &first, &nr);
	lock_release(&heap_lock);
	if (!hr)
		return false;
	if (commit(hr, first, nr))
		return true;
	if (nr == need)
		return false;
	/* not so much, then */
	lock_acquire(&heap_lock);
	hr = claim_locked(need, need, &first, &nr);
	lock_release(&heap_lock);
	return hr && commit(hr, first, nr);
}

/* Address space of @size bytes, aligned to @align. */
static char *map_reserve(size_t size, size_t align)
{
	size_t slack = align > BASE_PAGE_SIZE ? align : 0;
	char *ptr, *base;

	ptr = mmap(NULL, size + slack, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ptr == MAP_FAILED)
		return NULL;
	base = (char *)(((uintptr_t)ptr + align - 1) & -align);
	if (base > ptr)
		munmap(ptr, (size_t)(base - ptr));
	if (base + size < ptr + size + slack)
		munmap(base + size, (size_t)(ptr + slack - base));
	return base;
}

static bool attach(struct heap_reserve *hr)
{
	hr->backend = backend_current();
	if (!hr->backend->attach(&hr->r))
		return true;
	if (hr->backend == &procfs_backend)
		return false;
	hr->backend = &procfs_backend;
	return !hr->backend->attach(&hr->r);
}

static struct heap_reserve *make_reserve(size_t size, size_t align)
{
	size_t nr = size >> HEAP_PAGE_SHIFT;
	struct heap_reserve *hr;
	char *base = map_reserve(size, align);
	void *mem;

	if (!base)
		return NULL;
	hr = meta_alloc(sizeof(*hr));
	mem = meta_alloc(pages_bytes(nr) + nr * sizeof(*hr->freed_at));
	/* what meta gave is lost on failure: it is the end of memory anyway */
	if (!hr || !mem || !lookup_prepare(base, size))
		goto unmap;
	hr->r.base = base;
	hr->r.length = size;
	pages_init(&hr->pages, nr, mem);
	hr->freed_at = (void *)((char *)mem + pages_bytes(nr));
	if (!attach(hr))
		goto unmap;
	return hr;
unmap:
	munmap(base, size);
	return NULL;
}

static size_t next_reserve_size(size_t total)
{
	size_t size = RESERVE_MIN;

	while (size < total / 8 && size < RESERVE_MAX)
		size *= 2;
	return size;
}

static struct heap_reserve *new_reserve(size_t need)
{
	size_t least = ((need << HEAP_PAGE_SHIFT) + HUGE_PAGE - 1) & -HUGE_PAGE;
	struct heap_reserve *hr = NULL;
	size_t size;

	if (!nr_reserves) {
		fork_init();
		if (least <= FIRST_RESERVE)
			return make_reserve(FIRST_RESERVE, HEAP_PAGE_SIZE);
	}
	backend_open();
	for (size = next_reserve_size(reserved); !hr && size >= least; size /= 2)
		hr = make_reserve(size, HUGE_PAGE);
	return hr ? hr : make_reserve(least, HUGE_PAGE);
}

/*
 * grow_lock is held across mmap, alone among the locks: without it each thread
 * that finds the heap full would make a reserve. Nobody who holds heap_lock
 * waits for it.
 */
static bool add_reserve(size_t need, size_t seen)
{
	struct heap_reserve *hr = NULL;
	bool others;

	lock_acquire(&grow_lock);
	others = nr_reserves != seen;
	if (!others && nr_reserves < MAX_RESERVES)
		hr = new_reserve(need);
	if (hr) {
		lock_acquire(&heap_lock);
		reserved += hr->r.length;
		reserves[nr_reserves++] = hr;
		lock_release(&heap_lock);
	}
	lock_release(&grow_lock);
	return hr || others;
}

/* Return: whether it is worth looking again. */
static bool grow(size_t pages, size_t align)
{
	size_t need = pages + align - 1, seen;

	lock_acquire(&heap_lock);
	seen = nr_reserves;
	lock_release(&heap_lock);
	return commit_more(need) || (add_reserve(need, seen) && commit_more(need));
}

/* Spans. */

static size_t evict_locked(struct span *span)
{
	size_t nr = 0;
	struct span *next;

	for (; span; span = next, nr++) {
		next = span->next;
		free_pages_locked(span->reserve, page_of(span->reserve, span->base),
				  span->pages, span->freed_at);
		heap_span_put(span);
	}
	return nr;
}

bool heap_trim(uint64_t min_age_ns)
{
	uint32_t at = now();
	size_t nr;

	lock_acquire(&heap_lock);
	nr = evict_locked(span_cache_expire(&span_cache, at, min_age_ns >> 20));
	lock_release(&heap_lock);
	return nr;
}

static bool find_pages(size_t pages, size_t align, struct heap_reserve **hr, size_t *first)
{
	bool found;

	for (;;) {
		lock_acquire(&heap_lock);
		found = find_locked(pages, align, hr, first);
		lock_release(&heap_lock);
		if (found)
			return true;
		if (!heap_trim(0) && !grow(pages, align))
			return false;
	}
}

/* Pages that the module is about to take are left alone: it is done soon. */
static bool take_back(struct heap_reserve *hr, size_t first, size_t nr, bool *zeroed)
{
	if (!intent_take(hr->r.map, first * BASE_PAGES, nr * BASE_PAGES, zeroed))
		return true;
	lock_acquire(&heap_lock);
	free_pages_locked(hr, first, nr, now());
	lock_release(&heap_lock);
	return false;
}

static struct span *cut(size_t pages, size_t align)
{
	struct span *span = heap_span_get();
	struct heap_reserve *hr;
	size_t first;
	bool zeroed;

	if (!span)
		return NULL;
	do {
		if (!find_pages(pages, align, &hr, &first)) {
			heap_span_put(span);
			return NULL;
		}
	} while (!take_back(hr, first, pages, &zeroed));

	span->base = hr->r.base + (first << HEAP_PAGE_SHIFT);
	span->pages = pages;
	span->reserve = hr;
	span->class = 0;
	span->zeroed = zeroed;
	return span;
}

struct span *heap_span_alloc(size_t pages, size_t align)
{
	struct span *span = NULL;

	pages = span_cache_round(pages);
	if (align == 1) {
		lock_acquire(&heap_lock);
		span = span_cache_pop(&span_cache, pages);
		lock_release(&heap_lock);
	}
	if (!span)
		span = cut(pages, align);
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
		atomic_store_explicit(&poke, true, memory_order_relaxed);
	}
}

void heap_span_free(struct span *span)
{
	uint32_t at = now();
	size_t in_use;

	POISON(span->base, span->pages << HEAP_PAGE_SHIFT);
	span->class = 0;
	span->zeroed = false;
	span->freed_at = at;
	lock_acquire(&heap_lock);
	in_use = committed - (free_pages << HEAP_PAGE_SHIFT);
	note_freed_locked(span->pages);
	evict_locked(span_cache_push(&span_cache, span, in_use >> HEAP_PAGE_SHIFT));
	lock_release(&heap_lock);
}

static bool extend(struct span *span, size_t by)
{
	struct heap_reserve *hr = span->reserve;
	size_t first = page_of(hr, span->base) + span->pages;
	bool taken, zeroed;

	lock_acquire(&heap_lock);
	taken = pages_take(&hr->pages, first, by);
	if (taken)
		free_pages -= by;
	lock_release(&heap_lock);
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
		lock_acquire(&heap_lock);
		free_pages_locked(hr, page_of(hr, span->base) + pages,
				  span->pages - pages, now());
		note_freed_locked(span->pages - pages);
		lock_release(&heap_lock);
	}
	span->pages = pages;
	return true;
}

void heap_poke(void)
{
	if (likely(!atomic_load_explicit(&poke, memory_order_relaxed)))
		return;
	atomic_store_explicit(&poke, false, memory_order_relaxed);
	scavenger_poke(heap_counts().committed);
}

struct heap_counts heap_counts(void)
{
	struct heap_counts counts;

	lock_acquire(&heap_lock);
	counts.reserved = reserved;
	counts.committed = committed;
	counts.free = (free_pages + span_cache.pages) << HEAP_PAGE_SHIFT;
	lock_release(&heap_lock);
	return counts;
}

/* Free runs, for the scavenger. */

/* So many pages are looked at before heap_lock is let go for a moment. */
#define LOOK_PAGES	8192

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

	while (*first < stop && !(older(hr->freed_at[*first], at, min_age_ns) &&
				  page_has(hr, *first, intents)))
		++*first;
	if (stop > *first + RUN_PAGES) {
		/* whole huge pages stay whole */
		stop = *first + RUN_PAGES;
		stop &= -HUGE_PAGES;
	}
	for (next = *first; next < stop && older(hr->freed_at[next], at, min_age_ns); next++)
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
	put_pages_locked((struct heap_reserve *)run.reserve, run.first / BASE_PAGES,
			 run.nr / BASE_PAGES);
}

/* Return: 1 with a run, 0 at the end, -1 to go on. */
static int take_run_locked(struct heap_run *run, unsigned int intents, uint64_t min_age_ns,
			   uint64_t *cursor)
{
	size_t index = *cursor >> 32, page = *cursor & 0xffffffff, looked = 0;
	uint32_t at = now();

	for (; index < nr_reserves; index++, page = 0) {
		struct heap_reserve *hr = reserves[index];
		size_t first, nr, end, next;

		for (; looked < LOOK_PAGES; looked += next - page, page = next) {
			first = pages_next_run(&hr->pages, page, &nr);
			if (first == PAGES_NONE)
				break;
			end = first + nr;
			next = narrow(hr, intents, min_age_ns, at, &first, &end);
			if (first == end)
				continue;
			*run = (struct heap_run){
				.reserve = &hr->r,
				.first = first * BASE_PAGES,
				.nr = (end - first) * BASE_PAGES,
			};
			*cursor = (uint64_t)index << 32 | end;
			if (!run_out_locked(run))
				return 0;
			pages_take(&hr->pages, first, end - first);
			free_pages -= end - first;
			return 1;
		}
		if (looked >= LOOK_PAGES) {
			*cursor = (uint64_t)index << 32 | page;
			return -1;
		}
	}
	*cursor = (uint64_t)index << 32;
	return 0;
}

bool heap_run_take(struct heap_run *run, unsigned int intents, uint64_t min_age_ns,
		   uint64_t *cursor)
{
	int ret;

	gate_enter(&gate_strays);
	if (!*cursor) {
		central_trim();
		heap_trim(min_age_ns);
	}
	do {
		lock_acquire(&heap_lock);
		ret = take_run_locked(run, intents, min_age_ns, cursor);
		lock_release(&heap_lock);
	} while (ret < 0);
	gate_leave(&gate_strays);
	return ret;
}

void heap_run_put(const struct heap_run *run)
{
	gate_enter(&gate_strays);
	lock_acquire(&heap_lock);
	run_in_locked(*run);
	lock_release(&heap_lock);
	gate_leave(&gate_strays);
}

void heap_fork_child(bool whole)
{
	lock_reset(&heap_lock);
	lock_reset(&grow_lock);
	lock_reset(&span_pool.lock);
	if (whole) {
		for (size_t i = 0; i < MAX_RUNS_OUT; i++) {
			if (runs_out[i].reserve)
				run_in_locked(runs_out[i]);
		}
	} else {
		memset(runs_out, 0, sizeof(runs_out));
		memset(&span_cache, 0, sizeof(span_cache));
		span_pool.free = NULL;
		free_pages = 0;
		for (size_t i = 0; i < nr_reserves; i++) {
			pages_init(&reserves[i]->pages, reserves[i]->pages.nr,
				   reserves[i]->pages.bits);
			reserves[i]->claimed = reserves[i]->pages.nr;
		}
	}
	/* struct reserve is the first member */
	backend_fork_child((struct reserve *const *)reserves, nr_reserves);
}
