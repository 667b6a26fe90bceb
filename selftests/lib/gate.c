// SPDX-License-Identifier: MIT
/*
 * The gate that a fork closes, seen from inside: a fork waits for slow paths, the
 * forking thread passes, and a child knows whether what it has inherited is
 * whole. Built with the prefixed objects of the library.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "../../lib/cache.h"
#include "../../lib/fork.h"

void *sh_malloc(size_t size);
void sh_free(void *ptr);

static atomic_int handlers_run;

static void handler(void)
{
	void *ptrs[300];

	for (size_t i = 0; i < 300; i++)
		memset(ptrs[i] = sh_malloc(i * 997 + 1), 3, i * 997 + 1);
	for (size_t i = 0; i < 300; i++)
		sh_free(ptrs[i]);
	handlers_run++;
}

/*
 * Before any constructor, hence before the library's own handlers: these run
 * while the gate is closed.
 */
static void register_first(void)
{
	pthread_atfork(handler, handler, handler);
}

__attribute__((section(".preinit_array"), used))
static void (*const first)(void) = register_first;

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(the_forking_thread_passes)
{
	int before = handlers_run;	/* the harness forks as well */

	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(handlers_run == before + 2 * i + 2 ? 0 : 1);
		ASSERT_EQ(0, status_of(pid));
	}
	EXPECT_EQ(before + 20, handlers_run);
}

static atomic_bool forked, stop;
static atomic_int status;

static void *forks(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	forked = true;
	status = status_of(pid);
	return arg;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * The gate is closed, but the handlers that follow the library's own do not run.
 * One that did not wait would be through long before; it goes on by itself after 100 ms,
 * which a number of turns may take on a busy machine.
 */
static bool is_held_back(void)
{
	int before = handlers_run;
	long end;

	while (!fork_gate) {
		if (forked)
			return false;
	}
	end = now_ms() + 10;
	do {
		sched_yield();
		if (forked || handlers_run != before)
			return false;
	} while (now_ms() < end);
	return true;
}

TEST(a_fork_waits)
{
	_Atomic uint32_t *inside = cache_enter();
	pthread_t thread;

	/* no allocation of ours in pthread_create: that is libc's malloc */
	ASSERT_EQ(0, pthread_create(&thread, NULL, forks, NULL));
	ASSERT_TRUE(is_held_back());
	cache_leave(inside);
	pthread_join(thread, NULL);
	EXPECT_TRUE(forked);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, fork_gate);
}

/* A thread without a cache counts as well. */
TEST(a_fork_waits_for_strays)
{
	pthread_t thread;

	gate_enter(&gate_strays);
	ASSERT_EQ(0, pthread_create(&thread, NULL, forks, NULL));
	ASSERT_TRUE(is_held_back());
	gate_leave(&gate_strays);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, status);
}

static void *holds_a_cache(void *arg)
{
	sh_free(sh_malloc(1));
	forked = true;
	while (!stop)
		sched_yield();
	return arg;
}

/* The epoch that a child finds itself in; @raw: no handler runs. */
static int epoch_of_child(bool raw)
{
	pid_t pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) : fork();

	if (!pid) {
		for (size_t size = 1; size < 3000000; size += size / 2 + 1)
			sh_free(sh_malloc(size));
		syscall(SYS_exit_group, (int)fork_epoch());
	}
	return status_of(pid);
}

TEST(what_is_whole_is_kept)
{
	int own = (int)fork_epoch();
	pthread_t thread;

	sh_free(sh_malloc(1));
	/* alone: nothing can be half-changed */
	EXPECT_EQ(own, epoch_of_child(false));
	EXPECT_EQ(own, epoch_of_child(true));

	ASSERT_EQ(0, pthread_create(&thread, NULL, holds_a_cache, NULL));
	while (!forked)
		sched_yield();
	/* with others: whole after the handlers, given up without them */
	EXPECT_EQ(own, epoch_of_child(false));
	EXPECT_EQ(own + 1, epoch_of_child(true));
	stop = true;
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
