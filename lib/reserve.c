// SPDX-License-Identifier: MIT
#include <sys/mman.h>
#include <time.h>

#include "fork.h"
#include "lookup.h"
#include "meta.h"
#include "node.h"
#include "reserve.h"

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

struct page_heap heap;

static struct lock grow_lock;		/* one new reserve at a time */

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint32_t heap_now(void)
{
	return (uint32_t)(nanoseconds(CLOCK_MONOTONIC_COARSE) >> 20);
}

uint32_t heap_now_at_least(void)
{
	return (uint32_t)((nanoseconds(CLOCK_MONOTONIC) >> 20) + 1);
}

void reserve_put_locked(struct heap_reserve *hr, size_t first, size_t nr)
{
	pages_free(&hr->pages, first, nr);
	heap.free_pages += nr;
}

void reserve_free_locked(struct heap_reserve *hr, size_t first, size_t nr,
			 uint32_t stamp)
{
	for (size_t i = 0; i < nr; i++)
		hr->freed_at[first + i] = stamp;
	reserve_put_locked(hr, first, nr);
}

static size_t commit_step(void)
{
	size_t step = heap.committed / 16 & -HUGE_PAGE;

	if (heap.nr_reserves == 1)
		return FIRST_STEP;
	return step < HUGE_PAGE ? HUGE_PAGE : step > STEP_MAX ? STEP_MAX : step;
}

/*
 * Claim uncommitted pages behind those of a reserve so that @need pages in one
 * run come free; a claimed range is the caller's to commit, with no lock held.
 */
static struct heap_reserve *claim_locked(unsigned int node, size_t need, size_t step,
					 size_t *first, size_t *nr)
{
	for (size_t i = heap.nr_reserves; i-- > 0;) {
		struct heap_reserve *hr = heap.reserves[i];
		size_t left = hr->pages.nr - hr->claimed;

		if (left < need || (hr->node != node && node != NODE_ANY))
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
	lock_acquire(&heap.lock);
	if (ret) {
		unclaim_locked(hr, first, nr);
	} else {
		heap.committed += nr << HEAP_PAGE_SHIFT;
		reserve_free_locked(hr, first, nr, heap_now());
	}
	lock_release(&heap.lock);
	return !ret;
}

static bool commit_more(size_t need, unsigned int node)
{
	struct heap_reserve *hr;
	size_t first, nr;

	lock_acquire(&heap.lock);
	hr = claim_locked(node, need, commit_step() >> HEAP_PAGE_SHIFT, &first, &nr);
	lock_release(&heap.lock);
	if (!hr)
		return false;
	if (commit(hr, first, nr))
		return true;
	if (nr == need)
		return false;
	/* not so much, then */
	lock_acquire(&heap.lock);
	hr = claim_locked(node, need, need, &first, &nr);
	lock_release(&heap.lock);
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

static struct heap_reserve *make_reserve(size_t size, size_t align, unsigned int node)
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
	hr->node = node;
	if (node_count() > 1)
		node_prefer(base, size, node);
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

static struct heap_reserve *new_reserve(size_t need, unsigned int node)
{
	size_t least = ((need << HEAP_PAGE_SHIFT) + HUGE_PAGE - 1) & -HUGE_PAGE;
	struct heap_reserve *hr = NULL;
	size_t size;

	if (!heap.nr_reserves) {
		fork_init();
		if (least <= FIRST_RESERVE)
			return make_reserve(FIRST_RESERVE, HEAP_PAGE_SIZE, 0);
	}
	if (heap.nr_reserves <= 1)
		node_init();
	backend_open();
	for (size = next_reserve_size(heap.reserved); !hr && size >= least; size /= 2)
		hr = make_reserve(size, HUGE_PAGE, node);
	return hr ? hr : make_reserve(least, HUGE_PAGE, node);
}

/*
 * grow_lock is held across mmap, alone among the locks: without it each thread
 * that finds the heap full would make a reserve. Nobody who holds heap_lock
 * waits for it.
 */
static bool add_reserve(size_t need, size_t seen, unsigned int node)
{
	struct heap_reserve *hr = NULL;
	bool others;

	lock_acquire(&grow_lock);
	others = heap.nr_reserves != seen;
	if (!others && heap.nr_reserves < MAX_RESERVES)
		hr = new_reserve(need, node);
	if (hr) {
		lock_acquire(&heap.lock);
		heap.reserved += hr->r.length;
		heap.reserves[heap.nr_reserves++] = hr;
		lock_release(&heap.lock);
	}
	lock_release(&grow_lock);
	return hr || others;
}

bool heap_grow(size_t pages, size_t align, unsigned int node)
{
	size_t need = pages + align - 1, seen;

	lock_acquire(&heap.lock);
	seen = heap.nr_reserves;
	lock_release(&heap.lock);
	return commit_more(need, node) ||
	       (node != NODE_ANY && add_reserve(need, seen, node) && commit_more(need, node));
}

void reserve_fork_child(bool whole)
{
	lock_reset(&grow_lock);
	if (whole)
		return;
	/* whatever is free or half-way stays out of use */
	heap.free_pages = 0;
	for (size_t i = 0; i < heap.nr_reserves; i++) {
		struct heap_reserve *hr = heap.reserves[i];

		pages_init(&hr->pages, hr->pages.nr, hr->pages.bits);
		hr->claimed = hr->pages.nr;
	}
}
