/* SPDX-License-Identifier: MIT */
/*
 * Large objects: above CLASS_MAX one span each, straight from the page heap;
 * above DIRECT_MIN a mapping of its own, outside any reserve. The header of
 * both is out of band (struct span). All functions are called inside the gate.
 *
 * DIRECT_MIN is half of the smallest reserve, so that reserves do not end in
 * long remainders, and is where one mmap, or one mremap instead of a copy,
 * is worth more than a place in the page heap.
 */
#ifndef SPANHEAP_LIB_LARGE_H
#define SPANHEAP_LIB_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIRECT_MIN	((size_t)32 << 20)

struct span;

/**
 * large_alloc() - a large object
 * @size: in bytes, at most PTRDIFF_MAX
 * @align: a power of two
 * @zeroed: whether it reads as zeros
 *
 * Return: NULL when memory is out.
 */
void *large_alloc(size_t size, size_t align, bool *zeroed);

/** large_free() - ends the program when @ptr is no large object */
void large_free(void *ptr);

/** large_size() - usable bytes; ends the program when @ptr is no large object */
size_t large_size(const void *ptr);

/**
 * large_resize() - without a copy, if that can be
 *
 * Return: where it is now, or NULL: it is as it was and the caller copies.
 */
void *large_resize(void *ptr, size_t size);

/**
 * struct large_counts - since the start
 * @allocs: objects allocated
 * @frees: and freed
 * @alloc_bytes: their sizes, as usable
 * @free_bytes: likewise
 * @direct_bytes: of those with a mapping of their own, now
 */
struct large_counts {
	uint64_t allocs;
	uint64_t frees;
	uint64_t alloc_bytes;
	uint64_t free_bytes;
	uint64_t direct_bytes;
};

struct large_counts large_counts(void);

#endif /* SPANHEAP_LIB_LARGE_H */
