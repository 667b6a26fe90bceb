// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <string.h>

#include "cache.h"
#include "central.h"
#include "die.h"
#include "fork.h"
#include "heap.h"
#include "lookup.h"
#include "meta.h"
#include "span.h"

/*
 * A list's first objects: 512 B of them come by one visit to the spans, of which each
 * costs a short-lived thread some 300 instructions.
 */
#define FIRST_BYTES	512

/*
 * A list that is full keeps a quarter. More would save who replaces at random 2 % of
 * its instructions, at the cost of 12 % to who frees for another thread.
 */
#define KEPT(limit)	((limit) / 4)

/*
 * It is cut down to a batch, but not below 4: large objects have batches of one, and
 * would go to their spans one by one.
 */
#define LEAST_OBJECTS	4

static struct cache none = { .front = FRONT_NONE };	/* before the thread's first slow path */
static struct cache making = { .front = FRONT_NONE };	/* while it gets its own */
static struct cache gone = { .front = FRONT_NONE };	/* after its teardown */
__thread struct cache *cache_self = &none;

static struct meta_pool cache_pool = { .size = sizeof(struct cache) };
static struct lock cache_lock;		/* the list of caches; a leaf */
static struct cache *caches;
static _Atomic size_t nr_caches;

/* The key whose destructor tears a cache down. */
enum { KEY_NONE, KEY_BUSY, KEY_MADE };
static _Atomic int key_state;
static pthread_key_t key;

uintptr_t cache_thread(void)
{
	return (uintptr_t)&cache_self;
}

struct cache *cache_first(void)
{
	return caches;
}

static struct cache *own(void)
{
	return cache_self == &none || cache_self == &making || cache_self == &gone ?
	       NULL : cache_self;
}

bool cache_inside(void)
{
	return own() ? atomic_load(&own()->inside) : cache_self == &making;
}

bool cache_alone(void)
{
	return atomic_load(&nr_caches) <= (own() ? 1 : 0);
}

static size_t share(void)
{
	size_t nr = atomic_load_explicit(&nr_caches, memory_order_relaxed);
	size_t bytes = CACHE_BYTES_ALL / (nr ? nr : 1);

	return bytes > CACHE_BYTES ? CACHE_BYTES :
	       bytes < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : bytes;
}

/* A list that does not lead where it should: a free object has been written to. */
static void *checked(void *object, size_t class)
{
	if (unlikely((uintptr_t)object >> ADDRESS_BITS || lookup_class(object) != class))
		die("a free object was written to, or freed twice: its list leads to", object);
	return object;
}

/* The list goes on after @nr of its objects. */
static void skip(struct cache *cache, size_t class, void *rest, uint32_t nr)
{
	cache->room[class] += nr;
	cache->head[class] = cache->room[class] == cache->limit[class] ? NULL : checked(rest, class);
}

/* Give back the @nr objects that have been in the list for the shortest time. */
static void give(struct cache *cache, size_t class, uint32_t nr)
{
	skip(cache, class, central_give(class, checked(cache->head[class], class), nr), nr);
}

static void shrink(struct cache *cache, size_t class, uint32_t by)
{
	if (cache->room[class] < by)
		give(cache, class, by - cache->room[class]);
	cache->limit[class] -= by;
	cache->room[class] -= by;
	cache->used -= (size_t)by * class_info[class].size;
}

/*
 * The hand goes round the classes, one for each slow path: a list that has not moved
 * since it last passed is that of a class out of use, and is cut by half.
 */
static void pass(struct cache *cache, size_t class)
{
	size_t other = cache->hand = cache->hand + 1 < NR_CLASSES ? cache->hand + 1 : 1;

	if (other != class && cache->limit[other] && cache->room[other] == cache->seen[other])
		shrink(cache, other, (cache->limit[other] + 1) / 2);
	cache->seen[other] = cache->room[other];
}

/* Make room in the thread's budget, at the cost of classes other than @class. */
static bool reserve_budget(struct cache *cache, size_t class, size_t bytes)
{
	size_t budget = CACHE_BYTES_MIN;

	if (likely(cache->used + bytes <= budget))
		return true;
	budget = share();
	for (unsigned int i = 0; cache->used + bytes > budget && i < NR_CLASSES; i++) {
		cache->hand = (cache->hand + 1) % NR_CLASSES;
		if (cache->hand != class && cache->limit[cache->hand])
			shrink(cache, cache->hand, (cache->limit[cache->hand] + 1) / 2);
	}
	return cache->used + bytes <= budget;
}

