// SPDX-License-Identifier: MIT
/*
 * Which backend is in force, and what becomes of it after a fork. Called by the
 * page heap, the API and the fork handlers. open_lock covers the search for
 * the device; it is a leaf, never taken by malloc's fast paths.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "../message.h"
#include "../options.h"
#include "backend.h"
#include "device.h"
#include "procfs.h"

static const struct backend *_Atomic current = &procfs_backend;

static atomic_bool searched;
static bool complained;		/* once, also over forks */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;

const struct backend *backend_current(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

static void search(void)
{
	const struct options *opts = options();
	int ret;

	if (opts->backend == OPTION_BACKEND_PROCFS)
		return;
	ret = device_open();
	if (!ret)
		atomic_store_explicit(&current, &device_backend, memory_order_release);
	else if (opts->backend == OPTION_BACKEND_DEVICE && !complained)
		message("no use of " SPANHEAP_DEVICE ": ", strerrordesc_np(-ret),
			"; going on without it", NULL);
	complained = true;
	if (opts->verbose)
		message("backend ", backend_current()->name, NULL);
}

void backend_open(void)
{
	int saved = errno;

	if (atomic_load_explicit(&searched, memory_order_acquire))
		return;
	pthread_mutex_lock(&open_lock);
	if (!searched) {
		search();
		atomic_store_explicit(&searched, true, memory_order_release);
	}
	pthread_mutex_unlock(&open_lock);
	errno = saved;
}

void backend_lost(const char *why)
{
	const struct backend *device = &device_backend;

	if (atomic_compare_exchange_strong(&current, &device, &procfs_backend) &&
	    options()->verbose)
		message("backend procfs from now on: ", why, NULL);
}

/*
 * Where the module's map lay there is a hole now: a private map goes there,
 * at the same address, since spans and threads know it by that. If even that
 * fails there is nothing left to go on with: the next use of the map faults.
 */
static void replace_map(struct reserve *r)
{
	void *map = mmap(r->map, reserve_map_length(r), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
			 -1, 0);

	if (map != MAP_FAILED)
		memset(map, SPANHEAP_IN_USE, r->committed >> BASE_PAGE_SHIFT);
	r->registered = false;
}

/* The parent's totals speak of maps that the child has not got. */
static void recount(struct reserve *const *reserves, size_t nr)
{
	size_t totals[SPANHEAP_NR_INTENTS] = { 0 };
	size_t counts[SPANHEAP_NR_INTENTS];

	for (size_t i = 0; i < nr; i++) {
		intent_count(reserves[i]->map, 0,
			     reserves[i]->committed >> BASE_PAGE_SHIFT, counts);
		for (int k = 0; k < SPANHEAP_NR_INTENTS; k++)
			totals[k] += counts[k];
	}
	for (int k = 0; k < SPANHEAP_NR_INTENTS; k++)
		atomic_store(&intent_totals[k], totals[k]);
}

void backend_fork_child(struct reserve *const *reserves, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (reserves[i]->registered)
			replace_map(reserves[i]);
	}
	recount(reserves, nr);
	device_forget();
	/* The thread that held the lock is not in this process. */
	pthread_mutex_init(&open_lock, NULL);
	atomic_store(&current, &procfs_backend);
	atomic_store(&searched, false);
}
