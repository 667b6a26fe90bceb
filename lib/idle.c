// SPDX-License-Identifier: MIT
/*
 * What the thread that makes the heap grow gives back first (cache.h has the
 * function): lists of its cache whose objects it does not use. Each of these may
 * keep a span that has nothing else in it, and a list is refilled for less than what
 * the kernel asks for the pages of a new span.
 */
#include "cache.h"
#include "central.h"

/*
 * From this size on a span has few objects, and one of them in a list keeps memory
 * that is worth having now. The budget of a cache is some 100 of them at most.
 */
#define ALWAYS_BYTES	8192

/* A list that has moved since, and looks the same, is given back: no harm is done. */
static uint32_t look_of(const struct cache *cache, size_t class)
{
	return (uint32_t)((uintptr_t)cache->head[class] >> 4) + cache->room[class];
}

void cache_give_idle(void)
{
	struct cache *cache = cache_self;

	for (size_t class = 1; class < NR_CLASSES; class++) {
		void *list = cache->head[class];
		uint32_t look = look_of(cache, class);

		/* so those that are no thread's own are never written to */
		if (!list)
			continue;
		if (class_info[class].size < ALWAYS_BYTES && look != cache->look[class]) {
			cache->look[class] = look;
			continue;
		}
		cache->head[class] = NULL;
		cache->room[class] = cache->limit[class];
		central_give(class, list);
	}
}
