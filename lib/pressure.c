// SPDX-License-Identifier: MIT
/*
 * The listener: waits for a hint of the backend in force, gives back what is free,
 * then calls the application's callbacks with what is wanted still. Callbacks run in
 * its thread, with no lock held: a slow one keeps nobody but itself waiting, and the
 * scavenger goes on. With the module the thread starts with the scavenger's; without
 * it, at the first callback, and ends after the last.
 *
 * callbacks_lock covers the callbacks; held while none runs, a leaf.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <spanheap.h>
#include "backend/backend.h"
#include "backend/psi.h"
#include "giveback.h"
#include "policy/release.h"
#include "pressure.h"
#include "scavenger.h"
#include "thread.h"

#define PUBLIC	__attribute__((visibility("default")))

/* A program has one or two; a library that registers without end is a bug. */
#define MAX_CALLBACKS	16

struct callback {
	spanheap_pressure_fn *fn;	/* NULL: free */
	void *arg;
};

static struct callback callbacks[MAX_CALLBACKS];
static unsigned int nr_callbacks;
static int running = -1;		/* the callback that is being called */
static pthread_t runner;
static pthread_mutex_t callbacks_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;

static atomic_bool listening;		/* there is a thread */
static atomic_bool deaf;		/* the module told nothing more */

static bool hinted(void)
{
	return !deaf && backend_current()->features() & SPANHEAP_FEATURE_HINT;
}

static void call(int i, const struct spanheap_pressure *pressure)
{
	struct callback callback;

	pthread_mutex_lock(&callbacks_lock);
	callback = callbacks[i];
	running = callback.fn ? i : -1;
	runner = pthread_self();
	pthread_mutex_unlock(&callbacks_lock);
	if (!callback.fn)
		return;
	callback.fn(pressure, callback.arg);
	pthread_mutex_lock(&callbacks_lock);
	running = -1;
	pthread_cond_broadcast(&done);
	pthread_mutex_unlock(&callbacks_lock);
}

static void answer(const struct backend_hint *hint)
{
	bool revokes = backend_current()->features() & SPANHEAP_FEATURE_REVOKE;
	struct spanheap_pressure pressure = {
		.level = hint->level,
		.headroom = hint->headroom,
		.wanted = hint->wanted > hint->ordered ? hint->wanted : hint->ordered,
	};
	uint64_t released = 0;

	if (hint->ordered)
		released = giveback_free(hint->ordered, true);
	else if (policy_answers(hint->level, revokes, scavenger_mode()))
		released = giveback_free(hint->wanted, !revokes);
	pressure.wanted -= released < pressure.wanted ? released : pressure.wanted;
	for (int i = 0; i < MAX_CALLBACKS; i++)
		call(i, &pressure);
}

/* Whether there is somebody to listen for; else the thread is about to end. */
static bool go_on(void)
{
	bool any;

	if (hinted())
		return true;
	pthread_mutex_lock(&callbacks_lock);
	any = nr_callbacks;
	if (!any)
		listening = false;
	pthread_mutex_unlock(&callbacks_lock);
	return any;
}

static void *listen_to_hints(void *arg)
{
	struct backend_hint hint;

	(void)arg;
	thread_settle("spanheap-hint");
	while (go_on()) {
		const struct backend *from = hinted() ? backend_current() : &procfs_backend;

		if (!from->listen(&hint))
			answer(&hint);
		else if (from != &procfs_backend)
			deaf = true;
	}
	return NULL;
}

/* Return: whether there is a thread. */
static bool start(void)
{
	if (atomic_exchange(&listening, true))
		return true;
	if (!hinted())
		psi_prepare();
	if (thread_start(listen_to_hints))
		return true;
	listening = false;
	return false;
}

void pressure_start(void)
{
	if (hinted())
		start();
}

void pressure_fork_child(void)
{
	/* Locks and whoever held them are the parent's. */
	pthread_mutex_init(&callbacks_lock, NULL);
	pthread_cond_init(&done, NULL);
	running = -1;
	listening = false;
	deaf = false;
	psi_fork_child();
}

PUBLIC int spanheap_on_pressure(spanheap_pressure_fn *fn, void *arg)
{
	int i = 0;

	if (!fn) {
		errno = EINVAL;
		return -1;
	}
	backend_open();
	pthread_mutex_lock(&callbacks_lock);
	while (i < MAX_CALLBACKS && callbacks[i].fn)
		i++;
	if (i < MAX_CALLBACKS) {
		callbacks[i] = (struct callback){ fn, arg };
		nr_callbacks++;
	}
	pthread_mutex_unlock(&callbacks_lock);
	if (i == MAX_CALLBACKS) {
		errno = ENOSPC;
		return -1;
	}
	if (!start()) {
		spanheap_off_pressure(fn, arg);
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

PUBLIC int spanheap_off_pressure(spanheap_pressure_fn *fn, void *arg)
{
	int found = -1;

	pthread_mutex_lock(&callbacks_lock);
	for (int i = 0; i < MAX_CALLBACKS && found < 0; i++)
		if (fn && callbacks[i].fn == fn && callbacks[i].arg == arg)
			found = i;
	if (found >= 0) {
		callbacks[found].fn = NULL;
		nr_callbacks--;
		while (running == found && !pthread_equal(runner, pthread_self()))
			pthread_cond_wait(&done, &callbacks_lock);
	}
	pthread_mutex_unlock(&callbacks_lock);
	if (found < 0) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}