static size_t first_limit(size_t class)
{
	size_t nr = (uint64_t)FIRST_BYTES * class_info[class].reciprocal >> 32;

	return nr ? nr : 1;
}

static uint32_t least_limit(size_t class)
{
	uint32_t batch = class_info[class].batch;

	return batch < LEAST_OBJECTS ? LEAST_OBJECTS : batch;
}

/* Slow start: double up to one batch, from then on a batch at a time. */
static void grow(struct cache *cache, size_t class)
{
	uint32_t batch = class_info[class].batch;
	uint32_t limit = cache->limit[class];
	size_t by = !limit ? first_limit(class) : limit < batch ? limit : batch;

	if (limit + by > class_info[class].longest)
		by = class_info[class].longest - limit;
	if (!by || !reserve_budget(cache, class, by * class_info[class].size))
		return;
	cache->limit[class] += by;
	cache->room[class] += by;
	cache->used += by * class_info[class].size;
}

static void teardown(void *ptr)
{
	struct cache *cache = ptr;

	cache_flush();
	cache_self = &gone;
	gate_enter(&gate_strays);
	lock_acquire(&cache_lock);
	if (cache->prev)
		cache->prev->next = cache->next;
	else
		caches = cache->next;
	if (cache->next)
		cache->next->prev = cache->prev;
	atomic_fetch_sub(&nr_caches, 1);
	lock_release(&cache_lock);
	front_close(&cache->front);
	meta_pool_put(&cache_pool, cache);
	cache_leave(&gate_strays);
}

static bool make_key(void)
{
	int state = KEY_NONE;

	if (atomic_compare_exchange_strong(&key_state, &state, KEY_BUSY)) {
		state = pthread_key_create(&key, teardown) ? KEY_NONE : KEY_MADE;
		atomic_store(&key_state, state);
	}
	while (state == KEY_BUSY) {
		cpu_relax();
		state = atomic_load(&key_state);
	}
	return state == KEY_MADE;
}

static struct cache *create(void)
{
	struct cache *cache;

	cache_self = &making;
	gate_enter(&gate_strays);
	cache = meta_pool_get(&cache_pool);
	if (cache) {
		memset(cache, 0, sizeof(*cache));
		lock_acquire(&cache_lock);
		cache->next = caches;
		if (caches)
			caches->prev = cache;
		caches = cache;
		atomic_fetch_add(&nr_caches, 1);
		lock_release(&cache_lock);
		front_open(&cache->front);
	}
	gate_leave(&gate_strays);
	if (!cache) {
		cache_self = &none;
		return NULL;
	}
	/* in this order: pthread_setspecific may allocate */
	cache_self = cache;
	if (make_key())
		pthread_setspecific(key, cache);
	return cache;
}

/* The calling thread's cache; NULL after its teardown, or without memory. */
static struct cache *get(void)
{
	if (likely(cache_self != &none))
		return own();
	return create();
}

static _Atomic uint32_t *enter(struct cache *cache)
{
	_Atomic uint32_t *inside = cache ? &cache->inside : &gate_strays;

	gate_enter(inside);
	return inside;
}

_Atomic uint32_t *cache_enter(void)
{
	return enter(get());
}

void cache_leave(_Atomic uint32_t *inside)
{
	gate_leave(inside);
	heap_poke();
}

/* What some thread has given back, as the list that it is. */
static void *refill_chain(struct cache *cache, size_t class)
{
	unsigned int nr;
	void *list = central_take_chain(class, cache->limit[class], &nr);

	if (!list)
		return NULL;
	cache->room[class] -= nr - 1;
	cache->head[class] = link_get(list);
	return list;
}

/* The list was empty. */
static void fill(struct cache *cache, size_t class, void **objects, unsigned int nr)
{
	void *list = NULL;

	cache->room[class] -= nr;
	while (nr--) {
		link_set(objects[nr], list);
		list = objects[nr];
	}
	cache->head[class] = list;
}

