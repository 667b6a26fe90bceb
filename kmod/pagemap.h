/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that the module shares with the owner: page maps and the header. */
#ifndef SPANHEAP_PAGEMAP_H
#define SPANHEAP_PAGEMAP_H

#include <linux/mm.h>

/**
 * struct pagemap - pages shared with the owner, allocated when first touched
 * @nr_pages: length
 * @pages: each NULL until touched, then the same until the end
 *
 * Never shrinks: a PFN mapping holds no reference to its pages.
 */
struct pagemap {
	unsigned long nr_pages;
	struct page *pages[];
};

struct pagemap *pagemap_alloc(unsigned long nr_pages);
void pagemap_free(struct pagemap *map);
struct page *pagemap_touch(struct pagemap *map, unsigned long index);

/**
 * pagemap_read() - the contents of one page
 * @map: the map
 * @index: which, below @map->nr_pages
 *
 * Return: its bytes, or NULL when it was never touched and is all zeros.
 */
static inline const u8 *pagemap_read(const struct pagemap *map, unsigned long index)
{
	/* pairs with the cmpxchg in pagemap_touch() */
	struct page *page = READ_ONCE(map->pages[index]);

	return page ? page_address(page) : NULL;
}

#endif /* SPANHEAP_PAGEMAP_H */
