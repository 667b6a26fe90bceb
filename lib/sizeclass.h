/* SPDX-License-Identifier: MIT */
/*
 * Size classes: which sizes objects are rounded up to, and how many heap pages
 * a span of each class has. Constant data; the table is checked in full by
 * selftests/lib/sizeclass.
 *
 * Sizes go up by 16 to 256 (224 is followed by 256), then in six steps a
 * doubling, 18/16, 20/16, 22/16, 25/16, 28/16 and 32/16: the fewest that keep
 * the waste above 128 bytes at or under 12.5 %, contain every power of two (for
 * alignment), and are multiples of 16 (for max_align_t). From 2 to 8 KiB there are
 * eight steps instead, of 2/16, since programs have thousands of blocks there: a class
 * costs about 16 KiB, where spans are not full. And 1056 and 4416 take up pages of 1 and
 * 4 KiB with a header of their owner's, those of sqlite first of all.
 *
 * The pages of a span are the fewest that lose at most 3.2 % at its tail (1.6 % from
 * 1 to 8 KiB) and hold at least 8 objects (4 above 8 KiB, 1 above 32 KiB), but at most
 * SPAN_MAX_OBJECTS.
 *
 * Class 0 is none: large objects, and addresses that are not ours. Its lists
 * are always empty and always full, which takes both off the fast path.
 */
#ifndef SPANHEAP_LIB_SIZECLASS_H
#define SPANHEAP_LIB_SIZECLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NR_CLASSES		82
#define SMALL_MAX		((size_t)2 << 10)
#define CLASS_MAX		((size_t)256 << 10)
#define SMALL_GRAIN_SHIFT	4
#define MEDIUM_GRAIN_SHIFT	6
#define SPAN_MAX_OBJECTS	512

/* Threads that write to smaller objects may do so to the same line of a processor's cache. */
#define CACHE_LINE		64

/* CLASS(number, size of the class before it, size, heap pages of a span) */
#define SMALL_CLASSES(CLASS) \
	CLASS(1, 0, 16, 1) CLASS(2, 16, 32, 1) CLASS(3, 32, 48, 1) CLASS(4, 48, 64, 1) \
	CLASS(5, 64, 80, 1) CLASS(6, 80, 96, 1) CLASS(7, 96, 112, 1) \
	CLASS(8, 112, 128, 1) CLASS(9, 128, 144, 1) CLASS(10, 144, 160, 1) \
	CLASS(11, 160, 176, 1) CLASS(12, 176, 192, 1) CLASS(13, 192, 208, 1) \
	CLASS(14, 208, 224, 1) CLASS(15, 224, 256, 1) CLASS(16, 256, 288, 1) \
	CLASS(17, 288, 320, 1) CLASS(18, 320, 352, 1) CLASS(19, 352, 400, 1) \
	CLASS(20, 400, 448, 1) CLASS(21, 448, 512, 1) CLASS(22, 512, 576, 1) \
	CLASS(23, 576, 640, 2) CLASS(24, 640, 704, 2) CLASS(25, 704, 800, 1) \
	CLASS(26, 800, 896, 1) CLASS(27, 896, 1024, 1) CLASS(28, 1024, 1056, 3) \
	CLASS(29, 1056, 1152, 2) CLASS(30, 1152, 1280, 3) CLASS(31, 1280, 1408, 4) \
	CLASS(32, 1408, 1600, 9) CLASS(33, 1600, 1792, 2) CLASS(34, 1792, 2048, 2)

