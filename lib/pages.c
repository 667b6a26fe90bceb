// SPDX-License-Identifier: MIT
#include <string.h>

#include "pages.h"

static size_t nr_chunks(const struct pages *p)
{
	return p->nr / CHUNK_PAGES;
}

size_t pages_bytes(size_t nr)
{
	return nr / 8 + nr / CHUNK_PAGES * sizeof(struct chunk);
}

void pages_init(struct pages *p, size_t nr, void *mem)
{
	memset(mem, 0, pages_bytes(nr));
	*p = (struct pages){
		.nr = nr,
		.low = nr / CHUNK_PAGES,
		.bits = mem,
		.chunks = (struct chunk *)((char *)mem + nr / 8),
	};
}

/* The first page at or behind @from, below @end, whose bit is @want; or @end. */
static size_t find_bit(const uint64_t *bits, size_t from, size_t end, bool want)
{
	while (from < end) {
		uint64_t word = bits[from / 64];

		if (!want)
			word = ~word;
		word >>= from % 64;
		if (word) {
			from += (size_t)__builtin_ctzll(word);
			return from < end ? from : end;
		}
		from = (from | 63) + 1;
	}
	return end;
}

static void write_bits(uint64_t *bits, size_t first, size_t n, bool free)
{
	size_t end = first + n;

	while (first < end) {
		size_t at = first % 64;
		size_t len = 64 - at < end - first ? 64 - at : end - first;
		uint64_t mask = (len == 64 ? ~0ull : (1ull << len) - 1) << at;

		if (free)
			bits[first / 64] |= mask;
		else
			bits[first / 64] &= ~mask;
		first += len;
	}
}

/*
 * The longest run of ones in a word: starts[k] has a bit wherever 2^k of them begin,
 * then the length is put together from its highest power of two down.
 */
static unsigned int longest_run(uint64_t word)
{
	uint64_t starts[6] = { word }, at;
	unsigned int k = 0, len;

	while (k < 5 && (at = starts[k] & starts[k] >> (1u << k)))
		starts[++k] = at;
	at = starts[k];
	len = at ? 1u << k : 0;
	while (k--) {
		uint64_t longer = at & starts[k] >> len;

		if (longer) {
			at = longer;
			len += 1u << k;
		}
	}
	return len;
}

/* By words, since a chunk may consist of 128 runs. */
static void summarize(struct pages *p, size_t c)
{
	const uint64_t *bits = p->bits + c * CHUNK_WORDS;
	unsigned int run = 0, longest = 0;	/* run: free pages up to here */
	struct chunk sum = { .head = CHUNK_PAGES };

	for (unsigned int i = 0; i < CHUNK_WORDS; i++) {
		uint64_t word = bits[i];
		unsigned int nr = (unsigned int)__builtin_popcountll(word);

		sum.free += nr;
		if (!~word) {
			run += 64;
			continue;
		}
		run += (unsigned int)__builtin_ctzll(~word);
		if (sum.head == CHUNK_PAGES)
			sum.head = run;
		if (run > longest)
			longest = run;
		if (nr > longest) {
			unsigned int inside = longest_run(word);

			if (inside > longest)
				longest = inside;
		}
		run = (unsigned int)__builtin_clzll(~word);
	}
	sum.tail = run;
	sum.longest = run > longest ? run : longest;
	p->chunks[c] = sum;
}

/* All summaries that pages @first to @first + @n - 1 touch. */
static void update(struct pages *p, size_t first, size_t n, bool free)
{
	static const struct chunk none, all = {
		.head = CHUNK_PAGES, .tail = CHUNK_PAGES,
		.longest = CHUNK_PAGES, .free = CHUNK_PAGES,
	};
	size_t last = (first + n - 1) / CHUNK_PAGES;

	for (size_t c = first / CHUNK_PAGES; c <= last; c++) {
		if (first <= c * CHUNK_PAGES && first + n >= (c + 1) * CHUNK_PAGES)
			p->chunks[c] = free ? all : none;
		else
			summarize(p, c);
	}
}

