/* SPDX-License-Identifier: MIT */
/*
 * Names of the malloc family in this build, for the files that define them.
 */
#ifndef SPANHEAP_LIB_MALLOC_H
#define SPANHEAP_LIB_MALLOC_H

#include <stddef.h>

#define PUBLIC	__attribute__((visibility("default")))

#ifdef SPANHEAP_PREFIXED
#define NAME(function)	sh_##function
#else
#define NAME(function)	function
#endif

PUBLIC void *NAME(malloc)(size_t size);
PUBLIC void NAME(free)(void *ptr);
PUBLIC void *NAME(calloc)(size_t nr, size_t each);
PUBLIC void *NAME(realloc)(void *ptr, size_t size);
PUBLIC void *NAME(reallocarray)(void *ptr, size_t nr, size_t each);
PUBLIC int NAME(posix_memalign)(void **out, size_t align, size_t size);
PUBLIC void *NAME(aligned_alloc)(size_t align, size_t size);
PUBLIC void *NAME(memalign)(size_t align, size_t size);
PUBLIC void *NAME(valloc)(size_t size);
PUBLIC void *NAME(pvalloc)(size_t size);
PUBLIC size_t NAME(malloc_usable_size)(void *ptr);
PUBLIC void NAME(free_sized)(void *ptr, size_t size);
PUBLIC void NAME(free_aligned_sized)(void *ptr, size_t align, size_t size);
PUBLIC void NAME(cfree)(void *ptr);

#endif /* SPANHEAP_LIB_MALLOC_H */
