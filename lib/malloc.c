// SPDX-License-Identifier: MIT
/*
 * The malloc family. The fast paths are here, in full: malloc is a look at the
 * class table and a pop, free a look-up of the class byte and a push. All else
 * is in functions of its own, so that the fast paths need no stack frame.
 *
 * The prefixed build (SPANHEAP_PREFIXED) has sh_malloc and so on instead, to be
 * used beside another malloc.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <spanheap.h>
#include "cache.h"
#include "harden.h"
#include "large.h"
#include "lookup.h"
#include "malloc.h"
#include "sanitize.h"
#include "sizeclass.h"

/* Alignment that every object has. */
#define MIN_ALIGN	((size_t)16)

static __attribute__((noinline)) void *large(size_t size, size_t align, bool *zeroed)
{
	_Atomic uint32_t *inside;
	void *ptr = NULL;

	if (align <= HEAP_PAGE_SIZE) {
		ptr = large_alloc_front(&cache_self->front, size);
		if (ptr) {
			*zeroed = false;
			return ptr;
		}
	}
	if (size <= PTRDIFF_MAX) {
		inside = cache_enter();
		ptr = large_alloc(size, align, zeroed);
		cache_leave(inside);
	}
	if (unlikely(!ptr))
		errno = ENOMEM;
	return ptr;
}

static __attribute__((noinline)) void *malloc_large(size_t size)
{
	void *ptr = large_alloc_front(&cache_self->front, size);
	bool zeroed;

	if (likely(ptr))
		return ptr;
	return large(size, MIN_ALIGN, &zeroed);
}

static void *malloc_hardened(size_t class, size_t size)
{
	class = harden_class(class, size);
	return class < NR_CLASSES ? harden_alloc(class, size) : malloc_large(size);
}

static __attribute__((noinline)) void *malloc_refill(size_t class, size_t size)
{
	void *ptr = unlikely(harden_on()) ? malloc_hardened(class, size) : cache_refill(class);

	if (unlikely(!ptr))
		errno = ENOMEM;
	else
		UNPOISON(ptr, size);
	return ptr;
}

static inline void *malloc_class(size_t class, size_t size)
{
	void *ptr = cache_pop(cache_self, class);

	if (unlikely(!ptr))
		return malloc_refill(class, size);
	UNPOISON(ptr, size);
	return ptr;
}

PUBLIC void *NAME(malloc)(size_t size)
{
	/* twice the same, since most sizes need one comparison then */
	if (likely(size <= SMALL_MAX))
		return malloc_class(size_class_small(size), size);
	if (likely(size <= CLASS_MAX))
		return malloc_class(size_class_medium(size), size);
	return malloc_large(size);
}

/* These keep errno, whatever is done. */

static __attribute__((noinline)) void free_full(void *ptr, size_t class)
{
	int saved = errno;

	if (unlikely(harden_on()))
		harden_free(class, ptr);
	else
		cache_overflow(class, ptr);
	errno = saved;
}

static __attribute__((noinline)) void free_large(void *ptr)
{
	int saved = errno;
	_Atomic uint32_t *inside = cache_enter();

	if (front_tell(&cache_self->front))
		heap_note_freed();
	large_free(ptr);
	cache_leave(inside);
	errno = saved;
}

static __attribute__((noinline)) void free_span(struct span *span)
{
	int saved = errno;
	_Atomic uint32_t *inside = cache_enter();

	heap_span_free(span);
	cache_leave(inside);
	errno = saved;
}

/* Large, not ours, NULL, or onto a list that is full. */
static __attribute__((noinline)) void free_slow(void *ptr, size_t class)
{
	struct span *out;

	cache_is_full(cache_self, class);
	if (class)
		free_full(ptr, class);
	else if (unlikely(!ptr))
		return;
	else if (unlikely(!large_free_front(&cache_self->front, ptr, &out)))
		free_large(ptr);
	else if (unlikely(out))
		free_span(out);
}

PUBLIC void NAME(free)(void *ptr)
{
	size_t class = lookup_class(ptr);

	if (class)
		POISON(ptr, class_info[class].size);
	if (unlikely(!cache_push(cache_self, class, ptr)))
		free_slow(ptr, class);
}

/* Large, or not ours. */
static __attribute__((noinline)) size_t usable_size_large(const void *ptr)
{
	_Atomic uint32_t *inside = cache_enter();
	size_t size = large_size(ptr);

	cache_leave(inside);
	return size;
}

/* Some programs, redis for one, ask for every object. */
static size_t usable_size(const void *ptr)
{
	size_t class = lookup_class(ptr);

	if (unlikely(!class))
		return usable_size_large(ptr);
	return unlikely(harden_on()) ? harden_size(class, ptr) : class_info[class].size;
}

