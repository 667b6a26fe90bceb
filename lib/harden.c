// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/auxv.h>

#include "cache.h"
#include "central.h"
#include "die.h"
#include "harden.h"
#include "lookup.h"
#include "options.h"
#include "sanitize.h"
#include "sizeclass.h"
#include "span.h"

/* Between the end of what was asked for and the canary. Not 0, as strings end. */
#define PAD	0xc5

/*
 * Objects that are free, and of which the next one is any: as many as go to a thread's
 * cache at once otherwise.
 */
struct pool {
	struct lock lock;
	unsigned int nr;
	void *objects[CENTRAL_BATCH_MAX];
};

uint32_t harden_mode = HARDEN_EARLY;

static struct pool pools[NR_CLASSES];
static _Atomic uint64_t secret;

/* After that of options.c. */
__attribute__((constructor(102))) static void start(void)
{
	harden_mode = options()->hardened;
}

static bool wanted(uint32_t what)
{
	return harden_mode & (what | HARDEN_EARLY);
}

/* splitmix64 (Steele, Lea, Flood 2014): one step from a state. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* What the kernel gives every program; the C library uses other functions of it. */
static uint64_t get_secret(void)
{
	uint64_t now = atomic_load_explicit(&secret, memory_order_relaxed);
	uint64_t words[2] = { (uintptr_t)&now, 0 };
	const void *random;

	if (likely(now))
		return now;
	random = (const void *)getauxval(AT_RANDOM);
	if (random)
		memcpy(words, random, sizeof(words));
	now = (mix(words[0]) ^ mix(words[1] + 1)) | 1;
	atomic_store_explicit(&secret, now, memory_order_relaxed);
	return now;
}

/* A number below @nr. */
static unsigned int any(unsigned int nr)
{
	static _Atomic uint64_t turn;

	return (unsigned int)(mix(get_secret() +
			          atomic_fetch_add_explicit(&turn, 0x9e3779b97f4a7c15u,
							    memory_order_relaxed)) % nr);
}

/* The word at the end of an object: its size, so hidden that nobody guesses it. */
static LINK_ATTRIBUTES uint64_t *word_of(size_t class, const void *object)
{
	return (uint64_t *)((char *)object + class_info[class].size - HARDEN_SLACK);
}

static uint64_t hidden(const void *object, size_t size)
{
	return mix(get_secret() ^ (uintptr_t)object) ^ size;
}

static LINK_ATTRIBUTES uint64_t word_get(size_t class, const void *object)
{
	return *word_of(class, object);
}

/* What is there in a free object: no size is. */
static uint64_t gone(const void *object)
{
	return wanted(HARDEN_ZERO) ? 0 : hidden(object, SIZE_MAX);
}

static size_t room(size_t class)
{
	return class_info[class].size - HARDEN_SLACK;
}

static bool is_all(const unsigned char *p, size_t nr, unsigned char byte)
{
	return !nr || (p[0] == byte && !memcmp(p, p + 1, nr - 1));
}

size_t harden_class(size_t class, size_t size)
{
	if (wanted(HARDEN_CANARY) && class_info[class].size - size < HARDEN_SLACK)
		class++;
	return class;
}

size_t harden_size(size_t class, const void *object)
{
	size_t size;

	if (!wanted(HARDEN_CANARY))
		return class_info[class].size;
	size = word_get(class, object) ^ hidden(object, 0);
	if (size > room(class))
		die("not an object, or its canary was written to", object);
	return size;
}

/* Out of the pool of a class, any of it; the pool is filled when it is empty. */
static void *take(size_t class)
{
	unsigned int batch = harden_mode & HARDEN_RANDOM ? class_info[class].batch : 1;
	struct pool *pool = &pools[class];
	void *object = NULL;
	unsigned int i;

	lock_acquire(&pool->lock);
	if (!pool->nr)
		pool->nr = central_take(class, batch, pool->objects);
	if (pool->nr) {
		i = any(pool->nr);
		object = pool->objects[i];
		pool->objects[i] = pool->objects[--pool->nr];
	}
	lock_release(&pool->lock);
	return object;
}

void *harden_alloc(size_t class, size_t size)
{
	_Atomic uint32_t *inside = cache_enter();
	unsigned char *object = take(class);

	cache_leave(inside);
	if (!object)
		return NULL;
	UNPOISON(object, class_info[class].size);
	if (harden_mode & HARDEN_ZERO && !is_all(object, class_info[class].size, 0))
		die("malloc(): a free object was written to", object);
	if (wanted(HARDEN_CANARY)) {
		memset(object + size, PAD, room(class) - size);
		*word_of(class, object) = hidden(object, size);
	}
	POISON(object, class_info[class].size);
	return object;
}

static void look_at(size_t class, unsigned char *object)
{
	size_t size;

	if (word_get(class, object) == gone(object))
		die("double free", object);
	size = word_get(class, object) ^ hidden(object, 0);
	if (size > room(class) || !is_all(object + size, room(class) - size, PAD))
		die("free(): something was written past the end of the object", object);
}

void harden_free(size_t class, void *object)
{
	struct span *span = lookup_span(object);
	_Atomic uint32_t *inside;

	if (unlikely(!span || span->class != class || span_object(span, &class_info[class], object) < 0))
		die("free() of a pointer into the middle of an object", object);
	UNPOISON(object, class_info[class].size);
	if (wanted(HARDEN_CANARY))
		look_at(class, object);
	if (wanted(HARDEN_ZERO))
		memset(object, 0, class_info[class].size);
	if (wanted(HARDEN_CANARY))
		*word_of(class, object) = gone(object);
	link_set(object, NULL);
	POISON(object, class_info[class].size);
	inside = cache_enter();
	central_give(class, object, 1);
	cache_leave(inside);
}

void harden_fork_child(bool whole)
{
	for (size_t class = 1; class < NR_CLASSES; class++) {
		lock_reset(&pools[class].lock);
		if (!whole)
			pools[class].nr = 0;
	}
}
