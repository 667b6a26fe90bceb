// SPDX-License-Identifier: MIT
/*
 * Figures of the heap, from counters of the slow paths: spanheap_stats(), and
 * what libc's malloc offers of the kind. Called by the program; takes heap_lock
 * for a moment, never allocates (the FILE of malloc_info may).
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include <spanheap.h>
#include "cache.h"
#include "central.h"
#include "giveback.h"
#include "heap.h"
#include "intent.h"
#include "large.h"
#include "malloc.h"
#include "meta.h"
#include "sizeclass.h"
#include "spanpages.h"

_Static_assert(NR_CLASSES <= SPANHEAP_MAX_CLASSES, "struct spanheap_memstats has a place for each");

static uint64_t intent_bytes(unsigned int intent)
{
	return atomic_load_explicit(&intent_totals[intent], memory_order_relaxed)
		<< BASE_PAGE_SHIFT;
}

static void add_classes(struct spanheap_memstats *stats)
{
	stats->nr_classes = NR_CLASSES;
	for (unsigned int class = 1; class < NR_CLASSES; class++) {
		struct central_counts counts = central_counts(class);
		uint64_t size = class_info[class].size;

		stats->by_size[class].size = class_info[class].size;
		stats->by_size[class].mallocs = counts.taken;
		stats->by_size[class].frees = counts.given;
		stats->mallocs += counts.taken;
		stats->frees += counts.given;
		stats->total_alloc += counts.taken * size;
		stats->heap_alloc += (counts.taken - counts.given) * size;
	}
}

static void collect(struct spanheap_memstats *stats)
{
	struct large_counts large = large_counts();
	struct heap_counts heap = heap_counts();
	size_t away = span_pages_total() << BASE_PAGE_SHIFT;

	memset(stats, 0, sizeof(*stats));
	add_classes(stats);
	stats->mallocs += large.allocs;
	stats->frees += large.frees;
	stats->total_alloc += large.alloc_bytes;
	stats->heap_alloc += large.alloc_bytes - large.free_bytes;
	stats->alloc = stats->heap_alloc;
	stats->heap_objects = stats->mallocs - stats->frees;

	stats->heap_sys = heap.reserved + large.direct_bytes;
	stats->sys = stats->heap_sys + meta_bytes();
	stats->heap_idle = heap.free + away;
	stats->heap_inuse = heap.committed - stats->heap_idle + large.direct_bytes;
	stats->lazyfreed = intent_bytes(SPANHEAP_LAZY);
	stats->revocable = intent_bytes(SPANHEAP_IDLE);
	stats->revoked = atomic_load(&intent_revoked_seen) << BASE_PAGE_SHIFT;
	stats->heap_released = stats->lazyfreed + intent_bytes(SPANHEAP_RELEASED) +
			       intent_bytes(SPANHEAP_REVOKED);
}

PUBLIC int spanheap_stats(struct spanheap_memstats *stats, size_t size)
{
	_Atomic uint32_t *inside;

	if (!stats || size != sizeof(*stats)) {
		errno = EINVAL;
		return -1;
	}
	inside = cache_enter();
	collect(stats);
	cache_leave(inside);
	return 0;
}

#ifndef SPANHEAP_PREFIXED

PUBLIC struct mallinfo2 mallinfo2(void)
{
	struct spanheap_memstats stats;

	spanheap_stats(&stats, sizeof(stats));
	return (struct mallinfo2){
		.arena = stats.heap_inuse + stats.heap_idle,
		.ordblks = 1,
		.hblkhd = large_counts().direct_bytes,
		.uordblks = stats.heap_alloc,
		.fordblks = stats.heap_inuse + stats.heap_idle - stats.heap_alloc,
		.keepcost = stats.heap_idle > stats.heap_released ?
			    stats.heap_idle - stats.heap_released : 0,
	};
}

PUBLIC struct mallinfo mallinfo(void)
{
	struct mallinfo2 info = mallinfo2();

	/* the old struct has ints: figures wrap, as they do in libc */
	return (struct mallinfo){
		.arena = (int)info.arena,
		.ordblks = (int)info.ordblks,
		.hblkhd = (int)info.hblkhd,
		.uordblks = (int)info.uordblks,
		.fordblks = (int)info.fordblks,
		.keepcost = (int)info.keepcost,
	};
}

PUBLIC int malloc_info(int options, FILE *stream)
{
	struct spanheap_memstats stats;

	if (options)
		return EINVAL;
	spanheap_stats(&stats, sizeof(stats));
	fprintf(stream, "<malloc version=\"spanheap-1\">\n");
	for (unsigned int i = 1; i < stats.nr_classes; i++) {
		if (stats.by_size[i].mallocs)
			fprintf(stream, "<size bytes=\"%u\" mallocs=\"%lu\" frees=\"%lu\"/>\n",
				stats.by_size[i].size, stats.by_size[i].mallocs,
				stats.by_size[i].frees);
	}
	fprintf(stream, "<total type=\"live\" count=\"%lu\" size=\"%lu\"/>\n",
		stats.heap_objects, stats.heap_alloc);
	fprintf(stream, "<total type=\"idle\" size=\"%lu\"/>\n", stats.heap_idle);
	fprintf(stream, "<system type=\"current\" size=\"%lu\"/>\n</malloc>\n", stats.sys);
	return 0;
}

PUBLIC void malloc_stats(void)
{
	malloc_info(0, stderr);
}

/* Knobs of another allocator: accepted, as programs do check. */
PUBLIC int mallopt(int param, int value)
{
	(void)param;
	(void)value;
	return 1;
}

PUBLIC int malloc_trim(size_t pad)
{
	(void)pad;
	cache_flush();
	return giveback_all() > 0;
}

#endif
