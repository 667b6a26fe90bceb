// SPDX-License-Identifier: MIT
#include <sys/mman.h>

#include "meta.h"

/*
 * A piece is small enough that a one-thread process wastes little of it (pages
 * not yet reached are not resident, either), and large enough that 2048 spans
 * cost one system call.
 */
#define PIECE_SIZE	((size_t)256 << 10)
#define RECORD_ALIGN	((size_t)64)
#define HUGE_PAGE	((size_t)2 << 20)

static struct lock meta_lock;
static char *piece_at;
static size_t piece_left;
static _Atomic size_t bytes;

void *meta_map(size_t size)
{
	void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ptr == MAP_FAILED)
		return NULL;
	if (size >= HUGE_PAGE)
		madvise(ptr, size, MADV_NOHUGEPAGE);
	atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
	return ptr;
}

void meta_unmap(void *ptr, size_t size)
{
	munmap(ptr, size);
	atomic_fetch_sub_explicit(&bytes, size, memory_order_relaxed);
}

static void *take_locked(size_t size)
{
	void *ptr;

	if (piece_left < size)
		return NULL;
	ptr = piece_at;
	piece_at += size;
	piece_left -= size;
	return ptr;
}

void *meta_alloc(size_t size)
{
	void *ptr;
	char *piece;

	size = (size + RECORD_ALIGN - 1) & -RECORD_ALIGN;
	if (size > PIECE_SIZE / 4)
		return meta_map(size);

	lock_acquire(&meta_lock);
	ptr = take_locked(size);
	lock_release(&meta_lock);
	if (ptr)
		return ptr;

	piece = meta_map(PIECE_SIZE);
	if (!piece)
		return NULL;
	/* Somebody else may have brought a piece meanwhile. */
	lock_acquire(&meta_lock);
	ptr = take_locked(size);
	if (!ptr) {
		piece_at = piece;
		piece_left = PIECE_SIZE;
		ptr = take_locked(size);
		piece = NULL;
	}
	lock_release(&meta_lock);
	if (piece)
		meta_unmap(piece, PIECE_SIZE);
	return ptr;
}

void *meta_pool_get(struct meta_pool *pool)
{
	void *record;

	lock_acquire(&pool->lock);
	record = pool->free;
	if (record)
		pool->free = *(void **)record;
	else
		pool->nr++;
	lock_release(&pool->lock);
	return record ? record : meta_alloc(pool->size);
}

void meta_pool_put(struct meta_pool *pool, void *record)
{
	lock_acquire(&pool->lock);
	*(void **)record = pool->free;
	pool->free = record;
	lock_release(&pool->lock);
}

size_t meta_bytes(void)
{
	return atomic_load_explicit(&bytes, memory_order_relaxed);
}

void meta_fork_child(bool whole)
{
	lock_reset(&meta_lock);
	if (!whole)
		piece_left = 0;
}
