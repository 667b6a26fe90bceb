// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that the module shares with the owner. They are charged to the memory
 * cgroup of whoever touches them first, are no part of anyone's RSS, and live
 * until the heap is freed. Called by region.c (lifetime), mmap.c (faults) and
 * intents.c (reading). Takes no lock: a page is published by one cmpxchg.
 */
#include <linux/slab.h>

#include "pagemap.h"

/**
 * pagemap_alloc() - an empty map
 * @nr_pages: its length; at most some 2^22, see limits.c
 *
 * Context: may sleep.
 * Return: the map, or NULL.
 */
struct pagemap *pagemap_alloc(unsigned long nr_pages)
{
	struct pagemap *map;

	map = kvzalloc(struct_size(map, pages, nr_pages), GFP_KERNEL_ACCOUNT);
	if (map)
		map->nr_pages = nr_pages;
	return map;
}

/**
 * pagemap_free() - free a map and its pages
 * @map: a map that nobody can touch or read any more, or NULL
 */
void pagemap_free(struct pagemap *map)
{
	unsigned long i;

	if (!map)
		return;
	for (i = 0; i < map->nr_pages; i++) {
		if (map->pages[i])
			__free_page(map->pages[i]);
		if (!(i % 1024))
			cond_resched();
	}
	kvfree(map);
}

/**
 * pagemap_touch() - one page of a map, allocated when there is none yet
 * @map: the map
 * @index: which, below @map->nr_pages
 *
 * Context: may sleep; any number of callers at a time.
 * Return: the page, zeroed when new, or NULL.
 */
struct page *pagemap_touch(struct pagemap *map, unsigned long index)
{
	struct page *page = READ_ONCE(map->pages[index]), *other;

	if (page)
		return page;
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		return NULL;
	other = cmpxchg(&map->pages[index], NULL, page);
	if (other) {
		__free_page(page);
		return other;
	}
	return page;
}
