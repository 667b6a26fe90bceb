/* SPDX-License-Identifier: MIT */
/*
 * Links in free objects, and what sanitizers are told. In a build with ASan a
 * free object is poisoned from free() to malloc(), so that a use after free is
 * reported; only the two functions below look into one.
 */
#ifndef SPANHEAP_LIB_SANITIZE_H
#define SPANHEAP_LIB_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN	1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(ptr, size)	__asan_poison_memory_region(ptr, size)
#define UNPOISON(ptr, size)	__asan_unpoison_memory_region(ptr, size)
#define LINK_ATTRIBUTES		__attribute__((no_sanitize_address, noinline, unused))
#else
#define POISON(ptr, size)	((void)(ptr), (void)(size))
#define UNPOISON(ptr, size)	((void)(ptr), (void)(size))
#define LINK_ATTRIBUTES		inline
#endif

static LINK_ATTRIBUTES void *link_get(void *object)
{
	return *(void **)object;
}

static LINK_ATTRIBUTES void link_set(void *object, void *next)
{
	*(void **)object = next;
}

#endif /* SPANHEAP_LIB_SANITIZE_H */
