// SPDX-License-Identifier: MIT
#include "heap.h"
#include "sizeclass.h"

/*
 * A batch is what one visit to the spans is worth: enough objects that the
 * lock and the cache misses are shared by many, but no more than 16 KiB, since
 * each object is written to when it is linked.
 */
#define BATCH_BYTES	16384u
#define BATCH_MAX	64u
#define BATCH(size)	((size) * BATCH_MAX <= BATCH_BYTES ? BATCH_MAX :	\
			 (size) < BATCH_BYTES ? BATCH_BYTES / (size) : 1)

/*
 * The longest list of a thread: in bytes, so that a burst of one size can be taken
 * up, and in objects, so that giving half of it back stays a short job.
 */
#define LIST_BYTES	131072u
#define LIST_MAX	1024u
#define LONGEST(size)	((size) * LIST_MAX <= LIST_BYTES ? LIST_MAX :		\
			 (size) < LIST_BYTES ? LIST_BYTES / (size) : 1)

#define INFO(class, prev, bytes, nr_pages)					\
	[class] = {								\
		.size = (bytes),						\
		.pages = (nr_pages),						\
		.objects = ((nr_pages) << HEAP_PAGE_SHIFT) / (bytes),		\
		.batch = BATCH(bytes),						\
		.longest = LONGEST(bytes),					\
		.reciprocal = (uint32_t)(((1ull << 32) + (bytes) - 1) / (bytes)), \
	},

const struct class_info class_info[NR_CLASSES] = {
	SMALL_CLASSES(INFO)
	MEDIUM_CLASSES(INFO)
};

#define SMALL_RANGE(class, prev, bytes, nr_pages)				\
	[((prev) >> SMALL_GRAIN_SHIFT) + 1 ... (bytes) >> SMALL_GRAIN_SHIFT] = (class),
#define MEDIUM_RANGE(class, prev, bytes, nr_pages)				\
	[((prev) >> MEDIUM_GRAIN_SHIFT) + 1 ... (bytes) >> MEDIUM_GRAIN_SHIFT] = (class),

const uint8_t class_of_small[(SMALL_MAX >> SMALL_GRAIN_SHIFT) + 1] = {
	[0] = 1,
	SMALL_CLASSES(SMALL_RANGE)
};

const uint8_t class_of_medium[(CLASS_MAX >> MEDIUM_GRAIN_SHIFT) + 1] = {
	MEDIUM_CLASSES(MEDIUM_RANGE)
};

size_t size_class_aligned(size_t size, size_t align)
{
	size_t class;

	if (size < align)
		size = align;
	if (size > CLASS_MAX)
		return 0;
	for (class = size_class(size); class < NR_CLASSES; class++) {
		if (!(class_info[class].size & (align - 1)))
			return class;
	}
	return 0;
}