#define MEDIUM_CLASSES(CLASS) \
	CLASS(35, 2048, 2304, 4) CLASS(36, 2304, 2560, 5) CLASS(37, 2560, 2816, 8) \
	CLASS(38, 2816, 3072, 3) CLASS(39, 3072, 3328, 7) CLASS(40, 3328, 3584, 4) \
	CLASS(41, 3584, 3840, 8) CLASS(42, 3840, 4096, 4) CLASS(43, 4096, 4416, 6) \
	CLASS(44, 4416, 4608, 8) CLASS(45, 4608, 5120, 5) CLASS(46, 5120, 5632, 9) \
	CLASS(47, 5632, 6144, 6) CLASS(48, 6144, 6656, 9) CLASS(49, 6656, 7168, 7) \
	CLASS(50, 7168, 7680, 15) CLASS(51, 7680, 8192, 8) CLASS(52, 8192, 9216, 8) \
	CLASS(53, 9216, 10240, 5) CLASS(54, 10240, 11264, 7) \
	CLASS(55, 11264, 12800, 8) CLASS(56, 12800, 14336, 7) \
	CLASS(57, 14336, 16384, 8) CLASS(58, 16384, 18432, 9) \
	CLASS(59, 18432, 20480, 10) CLASS(60, 20480, 22528, 11) \
	CLASS(61, 22528, 25600, 16) CLASS(62, 25600, 28672, 14) \
	CLASS(63, 28672, 32768, 16) CLASS(64, 32768, 36864, 9) \
	CLASS(65, 36864, 40960, 5) CLASS(66, 40960, 45056, 11) \
	CLASS(67, 45056, 51200, 19) CLASS(68, 51200, 57344, 7) \
	CLASS(69, 57344, 65536, 8) CLASS(70, 65536, 73728, 9) \
	CLASS(71, 73728, 81920, 10) CLASS(72, 81920, 90112, 11) \
	CLASS(73, 90112, 102400, 25) CLASS(74, 102400, 114688, 14) \
	CLASS(75, 114688, 131072, 16) CLASS(76, 131072, 147456, 18) \
	CLASS(77, 147456, 163840, 20) CLASS(78, 163840, 180224, 22) \
	CLASS(79, 180224, 204800, 25) CLASS(80, 204800, 229376, 28) \
	CLASS(81, 229376, 262144, 32)

/**
 * struct class_info - what is constant about a class
 * @size: of an object, in bytes
 * @pages: heap pages of a span
 * @objects: objects in a span
 * @batch: objects that move between a thread's cache and the spans at once
 * @longest: objects that a thread's list may hold
 * @reciprocal: 2^32 / @size, rounded up: offset * reciprocal >> 32 is the
 *	number of the object that starts at offset
 */
struct class_info {
	uint32_t size;
	uint16_t pages;
	uint16_t objects;
	uint16_t batch;
	uint16_t longest;
	uint32_t reciprocal;
};

extern const struct class_info class_info[NR_CLASSES];
extern const uint8_t class_of_small[(SMALL_MAX >> SMALL_GRAIN_SHIFT) + 1];
extern const uint8_t class_of_medium[(CLASS_MAX >> MEDIUM_GRAIN_SHIFT) + 1];

/* size_class_small() - for at most SMALL_MAX; 0 counts as 1 */
static inline size_t size_class_small(size_t size)
{
	return class_of_small[(size + (1u << SMALL_GRAIN_SHIFT) - 1) >> SMALL_GRAIN_SHIFT];
}

/* size_class_medium() - for more than SMALL_MAX, at most CLASS_MAX */
static inline size_t size_class_medium(size_t size)
{
	return class_of_medium[(size + (1u << MEDIUM_GRAIN_SHIFT) - 1) >> MEDIUM_GRAIN_SHIFT];
}

/**
 * size_class() - the smallest class that holds @size bytes
 * @size: at most CLASS_MAX
 */
static inline size_t size_class(size_t size)
{
	return size <= SMALL_MAX ? size_class_small(size) : size_class_medium(size);
}

/* class_bytes() - length of all objects of a span */
static inline size_t class_bytes(const struct class_info *info)
{
	return (size_t)info->objects * info->size;
}

/**
 * class_object() - whether an object starts @offset bytes into a span
 * @nr: its number
 */
static inline bool class_object(const struct class_info *info, size_t offset, unsigned int *nr)
{
	uint64_t object = (uint64_t)offset * info->reciprocal >> 32;

	*nr = (unsigned int)object;
	return offset < class_bytes(info) && object * info->size == offset;
}

/**
 * size_class_aligned() - the smallest class whose objects are all aligned
 * @size: in bytes
 * @align: a power of two, at most a heap page
 *
 * Return: a class, or 0 when none is large enough.
 */
size_t size_class_aligned(size_t size, size_t align);

#endif /* SPANHEAP_LIB_SIZECLASS_H */
