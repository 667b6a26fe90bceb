/* SPDX-License-Identifier: MIT */
/*
 * Which heap pages of one reserve are free: a bitmap with a summary per chunk
 * of 2 MiB, and first fit by address. Pure data: no lock, no system call, no
 * clock; heap.c calls it under heap_lock, selftests/lib/pages against a model.
 *
 * A summary holds the free runs at the chunk's two ends and the longest one
 * anywhere in it, as the page allocator of Go's runtime keeps them (mpagealloc):
 * a search reads one summary a chunk and the bits of one chunk only.
 */
#ifndef SPANHEAP_LIB_PAGES_H
#define SPANHEAP_LIB_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_PAGES	256
#define CHUNK_WORDS	(CHUNK_PAGES / 64)
#define PAGES_NONE	((size_t)-1)

/** struct chunk - free runs of one chunk, in pages */
struct chunk {
	uint16_t head;
	uint16_t tail;
	uint16_t longest;
	uint16_t free;
};

/**
 * struct pages - the free pages of a reserve
 * @nr: pages in all, a multiple of CHUNK_PAGES
 * @nr_free: those that are free
 * @longest: no free run is longer than this (an upper bound)
 * @low: no chunk before this one has a free page (a lower bound)
 * @bits: 1 is free
 * @chunks: summaries
 */
struct pages {
	size_t nr;
	size_t nr_free;
	size_t longest;
	size_t low;
	uint64_t *bits;
	struct chunk *chunks;
};

/** pages_bytes() - memory that pages_init() needs for @nr pages */
size_t pages_bytes(size_t nr);

/**
 * pages_init() - all pages in use
 * @nr: a multiple of CHUNK_PAGES
 * @mem: pages_bytes(@nr) bytes, 8-byte aligned; cleared here
 */
void pages_init(struct pages *p, size_t nr, void *mem);

/**
 * pages_alloc() - the first free run that is long enough
 * @n: pages, at least 1
 * @align: in pages, a power of two
 * @phase: page 0 lies this many pages behind an aligned one
 *
 * Return: the first page, or PAGES_NONE.
 */
size_t pages_alloc(struct pages *p, size_t n, size_t align, size_t phase);

/** pages_free() - @n pages from @first on, all in use so far, are free */
void pages_free(struct pages *p, size_t first, size_t n);

/** pages_take() - exactly these pages, if all of them are free */
bool pages_take(struct pages *p, size_t first, size_t n);

/**
 * pages_next_run() - the first free run that ends behind @from
 * @n: out: its length, counted from the returned page on
 *
 * Return: its first page, or @from if that lies in it; PAGES_NONE at the end.
 */
size_t pages_next_run(const struct pages *p, size_t from, size_t *n);

#endif /* SPANHEAP_LIB_PAGES_H */
