// SPDX-License-Identifier: MIT
/*
 * What the thread that makes the heap grow gives back first (cache.h has the
 * function): lists of its cache that have not moved since they were last looked at.
 * Each object in there may keep a span that has nothing else in it, and a list is
 * refilled for less than what the kernel asks for the pages of a new span.
 */
#include "cache.h"
#include "central.h"

/*
 * From this size on a span has few objects, and one of them in a list keeps memory
 * that is worth having now. The budget of a cache is some 250 of them at most.
 */
#define ALWAYS_BYTES	8192

void cache_give_idle(void)
{
	struct cache *cache = cache_self;

	for (size_t class = 1; class < NR_CLASSES; class++) {
		void *list = cache->head[class];

		/* all of them are empty where the thread has no cache of its own */
		if (!list)
			continue;
		if (class_info[class].size < ALWAYS_BYTES && cache->room[class] != cache->seen[class]) {
			cache->seen[class] = cache->room[class];
			continue;
		}
		central_give(class, list, cache->limit[class] - cache->room[class]);
		cache->head[class] = NULL;
		cache->room[class] = cache->limit[class];
	}
}
