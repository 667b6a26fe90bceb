/* SPDX-License-Identifier: MIT */
/*
 * The hardened mode, SPANHEAP_HARDENED: for who would rather have a bug found than
 * be fast. It costs nothing when it is off, since the lists of thread caches are then
 * what the fast paths look at; when it is on these lists stay as a new thread has
 * them, always empty and always full, so that every object comes by here.
 *
 * What is asked for is known when the library's constructor runs. Objects that were
 * allocated before it have canaries in any case, so that all of a program's objects
 * have, or none need have.
 *
 * A class's pool is covered by a lock of its own, held inside the gate and outside
 * the central list's. Large objects are large.c's, by harden_on().
 */
#ifndef SPANHEAP_LIB_HARDEN_H
#define SPANHEAP_LIB_HARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARDEN_GUARD	(1u << 0)	/* pages without access round large objects */
#define HARDEN_RANDOM	(1u << 1)	/* which free object comes next */
#define HARDEN_CANARY	(1u << 2)	/* at the end of small objects */
#define HARDEN_ZERO	(1u << 3)	/* small objects when they are freed, looked at
					 * when they are allocated */
#define HARDEN_EARLY	(1u << 4)	/* nobody knows yet */

/* A canary takes so many bytes. */
#define HARDEN_SLACK	((size_t)8)

extern uint32_t harden_mode;

static inline bool harden_on(void)
{
	return harden_mode;
}

/**
 * harden_class() - the class to allocate from
 * @class: one whose objects hold @size bytes
 *
 * Return: one with room for a canary; NR_CLASSES when none has.
 */
size_t harden_class(size_t class, size_t size);

/**
 * harden_alloc() - an object of @class for @size bytes
 *
 * Return: NULL when memory is out.
 */
void *harden_alloc(size_t class, size_t size);

/** harden_free() - look at an object of @class once more, and give it back */
void harden_free(size_t class, void *object);

/** harden_size() - what was asked for, which is all that may be used */
size_t harden_size(size_t class, const void *object);

/* For fork.c. */
void harden_fork_child(bool whole);

#endif /* SPANHEAP_LIB_HARDEN_H */
