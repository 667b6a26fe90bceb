// SPDX-License-Identifier: MIT
/*
 * Starting threads. Called by scavenger.c and pressure.c, which know when.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "thread.h"

/* headroom.c needs 12 KiB; untouched stack costs nothing. */
#define STACK_SIZE	(128 * 1024)

bool thread_start(void *(*run)(void *))
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	ok = !pthread_create(&thread, &attr, run, NULL);
	pthread_attr_destroy(&attr);
	/* Much thread-local storage does not fit into our stack. */
	if (!ok && !pthread_create(&thread, NULL, run, NULL)) {
		pthread_detach(thread);
		ok = true;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

void thread_settle(const char *name)
{
	pthread_setname_np(pthread_self(), name);
	/* A real-time program's cleaner is no real-time thread. */
	if (sched_getscheduler(0) != SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
}
