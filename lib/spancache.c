// SPDX-License-Identifier: MIT
#include "lock.h"
#include "span.h"
#include "spancache.h"

/*
 * The bound: 2 MiB, so that a loop over 1 MiB objects is served, plus a
 * sixteenth of what is in use, up to 64 MiB. That is dirty memory which neither
 * other lengths nor the system can use, so it is small against the heap.
 */
#define PAGES_MIN	256
#define PAGES_MAX	8192
#define IN_USE_PART	16

/* @pages as span_cache_round() gives it; NR_BINS when there is no bin. */
static size_t bin_of(size_t pages)
{
	unsigned int k;

	if (pages <= BINS_EXACT)
		return pages;
	if (pages > BIN_MAX_PAGES || span_cache_round(pages) != pages)
		return NR_BINS;
	k = 63 - (unsigned int)__builtin_clzl(pages - 1);
	return BINS_EXACT + (k - 5) * BINS_STEPS + ((pages - 1) >> (k - 4)) - BINS_STEPS + 1;
}

struct span *span_cache_pop(struct span_cache *cache, size_t pages)
{
	size_t bin = bin_of(pages);
	struct span *span;

	if (bin >= NR_BINS)
		return NULL;
	span = cache->bins[bin];
	if (span) {
		cache->bins[bin] = span->next;
		cache->pages -= pages;
	}
	return span;
}

static struct span *evict(struct span_cache *cache, size_t bound)
{
	struct span *out = NULL;

	while (cache->pages > bound) {
		struct span *span = cache->bins[cache->hand];

		if (!span) {
			cache->hand = (cache->hand + 1) % NR_BINS;
			continue;
		}
		cache->bins[cache->hand] = span->next;
		cache->pages -= span->pages;
		span->next = out;
		out = span;
	}
	return out;
}

struct span *span_cache_push(struct span_cache *cache, struct span *span, size_t in_use)
{
	size_t bound = PAGES_MIN + in_use / IN_USE_PART;
	size_t bin = bin_of(span->pages);

	if (bound > PAGES_MAX)
		bound = PAGES_MAX;
	if (bin >= NR_BINS || span->pages > bound / 2) {
		span->next = NULL;
		return span;
	}
	span->next = cache->bins[bin];
	cache->bins[bin] = span;
	cache->pages += span->pages;
	return evict(cache, bound);
}

struct span *span_cache_expire(struct span_cache *cache, uint32_t now, uint64_t min_age)
{
	struct span *out = NULL;

	if (!cache->pages)
		return NULL;
	for (size_t bin = 0; bin < NR_BINS; bin++) {
		struct span **at = &cache->bins[bin];

		while (*at) {
			struct span *span = *at;

			if (now - span->freed_at < min_age) {
				at = &span->next;
				continue;
			}
			*at = span->next;
			cache->pages -= span->pages;
			span->next = out;
			out = span;
		}
	}
	return out;
}
