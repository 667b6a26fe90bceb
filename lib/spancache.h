/* SPDX-License-Identifier: MIT */
/*
 * The span cache: freed spans that stay IN_USE and in one piece, by length, so
 * that freeing and allocating the same length over and over touches neither the
 * page map nor the bitmap. Bounded; pure data, heap.c calls it under heap_lock.
 */
#ifndef SPANHEAP_LIB_SPANCACHE_H
#define SPANHEAP_LIB_SPANCACHE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Lengths up to 32 pages (256 KiB, the largest class) have a bin each; above,
 * there are 16 bins a doubling, up to 4096 pages (32 MiB), beyond which nothing
 * is cut from the page heap.
 */
#define BINS_EXACT	32
#define BINS_STEPS	16
#define BIN_MAX_PAGES	4096
#define NR_BINS		(BINS_EXACT + 7 * BINS_STEPS + 1)

/**
 * struct span_cache - free when it is all zeros
 * @bins: spans of one length each, the latest first
 * @pages: heap pages in all
 * @hand: bin to evict from next
 */
struct span_cache {
	struct span *bins[NR_BINS];
	size_t pages;
	size_t hand;
};

/** span_cache_round() - the length that a span of @pages pages is given */
static inline size_t span_cache_round(size_t pages)
{
	size_t step;

	if (pages <= BINS_EXACT || pages > BIN_MAX_PAGES)
		return pages;
	/* 2^k < pages <= 2^(k+1), in steps of 2^k / 16 */
	step = (size_t)1 << (63 - __builtin_clzl(pages - 1)) >> 4;
	return (pages + step - 1) & -step;
}

/** span_cache_pop() - a span of exactly @pages pages, or NULL */
struct span *span_cache_pop(struct span_cache *cache, size_t pages);

/**
 * span_cache_push() - keep a span
 * @in_use: heap pages that are in use, which the bound depends on
 *
 * Return: spans that had to go instead (perhaps @span itself), linked by @next.
 */
struct span *span_cache_push(struct span_cache *cache, struct span *span, size_t in_use);

/** span_cache_expire() - take out the spans that have been in for @min_age */
struct span *span_cache_expire(struct span_cache *cache, uint32_t now, uint64_t min_age);

#endif /* SPANHEAP_LIB_SPANCACHE_H */