PUBLIC size_t NAME(malloc_usable_size)(void *ptr)
{
	size_t size = ptr ? usable_size(ptr) : 0;

	/* who asks may use all of it */
	UNPOISON(ptr, size);
	return size;
}

PUBLIC void *NAME(calloc)(size_t nr, size_t each)
{
	bool zeroed = false;
	size_t size;
	void *ptr;

	if (unlikely(__builtin_mul_overflow(nr, each, &size))) {
		errno = ENOMEM;
		return NULL;
	}
	if (size <= CLASS_MAX)
		ptr = malloc_class(size_class(size), size);
	else
		ptr = large(size, MIN_ALIGN, &zeroed);
	if (ptr && !zeroed)
		memset(ptr, 0, size);
	return ptr;
}

/* Aligned to more than MIN_ALIGN. */
static __attribute__((noinline)) void *malloc_aligned(size_t align, size_t size)
{
	size_t slack = harden_on() ? HARDEN_SLACK : 0;
	size_t class = 0;
	bool zeroed;

	if (align <= HEAP_PAGE_SIZE && size <= CLASS_MAX - slack)
		class = size_class_aligned(size + slack, align);
	if (class)
		return malloc_class(class, size);
	return large(size ? size : 1, align, &zeroed);
}

static void *malloc_align(size_t align, size_t size)
{
	return align <= MIN_ALIGN ? NAME(malloc)(size) : malloc_aligned(align, size);
}

static void *move(void *ptr, size_t old, size_t size)
{
	void *new = NAME(malloc)(size);

	if (!new)
		return NULL;
	UNPOISON(ptr, old < size ? old : size);
	memcpy(new, ptr, old < size ? old : size);
	NAME(free)(ptr);
	return new;
}

static void *realloc_large(void *ptr, size_t size)
{
	_Atomic uint32_t *inside = cache_enter();
	size_t old = large_size(ptr);
	void *new = large_resize(ptr, size);

	cache_leave(inside);
	return new ? new : move(ptr, old, size);
}

PUBLIC void *NAME(realloc)(void *ptr, size_t size)
{
	size_t class;

	if (!ptr)
		return NAME(malloc)(size);
	if (unlikely(!size)) {
		NAME(free)(ptr);
		return NULL;
	}
	if (unlikely(size > PTRDIFF_MAX)) {
		errno = ENOMEM;
		return NULL;
	}
	class = lookup_class(ptr);
	if (!class)
		return realloc_large(ptr, size);
	if (unlikely(harden_on()))
		return move(ptr, harden_size(class, ptr), size);
	/* in place as long as the class is right */
	if (size > CLASS_MAX || size_class(size) != class)
		return move(ptr, class_info[class].size, size);
	UNPOISON(ptr, size);
	return ptr;
}

PUBLIC void *NAME(reallocarray)(void *ptr, size_t nr, size_t each)
{
	size_t size;

	if (unlikely(__builtin_mul_overflow(nr, each, &size))) {
		errno = ENOMEM;
		return NULL;
	}
	return NAME(realloc)(ptr, size);
}

static bool power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

PUBLIC int NAME(posix_memalign)(void **out, size_t align, size_t size)
{
	int saved = errno;
	void *ptr;

	if (!power_of_two(align) || align % sizeof(void *))
		return EINVAL;
	ptr = malloc_align(align, size);
	/* and errno is ENOMEM too, as glibc has it */
	if (!ptr)
		return ENOMEM;
	errno = saved;
	*out = ptr;
	return 0;
}

PUBLIC void *NAME(aligned_alloc)(size_t align, size_t size)
{
	if (!power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	return malloc_align(align, size);
}

/* As glibc does: an alignment that is no power of two is rounded up to one. */
PUBLIC void *NAME(memalign)(size_t align, size_t size)
{
	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	if (!power_of_two(align))
		align = align < MIN_ALIGN ? MIN_ALIGN :
			(size_t)1 << (64 - __builtin_clzl(align));
	return malloc_align(align, size);
}

PUBLIC void *NAME(valloc)(size_t size)
{
	return malloc_align(BASE_PAGE_SIZE, size);
}

PUBLIC void *NAME(pvalloc)(size_t size)
{
	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	size = (size + BASE_PAGE_SIZE - 1) & -BASE_PAGE_SIZE;
	return malloc_align(BASE_PAGE_SIZE, size ? size : BASE_PAGE_SIZE);
}

/* The size is the caller's word and saves no look-up that is worth the trust. */
PUBLIC void NAME(free_sized)(void *ptr, size_t size)
{
	(void)size;
	NAME(free)(ptr);
}

PUBLIC void NAME(free_aligned_sized)(void *ptr, size_t align, size_t size)
{
	(void)align;
	(void)size;
	NAME(free)(ptr);
}

PUBLIC void NAME(cfree)(void *ptr)
{
	NAME(free)(ptr);
}