/* Length of the free run around [first, first + n), which is free itself. */
static size_t run_around(const struct pages *p, size_t first, size_t n)
{
	size_t c = first / CHUNK_PAGES;
	size_t end = first + n;
	size_t stop;

	while (first > c * CHUNK_PAGES &&
	       p->bits[(first - 1) / 64] >> ((first - 1) % 64) & 1)
		first--;
	if (first == c * CHUNK_PAGES) {
		while (c > 0 && p->chunks[c - 1].tail == CHUNK_PAGES)
			c--, first -= CHUNK_PAGES;
		if (c > 0)
			first -= p->chunks[c - 1].tail;
	}

	c = (end - 1) / CHUNK_PAGES;
	stop = (c + 1) * CHUNK_PAGES;
	end = find_bit(p->bits, end, stop, false);
	if (end == stop) {
		while (++c < nr_chunks(p) && p->chunks[c].head == CHUNK_PAGES)
			end += CHUNK_PAGES;
		if (c < nr_chunks(p))
			end += p->chunks[c].head;
	}
	return end - first;
}

static void mark_used(struct pages *p, size_t first, size_t n)
{
	write_bits(p->bits, first, n, false);
	update(p, first, n, false);
	p->nr_free -= n;
	while (p->low < nr_chunks(p) && !p->chunks[p->low].free)
		p->low++;
}

/* Where in the free run [start, start + len) @n aligned pages fit. */
static size_t fit(size_t start, size_t len, size_t n, size_t align, size_t phase)
{
	size_t at = ((start + phase + align - 1) & -align) - phase;

	return at + n <= start + len ? at : PAGES_NONE;
}

static size_t fit_inside(const struct pages *p, size_t c, size_t n, size_t align,
			 size_t phase)
{
	size_t at = c * CHUNK_PAGES, end = at + CHUNK_PAGES;

	while (at < end) {
		size_t start = find_bit(p->bits, at, end, true);
		size_t stop = find_bit(p->bits, start, end, false);
		size_t found = fit(start, stop - start, n, align, phase);

		if (start < end && found != PAGES_NONE)
			return found;
		at = stop;
	}
	return PAGES_NONE;
}

static size_t search(const struct pages *p, size_t n, size_t align, size_t phase)
{
	size_t start = p->low * CHUNK_PAGES, len = 0;
	size_t found;

	for (size_t c = p->low; c < nr_chunks(p); c++) {
		const struct chunk *sum = &p->chunks[c];

		/* the run that comes in from the chunks before */
		len += sum->head;
		if (len >= n) {
			found = fit(start, len, n, align, phase);
			if (found != PAGES_NONE)
				return found;
		}
		if (sum->head == CHUNK_PAGES)
			continue;
		if (sum->longest >= n) {
			found = fit_inside(p, c, n, align, phase);
			if (found != PAGES_NONE)
				return found;
		}
		len = sum->tail;
		start = (c + 1) * CHUNK_PAGES - len;
	}
	return PAGES_NONE;
}

size_t pages_alloc(struct pages *p, size_t n, size_t align, size_t phase)
{
	size_t found;

	if (n > p->longest)
		return PAGES_NONE;
	found = search(p, n, align, phase);
	if (found != PAGES_NONE)
		mark_used(p, found, n);
	else if (align == 1)
		p->longest = n - 1;
	return found;
}

void pages_free(struct pages *p, size_t first, size_t n)
{
	size_t run;

	write_bits(p->bits, first, n, true);
	update(p, first, n, true);
	p->nr_free += n;
	if (first / CHUNK_PAGES < p->low)
		p->low = first / CHUNK_PAGES;
	run = run_around(p, first, n);
	if (run > p->longest)
		p->longest = run;
}

bool pages_take(struct pages *p, size_t first, size_t n)
{
	if (first + n > p->nr || first + n < first)
		return false;
	if (find_bit(p->bits, first, first + n, false) != first + n)
		return false;
	mark_used(p, first, n);
	return true;
}

size_t pages_next_run(const struct pages *p, size_t from, size_t *n)
{
	size_t start, stop;

	if (from < p->low * CHUNK_PAGES)
		from = p->low * CHUNK_PAGES;
	start = find_bit(p->bits, from, p->nr, true);
	if (start >= p->nr)
		return PAGES_NONE;
	stop = find_bit(p->bits, start, p->nr, false);
	*n = stop - start;
	return start;
}
