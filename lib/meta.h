/* SPDX-License-Identifier: MIT */
/*
 * Memory for the allocator's own records: spans, caches, summaries, tables. It
 * comes straight from mmap, never from malloc, and lies apart from all objects,
 * so that an overrun of an object does not reach it. Nothing is ever unmapped:
 * a record may be read after it was given back, and still is a record of the
 * same type. meta_lock is a leaf and is not held across a system call.
 */
#ifndef SPANHEAP_LIB_META_H
#define SPANHEAP_LIB_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"

/**
 * struct meta_pool - records of one type, used again and again
 * @size: of one record; at least a pointer, a power of two or a multiple of 64
 * @nr: records made so far
 * @free: those given back, linked through their first word
 */
struct meta_pool {
	size_t size;
	size_t nr;
	void *free;
	struct lock lock;
};

/**
 * meta_alloc() - memory that is never given back
 * @size: in bytes; rounded up to 64
 *
 * Return: zeroed memory, 64-byte aligned, or NULL.
 */
void *meta_alloc(size_t size);

/**
 * meta_map() - a mapping of its own for a large, sparsely touched table
 * @size: in bytes
 *
 * Never backed by huge pages, which would make it resident as a whole.
 * Return: zeroed memory, page-aligned, or NULL.
 */
void *meta_map(size_t size);

/** meta_unmap() - undo meta_map() */
void meta_unmap(void *ptr, size_t size);

/**
 * meta_pool_get() - a record; only its first word is not as it was left
 *
 * A new record is zeroed. Return: NULL when memory is out.
 */
void *meta_pool_get(struct meta_pool *pool);

/** meta_pool_put() - give it back */
void meta_pool_put(struct meta_pool *pool, void *record);

/** meta_bytes() - address space taken so far, in bytes */
size_t meta_bytes(void);

/** meta_fork_child() - see fork.h */
void meta_fork_child(bool whole);

#endif /* SPANHEAP_LIB_META_H */
