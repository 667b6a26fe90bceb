/* SPDX-License-Identifier: MIT */
/*
 * Thread caches: one a thread, a list of free objects per class, linked through
 * their first words. malloc pops, free pushes, with no lock, no atomic and no
 * look at the span. A list that runs empty is refilled from the central list,
 * one that is full gives three quarters of itself back, both in batches.
 *
 * How long a list may get is learnt: it starts at a few objects, grows with every
 * refill, and shrinks when it is out of use, or the thread's budget (CACHE_BYTES) is
 * needed by other classes. So a thread never holds back more than that, and one that
 * has hardly allocated holds next to nothing.
 *
 * cache_self is the library's one thread-local word, initial-exec. It points at
 * a cache whose lists are all empty and all full until the thread's first slow
 * path, and again after its teardown; then objects go to the central lists one
 * by one.
 */
#ifndef SPANHEAP_LIB_CACHE_H
#define SPANHEAP_LIB_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "front.h"
#include "lock.h"
#include "sanitize.h"
#include "sizeclass.h"

/*
 * Budget of one thread, for lists that are all full. 2.5 MiB hold what the numbers of
 * 2000 objects of 256 B to 16 KiB vary by, if each is replaced at random. Past 12
 * threads they share 32 MiB, down to CACHE_BYTES_MIN each.
 */
#define CACHE_BYTES		((size_t)5 << 19)
#define CACHE_BYTES_MIN		((size_t)64 << 10)
#define CACHE_BYTES_ALL		((size_t)32 << 20)

/**
 * struct cache - of one thread
 * @head: per class, the list
 * @room: per class, objects that the list may still take
 * @limit: per class, objects that it may hold; the list holds @limit - @room
 * @overflowed: per class, whether the list's last slow path was that it was full
 * @seen: per class, @room when @hand last passed, or cache_give_idle()
 * @used: bytes that all lists hold when they are full
 * @hand: the class at which to look next for budget
 * @inside: whether the thread is in a slow path (fork.h)
 * @front: large objects that it may have again
 * @next: in the list of all caches
 * @prev: likewise
 */
struct cache {
	void *head[NR_CLASSES];
	uint32_t room[NR_CLASSES];
	uint32_t limit[NR_CLASSES];
	bool overflowed[NR_CLASSES];
	uint32_t seen[NR_CLASSES];
	size_t used;
	unsigned int hand;
	_Atomic uint32_t inside;
	struct front front;
	struct cache *next;
	struct cache *prev;
};

extern __thread struct cache *cache_self __attribute__((tls_model("initial-exec")));

/** cache_pop() - an object of @class from the list, or NULL */
static inline void *cache_pop(struct cache *cache, size_t class)
{
	void *object = cache->head[class];

	if (likely(object)) {
		cache->head[class] = link_get(object);
		cache->room[class]++;
	}
	return object;
}

#if defined(__x86_64__) && defined(__GCC_ASM_FLAG_OUTPUTS__) && !defined(__SANITIZE_THREAD__)
#define ROOM_BELOW_ZERO	1
#else
#define ROOM_BELOW_ZERO	0
#endif

/*
 * Take room for one more. On x86 by one instruction, of which compilers make four;
 * then the room is below 0 if there was none.
 */
static inline bool take_room(struct cache *cache, size_t class)
{
#if ROOM_BELOW_ZERO
	bool full;

	__asm__("subl $1, %c4(%2, %3, 4)" : "=@ccs"(full), "+m"(cache->room) :
		"r"(cache), "r"(class), "i"(offsetof(struct cache, room)));
	return !full;
#else
	if (!cache->room[class])
		return false;
	cache->room[class]--;
	return true;
#endif
}

/**
 * cache_push() - an object onto the list; false when it is full
 *
 * Then cache_is_full() must follow.
 */
static inline bool cache_push(struct cache *cache, size_t class, void *object)
{
	if (unlikely(!take_room(cache, class)))
		return false;
	link_set(object, cache->head[class]);
	cache->head[class] = object;
	return true;
}

/**
 * cache_is_full() - after cache_push() has failed
 *
 * Threads that have no cache do both to the same words, which so are never above 0.
 */
static inline void cache_is_full(struct cache *cache, size_t class)
{
	if (ROOM_BELOW_ZERO)
		cache->room[class] = 0;
}

/**
 * cache_refill() - an object of @class when the list is empty
 *
 * Return: NULL when memory is out.
 */
void *cache_refill(size_t class);

/** cache_overflow() - an object of @class comes back and the list is full */
void cache_overflow(size_t class, void *object);

/** cache_flush() - give back all that the calling thread has cached */
void cache_flush(void);

/**
 * cache_give_idle() - give back what the calling thread does not use now
 *
 * Large objects always. The heap calls it before it grows: inside the gate, no lock
 * held. Nothing but the lists changes, so a refill may be under way.
 */
void cache_give_idle(void);

/** cache_enter() - gate_enter() for the calling thread; returns its word */
_Atomic uint32_t *cache_enter(void);

/** cache_leave() - gate_leave(), then what must wait until then */
void cache_leave(_Atomic uint32_t *inside);

/** cache_inside() - whether the calling thread is in a slow path already */
bool cache_inside(void);

/** cache_thread() - a number for the calling thread, not 0 */
uintptr_t cache_thread(void);

/* For fork.c. */
struct cache *cache_first(void);
bool cache_alone(void);
void cache_fork_child(bool whole);

#endif /* SPANHEAP_LIB_CACHE_H */
