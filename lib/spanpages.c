// SPDX-License-Identifier: MIT
#include <sys/mman.h>

#include "reserve.h"
#include "spanpages.h"

static _Atomic size_t total;

static unsigned int nr_pages(const struct span *span)
{
	return (unsigned int)(span->pages * BASE_PAGES);
}

/* The object at @offset. The reciprocal is rounded up, so it may give the next one. */
static unsigned int object_at(const struct class_info *info, uint64_t offset)
{
	uint64_t object = offset * info->reciprocal >> 32;

	return (unsigned int)(object * info->size > offset ? object - 1 : object);
}

/* Objects [*first, *end) touch page @page; none do at the tail of a span. */
static void objects_on(const struct class_info *info, unsigned int page,
		       unsigned int *first, unsigned int *end)
{
	*first = object_at(info, (uint64_t)page << BASE_PAGE_SHIFT);
	*end = object_at(info, ((uint64_t)(page + 1) << BASE_PAGE_SHIFT) - 1) + 1;
	if (*first > info->objects)
		*first = info->objects;
	if (*end > info->objects)
		*end = info->objects;
}

/* Bits [first, end) of word @w. */
static uint64_t bits_in_word(unsigned int w, unsigned int first, unsigned int end)
{
	unsigned int from = first > w * 64 ? first - w * 64 : 0;
	unsigned int to = end < (w + 1) * 64 ? end - w * 64 : 64;

	return (to == 64 ? ~0ull : (1ull << to) - 1) & ~0ull << from;
}

uint64_t span_pages_free(const struct span *span)
{
	const struct class_info *info = &class_info[span->class];
	uint64_t free[SPAN_WORDS], pages = 0;

	for (unsigned int w = 0; w < SPAN_WORDS; w++)
		free[w] = atomic_load_explicit(&span->free[w], memory_order_acquire);
	for (unsigned int page = 0; page < nr_pages(span); page++) {
		unsigned int first, end, w;
		bool all = true;

		objects_on(info, page, &first, &end);
		for (w = first / 64; all && w * 64 < end; w++)
			all = !(bits_in_word(w, first, end) & ~free[w]);
		if (all)
			pages |= 1ull << page;
	}
	return pages;
}

void span_pages_objects(const struct span *span, uint64_t pages, uint64_t bits[SPAN_WORDS])
{
	const struct class_info *info = &class_info[span->class];

	for (unsigned int w = 0; w < SPAN_WORDS; w++)
		bits[w] = 0;
	for (; pages; pages &= pages - 1) {
		unsigned int first, end;

		objects_on(info, (unsigned int)__builtin_ctzll(pages), &first, &end);
		for (unsigned int w = first / 64; w * 64 < end; w++)
			bits[w] |= bits_in_word(w, first, end);
	}
}

/* Pages [first, end) as a mask. */
static uint64_t mask_of(unsigned int first, unsigned int end)
{
	return (end == 64 ? ~0ull : (1ull << end) - 1) & ~0ull << first;
}

uint64_t span_pages_of(const struct span *span, unsigned int number)
{
	uint64_t offset = (uint64_t)number * class_info[span->class].size;
	uint64_t last = offset + class_info[span->class].size - 1;

	return mask_of((unsigned int)(offset >> BASE_PAGE_SHIFT),
		       (unsigned int)(last >> BASE_PAGE_SHIFT) + 1);
}

/* The span's first base page, an index into the map of its reserve. */
static size_t first_page(const struct span *span)
{
	return (size_t)(span->base - span->reserve->r.base) >> BASE_PAGE_SHIFT;
}

/* The first run of @pages: [*first, *end). Return: the pages behind it. */
static uint64_t next_run(uint64_t pages, unsigned int *first, unsigned int *end)
{
	uint64_t run;

	*first = (unsigned int)__builtin_ctzll(pages);
	run = ~(pages >> *first);
	*end = run ? *first + (unsigned int)__builtin_ctzll(run) : 64;
	return pages & ~mask_of(*first, *end);
}

uint64_t span_pages_in(const struct span *span, uint64_t pages, unsigned int intents)
{
	const intent_byte *map = span->reserve->r.map + first_page(span);
	uint64_t in = 0;

	for (; pages; pages &= pages - 1) {
		unsigned int page = (unsigned int)__builtin_ctzll(pages);
		unsigned int byte = atomic_load_explicit(&map[page], memory_order_relaxed);

		if (intents >> (byte & SPANHEAP_INTENT_MASK) & 1)
			in |= pages & -pages;
	}
	return in;
}

bool span_pages_registered(const struct span *span)
{
	return span->reserve->r.registered;
}

void span_pages_hand_over(struct span *span, uint64_t pages, unsigned int epoch)
{
	unsigned int first, end;

	/* first, since whoever finds them IDLE may take them */
	span_pages_away(span, pages);
	while (pages) {
		pages = next_run(pages, &first, &end);
		intent_hand_over(span->reserve->r.map, first_page(span) + first, end - first, epoch);
	}
}

static void take_away_from_total(struct span *span, uint64_t pages)
{
	atomic_fetch_sub_explicit(&total, (size_t)__builtin_popcountll(span->away & pages),
				  memory_order_relaxed);
	span->away &= ~pages;
}

bool span_pages_take(struct span *span, uint64_t pages)
{
	unsigned int first, end;
	bool all = true, zeroed;

	while (pages) {
		pages = next_run(pages, &first, &end);
		if (intent_take(span->reserve->r.map, first_page(span) + first, end - first, &zeroed))
			all = false;
		else
			take_away_from_total(span, mask_of(first, end));
	}
	return all;
}

uint64_t span_pages_release(struct span *span, uint64_t pages, bool lazy)
{
	struct reserve *r = &span->reserve->r;
	unsigned int first, end;
	uint64_t done = 0;
	bool zeroed;

	while (pages) {
		size_t at, nr;

		pages = next_run(pages, &first, &end);
		at = first_page(span) + first;
		nr = end - first;
		/* the owner takes pages before its madvise: see intent.h */
		if (intent_take(r->map, at, nr, &zeroed) ||
		    madvise(r->base + (at << BASE_PAGE_SHIFT), nr << BASE_PAGE_SHIFT,
			    lazy ? MADV_FREE : MADV_DONTNEED))
			continue;
		intent_release(r->map, at, nr, lazy ? SPANHEAP_LAZY : SPANHEAP_RELEASED);
		done |= mask_of(first, end);
	}
	return done;
}

void span_pages_away(struct span *span, uint64_t pages)
{
	atomic_fetch_add_explicit(&total, (size_t)__builtin_popcountll(pages & ~span->away),
				  memory_order_relaxed);
	span->away |= pages;
}

bool span_pages_forget(struct span *span)
{
	bool any = span->away;

	take_away_from_total(span, span->away);
	return any;
}

size_t span_pages_total(void)
{
	return atomic_load_explicit(&total, memory_order_relaxed);
}
