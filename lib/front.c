// SPDX-License-Identifier: MIT
#include "fork.h"
#include "front.h"
#include "span.h"

static struct lock front_lock;		/* the list of fronts; held alone */
static struct front *fronts;
static _Atomic size_t nr_fronts;
static struct front_counts ended;	/* what the threads that are gone have done */

static uint32_t limit(void)
{
	size_t nr = atomic_load_explicit(&nr_fronts, memory_order_relaxed);
	size_t share = FRONT_PAGES_ALL / (nr ? nr : 1);

	return share < FRONT_PAGES ? (uint32_t)share : (uint32_t)FRONT_PAGES;
}

bool front_tell(struct front *front)
{
	bool tell;

	if (!front_enter(front))
		return false;
	tell = !front->limit;
	front->limit = limit();
	front_leave(front);
	return tell;
}

void front_open(struct front *front)
{
	lock_acquire(&front_lock);
	atomic_fetch_add(&nr_fronts, 1);
	front->prev = NULL;
	front->next = fronts;
	if (fronts)
		fronts->prev = front;
	fronts = front;
	lock_release(&front_lock);
}

static void add_counts(struct front_counts *sum, const struct front *front)
{
	sum->allocs += atomic_load_explicit(&front->allocs, memory_order_relaxed);
	sum->frees += atomic_load_explicit(&front->frees, memory_order_relaxed);
	sum->alloc_pages += atomic_load_explicit(&front->alloc_pages, memory_order_relaxed);
	sum->free_pages += atomic_load_explicit(&front->free_pages, memory_order_relaxed);
}

void front_close(struct front *front)
{
	lock_acquire(&front_lock);
	if (front->prev)
		front->prev->next = front->next;
	else
		fronts = front->next;
	if (front->next)
		front->next->prev = front->prev;
	atomic_fetch_sub(&nr_fronts, 1);
	add_counts(&ended, front);
	lock_release(&front_lock);
}

/* Those that were first seen @min_age ago, in front of @out. */
static struct span *take_out(struct front *front, uint32_t now, uint64_t min_age,
			     struct span *out)
{
	for (unsigned int i = 0; i < FRONT_SLOTS; i++) {
		struct span *span = front->slots[i].span;

		if (!front->slots[i].pages)
			continue;
		if (!front->slots[i].seen)
			front->slots[i].seen = now ? now : 1;
		if (now - front->slots[i].seen < min_age)
			continue;
		front->pages -= front->slots[i].pages;
		front->slots[i].pages = 0;
		span->freed_at = front->slots[i].seen;
		span->next = out;
		out = span;
	}
	return out;
}

struct span *front_empty(struct front *front)
{
	struct span *out = NULL;

	while (!front_enter(front))
		cpu_relax();
	out = take_out(front, 0, 0, NULL);
	front_leave(front);
	return out;
}

struct span *front_expire(uint32_t now, uint64_t min_age)
{
	struct span *out = NULL;

	lock_acquire(&front_lock);
	for (struct front *front = fronts; front; front = front->next) {
		if (!front_enter(front))
			continue;
		out = take_out(front, now, min_age, out);
		front->limit = front->pages ? limit() : 0;
		front_leave(front);
	}
	lock_release(&front_lock);
	return out;
}

bool front_left(void)
{
	bool left = false;

	gate_enter(&gate_strays);
	lock_acquire(&front_lock);
	for (struct front *front = fronts; front && !left; front = front->next) {
		left = !front_enter(front);
		if (left)
			continue;
		left = front->pages;
		front_leave(front);
	}
	lock_release(&front_lock);
	gate_leave(&gate_strays);
	return left;
}

struct front_counts front_counts(void)
{
	struct front_counts sum;

	lock_acquire(&front_lock);
	sum = ended;
	for (struct front *front = fronts; front; front = front->next) {
		add_counts(&sum, front);
		if (!front_enter(front))
			continue;
		sum.pages += front->pages;
		front_leave(front);
	}
	lock_release(&front_lock);
	return sum;
}

struct span *front_fork_child(struct front *self, bool whole)
{
	struct span *out = NULL;

	lock_reset(&front_lock);
	for (struct front *front = whole ? fronts : NULL; front; front = front->next) {
		if (front == self)
			continue;
		add_counts(&ended, front);
		/* its thread may have been at it: then nobody knows what is in there */
		if (front_enter(front))
			out = take_out(front, 0, 0, out);
	}
	atomic_store(&nr_fronts, self ? 1 : 0);
	fronts = self;
	if (self)
		self->next = self->prev = NULL;
	return out;
}
