// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <sys/mman.h>

#include "cache.h"
#include "central.h"
#include "fork.h"
#include "harden.h"
#include "heap.h"
#include "meta.h"
#include "pressure.h"
#include "scavenger.h"

static _Atomic uint32_t always_alive = 1;

_Atomic uintptr_t fork_gate;
_Atomic uint32_t *_Atomic fork_alive = &always_alive;
_Atomic uint32_t fork_nr_epochs;
_Atomic uint32_t gate_strays;

/*
 * How long anybody waits for the other side. A fork takes some milliseconds at most
 * while its handlers need no lock; if they do, who has it may be waiting at the gate.
 */
#define PATIENCE_MS	100

static _Atomic uint32_t turn;		/* moves when the gate opens */
static _Atomic uint32_t forced;		/* somebody is inside while it is closed */
static unsigned int nested;		/* of who has closed the gate */

void gate_wait(_Atomic uint32_t *inside)
{
	bool patient = true;

	while (patient && atomic_load(&fork_gate) && atomic_load(&fork_gate) != cache_thread()) {
		uint32_t now = atomic_load(&turn);

		atomic_fetch_sub(inside, 1);
		futex_wake(inside, INT32_MAX);
		if (atomic_load(&fork_gate))
			patient = futex_wait_ms(&turn, now, PATIENCE_MS);
		/* in this order: who closes it clears @forced, and then looks who is inside */
		atomic_fetch_add(inside, 1);
		if (!patient)
			atomic_store(&forced, 1);
	}
}

/* Return: whether they are. */
static bool wait_until_out(_Atomic uint32_t *inside)
{
	uint32_t now;

	while ((now = atomic_load(inside)))
		if (!futex_wait_ms(inside, now, PATIENCE_MS))
			return false;
	return true;
}

/* One fork at a time: closing it is taking a lock. */
static void close_gate(uintptr_t self)
{
	uintptr_t open = 0;

	while (!atomic_compare_exchange_strong(&fork_gate, &open, self)) {
		uint32_t now = atomic_load(&turn);

		if (atomic_load(&fork_gate))
			futex_wait(&turn, now);
		open = 0;
	}
}

static bool all_out(void)
{
	/* caches come and go from among the strays: these first */
	bool out = wait_until_out(&gate_strays);

	for (struct cache *cache = out ? cache_first() : NULL; cache && out; cache = cache->next)
		out = wait_until_out(&cache->inside);
	return out;
}

static void prepare(void)
{
	uintptr_t self = cache_thread();

	/* a signal handler that forks, in the midst of a fork */
	if (atomic_load(&fork_gate) == self) {
		nested++;
		return;
	}
	/* and in the midst of a slow path: to wait for it would take for ever */
	if (cache_inside())
		return;
	close_gate(self);
	atomic_store(&forced, 0);
	if (!all_out())
		atomic_store(&forced, 1);
}

static void parent(void)
{
	if (atomic_load(&fork_gate) != cache_thread())
		return;
	if (nested) {
		nested--;
		return;
	}
	atomic_store(&forced, 0);
	atomic_store(&fork_gate, 0);
	atomic_fetch_add(&turn, 1);
	futex_wake(&turn, INT32_MAX);
}

static void child(void)
{
	if (atomic_load(&fork_gate) || !*fork_alive)
		gate_fork_child(NULL);
}

void gate_fork_child(_Atomic uint32_t *inside)
{
	bool gated = atomic_load(&fork_gate) == cache_thread();
	bool whole = !atomic_load(&forced) && (gated || cache_alone());

	atomic_store(fork_alive, 1);
	atomic_store(&fork_gate, 0);
	atomic_store(&gate_strays, inside == &gate_strays);
	atomic_store(&forced, 0);
	nested = 0;
	if (!whole)
		atomic_fetch_add(&fork_nr_epochs, 1);
	meta_fork_child(whole);
	cache_fork_child(whole);
	central_fork_child(whole);
	harden_fork_child(whole);
	heap_fork_child(whole);
	scavenger_fork_child();
	pressure_fork_child();
}

void fork_init(void)
{
	void *page = meta_map(BASE_PAGE_SIZE);

	if (!page || madvise(page, BASE_PAGE_SIZE, MADV_WIPEONFORK))
		return;
	atomic_store((_Atomic uint32_t *)page, 1);
	atomic_store(&fork_alive, page);
}

/*
 * Early, so that the handlers of others, which may allocate, run outside ours:
 * prepare handlers run in reverse order. In a constructor and not at the first
 * malloc, which may well be libc's own, from within pthread_atfork.
 */
__attribute__((constructor(101))) static void register_handlers(void)
{
	pthread_atfork(prepare, parent, child);
}
