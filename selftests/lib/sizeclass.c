// SPDX-License-Identifier: MIT
/*
 * The size-class table, in full: every size, every class, every offset.
 */
#include <stdalign.h>
#include "kselftest_harness.h"
#include "../../lib/heap.h"
#include "../../lib/sizeclass.h"

TEST(every_size_has_the_smallest_class)
{
	unsigned int want = 1;

	for (size_t size = 1; size <= CLASS_MAX; size++) {
		if (size > class_info[want].size)
			want++;
		ASSERT_LT(want, NR_CLASSES);
		ASSERT_EQ(want, size_class(size)) TH_LOG("size %zu", size);
	}
	EXPECT_EQ(want, NR_CLASSES - 1);
	EXPECT_EQ(1, size_class(0));
	EXPECT_EQ(0, class_info[0].size);
}

/* Of the bytes of an object, those beyond what was asked for. */
TEST(waste_is_bounded)
{
	for (unsigned int c = 2; c < NR_CLASSES; c++) {
		size_t size = class_info[c].size, least = class_info[c - 1].size + 1;

		EXPECT_EQ(0, size % alignof(max_align_t));
		if (least > 128)
			EXPECT_LE((size - least) * 8, size) TH_LOG("class of %zu", size);
	}
}

TEST(powers_of_two_are_classes)
{
	for (size_t size = 16; size <= CLASS_MAX; size *= 2)
		EXPECT_EQ(size, class_info[size_class(size)].size);
}

TEST(spans)
{
	for (unsigned int c = 1; c < NR_CLASSES; c++) {
		const struct class_info *info = &class_info[c];
		size_t bytes = (size_t)info->pages << HEAP_PAGE_SHIFT;

		EXPECT_EQ(info->objects, bytes / info->size);
		EXPECT_GE(info->objects, 1);
		EXPECT_LE(info->objects, SPAN_MAX_OBJECTS);
		EXPECT_LE((bytes - info->objects * info->size) * 31, bytes);
		EXPECT_GE(info->batch, 1);
		EXPECT_LE(info->batch, 64);
	}
}

TEST(reciprocals_divide)
{
	for (unsigned int c = 1; c < NR_CLASSES; c++) {
		const struct class_info *info = &class_info[c];

		for (uint64_t i = 0; i < info->objects; i++) {
			uint64_t offset = i * info->size;

			ASSERT_EQ(i, offset * info->reciprocal >> 32);
		}
	}
}

TEST(aligned_classes)
{
	for (size_t align = 16; align <= HEAP_PAGE_SIZE; align *= 2) {
		for (size_t size = 1; size <= CLASS_MAX; size += 61) {
			size_t c = size_class_aligned(size, align);

			ASSERT_NE(0, c);
			ASSERT_GE(class_info[c].size, size);
			ASSERT_EQ(0, class_info[c].size % align);
		}
		EXPECT_EQ(0, size_class_aligned(CLASS_MAX + 1, align));
	}
}

TEST_HARNESS_MAIN
