// SPDX-License-Identifier: MIT
/*
 * Programs that need one size after the other: what is left in lists of sizes that
 * are not used any more does not keep the memory of a phase that is over. What is
 * resident is asked of mincore(2).
 */
#include <kselftest_harness.h>

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "../../lib/central.h"
#include "../../lib/reserve.h"
#include "../../lib/sizeclass.h"

void *sh_malloc(size_t size);
void sh_free(void *ptr);

#define PHASE_BYTES	((size_t)1 << 20)
#define FIRST		32
#define LAST		512
#define STEP		32
#define LARGE_FIRST	((size_t)64 << 10)
#define LARGE_LAST	CLASS_MAX

static unsigned char *objects[PHASE_BYTES / FIRST];

static size_t resident(void)
{
	static unsigned char vec[(64 << 20) / BASE_PAGE_SIZE];
	size_t bytes = 0;

	for (size_t i = 0; i < heap.nr_reserves; i++) {
		const struct reserve *r = &heap.reserves[i]->r;

		if (r->length / BASE_PAGE_SIZE > sizeof(vec) || mincore(r->base, r->length, vec))
			return 0;
		for (size_t k = 0; k < r->length / BASE_PAGE_SIZE; k++)
			bytes += vec[k] & 1 ? BASE_PAGE_SIZE : 0;
	}
	return bytes;
}

/* Free one object of each span, then the next of each: the last ones lie far apart. */
static void phase(size_t size)
{
	size_t nr = PHASE_BYTES / size, here = HEAP_PAGE_SIZE / size;

	for (size_t i = 0; i < nr; i++) {
		objects[i] = sh_malloc(size);
		memset(objects[i], 1, size);
	}
	for (size_t first = 0; first < here; first++) {
		for (size_t i = first; i < nr; i += here)
			sh_free(objects[i]);
	}
}

TEST(lists_of_small_sizes)
{
	for (size_t size = FIRST; size <= LAST; size += STEP)
		phase(size);
	/* 16 phases, each of which would leave half of what it had */
	EXPECT_LE(PHASE_BYTES, resident());
	EXPECT_GE(4 * PHASE_BYTES, resident());
}

/* Each object is a span. All classes above 64 KiB have 1.8 MB together. */
TEST(lists_of_large_sizes)
{
	size_t largest = 0;

	for (size_t class = size_class(LARGE_FIRST); class < NR_CLASSES; class++) {
		size_t size = class_info[class].size;
		void *object = sh_malloc(size);

		memset(object, 1, size);
		sh_free(object);
		largest = size;
	}
	EXPECT_EQ(LARGE_LAST, largest);
	EXPECT_LE(LARGE_LAST, resident());
	EXPECT_GE(4 * LARGE_LAST, resident());
}

TEST_HARNESS_MAIN