static void *refill(struct cache *cache, size_t class)
{
	void *objects[CENTRAL_BATCH_MAX], *object;
	unsigned int want = 1, got;

	if (cache) {
		if (unlikely(cache->room[class] != cache->limit[class]))
			die("a free object was written to, or freed twice: its list ends too early, class",
			    (void *)class);
		cache->overflowed[class] = false;
		pass(cache, class);
		grow(cache, class);
		object = refill_chain(cache, class);
		if (object)
			return object;
		want = class_info[class].batch;
		if (want > cache->limit[class])
			want = cache->limit[class];
		if (!want)
			want = 1;
	}
	got = central_take(class, want, objects);
	if (!got)
		return NULL;
	if (got > 1)
		fill(cache, class, objects + 1, got - 1);
	return objects[0];
}

void *cache_refill(size_t class)
{
	struct cache *cache = get();
	_Atomic uint32_t *inside = enter(cache);
	void *object = refill(cache, class);

	cache_leave(inside);
	return object;
}

/* Take the first @nr objects out of the list, linked. */
static void *cut(struct cache *cache, size_t class, uint32_t nr)
{
	void *list = checked(cache->head[class], class), *last = list;

	for (uint32_t i = 1; i < nr; i++)
		last = checked(link_get(last), class);
	skip(cache, class, link_get(last), nr);
	link_set(last, NULL);
	return list;
}

/* Alone, a thread is served as well by the spans, and lists in waiting keep these. */
static void give_most(struct cache *cache, size_t class)
{
	uint32_t nr = cache->limit[class] - KEPT(cache->limit[class]);

	if (atomic_load_explicit(&nr_caches, memory_order_relaxed) > 1)
		central_give_chain(class, cut(cache, class, nr), nr);
	else
		give(cache, class, nr);
}

/*
 * A list that is full twice in a row, and was not empty in between, is that of a thread
 * that frees what it will not need soon. All the objects that stay in it may keep a
 * span each.
 */
static void cut_down(struct cache *cache, size_t class)
{
	uint32_t least = least_limit(class), limit = cache->limit[class];

	if (cache->overflowed[class] && limit > least)
		shrink(cache, class, (limit - least + 1) / 2);
	cache->overflowed[class] = true;
}

/*
 * A thread that has no list yet was given the object by another one, which may have its
 * neighbours in the same cache line: it does not have this one again.
 */
static bool is_foreign(const struct cache *cache, size_t class)
{
	return !cache->limit[class] && !cache->overflowed[class] &&
	       class_info[class].size < CACHE_LINE;
}

static void overflow(struct cache *cache, size_t class, void *object)
{
	if (cache) {
		bool foreign = is_foreign(cache, class);

		pass(cache, class);
		if (cache->limit[class] < least_limit(class) && !foreign)
			grow(cache, class);
		cut_down(cache, class);
		if (!cache->room[class] && cache->limit[class])
			give_most(cache, class);
		if (cache->room[class] && cache_push(cache, class, object))
			return;
	}
	central_give(class, object, 1);
}

void cache_overflow(size_t class, void *object)
{
	struct cache *cache = get();
	_Atomic uint32_t *inside = enter(cache);

	overflow(cache, class, object);
	cache_leave(inside);
}

static void free_spans(struct span *span)
{
	struct span *next;

	for (; span; span = next) {
		next = span->next;
		heap_span_free(span);
	}
}

void cache_flush(void)
{
	struct cache *cache = own();

	if (!cache)
		return;
	gate_enter(&cache->inside);
	for (size_t class = 1; class < NR_CLASSES; class++) {
		if (cache->limit[class])
			shrink(cache, class, cache->limit[class]);
	}
	free_spans(front_empty(&cache->front));
	gate_leave(&cache->inside);
}

void cache_fork_child(bool whole)
{
	struct cache *self = own(), *next;

	lock_reset(&cache_lock);
	lock_reset(&cache_pool.lock);
	if (!whole)
		cache_pool.free = NULL;
	/* nobody holds heap_lock, if there is anything to free */
	free_spans(front_fork_child(self ? &self->front : NULL, whole));
	for (struct cache *cache = whole ? caches : NULL; cache; cache = next) {
		next = cache->next;
		if (cache != self)
			meta_pool_put(&cache_pool, cache);
	}
	caches = self;
	if (self)
		self->next = self->prev = NULL;
	atomic_store(&nr_caches, self ? 1 : 0);
	/* half-made keys stay half-made: that thread's create() is not here */
	if (atomic_load(&key_state) == KEY_BUSY)
		atomic_store(&key_state, KEY_NONE);
}
