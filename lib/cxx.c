// SPDX-License-Identifier: MIT
/*
 * operator new and operator delete, by their mangled names (Itanium C++ ABI), so
 * that the library needs no libstdc++: what it takes from there, the handler and
 * the throw, are weak. Compiled with -fexceptions: bad_alloc, or what a
 * new_handler throws, passes through.
 *
 * Uses the public functions only: in the static library it is a member of its
 * own, which is left out when the program brings its own operator new.
 *
 * The nothrow forms of new are left to libstdc++, whose own call the forms here
 * and turn an exception into NULL, which C cannot. Delete has all its forms.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "malloc.h"

typedef void (*new_handler)(void);

/* std::get_new_handler(), std::__throw_bad_alloc() */
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak, noreturn));

static __attribute__((noinline, cold)) void *new_again(size_t size, size_t align)
{
	void *ptr;

	do {
		new_handler handler = NULL;

		if (_ZSt15get_new_handlerv)
			handler = _ZSt15get_new_handlerv();
		if (!handler) {
			if (_ZSt17__throw_bad_allocv)
				_ZSt17__throw_bad_allocv();
			abort();
		}
		handler();
		ptr = align ? NAME(aligned_alloc)(align, size) : NAME(malloc)(size);
	} while (!ptr);
	return ptr;
}

#define NEW(name)								\
PUBLIC void *name(size_t size);							\
PUBLIC void *name(size_t size)							\
{										\
	void *ptr = NAME(malloc)(size);						\
										\
	return ptr ? ptr : new_again(size, 0);				\
}

#define NEW_ALIGNED(name)							\
PUBLIC void *name(size_t size, size_t align);					\
PUBLIC void *name(size_t size, size_t align)					\
{										\
	void *ptr = NAME(aligned_alloc)(align, size);					\
										\
	return ptr ? ptr : new_again(size, align);			\
}

/* Size, alignment and nothrow_t come after the pointer: free() ignores them. */
#define DELETE(name)								\
PUBLIC void name(void *ptr) __attribute__((alias("delete_any")))

NEW(_Znwm)				/* operator new(size_t) */
NEW(_Znam)				/* operator new[](size_t) */
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)

static __attribute__((used)) void delete_any(void *ptr)
{
	NAME(free)(ptr);
}

DELETE(_ZdlPv);				/* operator delete(void *) */
DELETE(_ZdaPv);				/* operator delete[](void *) */
DELETE(_ZdlPvm);			/* sized */
DELETE(_ZdaPvm);
DELETE(_ZdlPvSt11align_val_t);		/* aligned */
DELETE(_ZdaPvSt11align_val_t);
DELETE(_ZdlPvmSt11align_val_t);		/* sized and aligned */
DELETE(_ZdaPvmSt11align_val_t);
DELETE(_ZdlPvRKSt9nothrow_t);		/* nothrow */
DELETE(_ZdaPvRKSt9nothrow_t);
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t);
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t);
