// SPDX-License-Identifier: MIT
/*
 * Forks of all kinds while other threads allocate. Each child uses inherited
 * objects, frees them, allocates with threads of its own, and exits; a watchdog
 * is the harness's timeout. Linked with the library.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include <spanheap.h>

#define NR_THREADS	3
#define NR_OBJECTS	800
#define NR_FORKS	rounds(30)

extern char **environ;

static atomic_bool stop;

static void *noise(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	void *ptrs[500] = { NULL };

	while (!stop) {
		size_t i = (size_t)rand_r(&seed) % 500;
		size_t size = rand_r(&seed) % 50 ? (size_t)rand_r(&seed) % 3000 :
			      (size_t)rand_r(&seed) % 1000000;

		free(ptrs[i]);
		ptrs[i] = malloc(size + 1);
		memset(ptrs[i], 1, size + 1);
	}
	for (size_t i = 0; i < 500; i++)
		free(ptrs[i]);
	return NULL;
}

FIXTURE(fork)
{
	pthread_t threads[NR_THREADS];
	unsigned char *objects[NR_OBJECTS];
};

static size_t size_of(size_t i)
{
	return 1 + i * i % 7000 + (i % 200 == 0) * 500000;
}

FIXTURE_SETUP(fork)
{
	for (size_t i = 0; i < NR_OBJECTS; i++) {
		self->objects[i] = malloc(size_of(i));
		memset(self->objects[i], (int)i, size_of(i));
	}
	stop = false;
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		pthread_create(&self->threads[i], NULL, noise, (void *)(i + 1));
}

FIXTURE_TEARDOWN(fork)
{
	stop = true;
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(self->threads[i], NULL);
}

static void *briefly(void *arg)
{
	void *ptrs[200];

	(void)arg;
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < 200; i++)
			memset(ptrs[i] = malloc(i * 50 + 1), 2, i * 50 + 1);
		for (size_t i = 0; i < 200; i++)
			free(ptrs[i]);
	}
	return NULL;
}

/* The life of a child. Return: its exit status. */
static int live(unsigned char **objects)
{
	struct spanheap_memstats stats;
	pthread_t threads[2];

	for (size_t i = 0; i < NR_OBJECTS; i++) {
		size_t size = size_of(i);

		if (objects[i][0] != (unsigned char)i || objects[i][size - 1] != (unsigned char)i)
			return 1;
		if (i % 3 == 0) {
			free(objects[i]);
			objects[i] = NULL;
		} else if (i % 3 == 1) {
			objects[i] = realloc(objects[i], size * 2);
			if (objects[i][size - 1] != (unsigned char)i)
				return 2;
		}
	}
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, briefly, NULL))
			return 3;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < NR_OBJECTS; i++)
		free(objects[i]);
	if (spanheap_stats(&stats, sizeof(stats)) || !stats.heap_sys)
		return 4;
	return 0;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(fork, libc_fork)
{
	for (int i = 0; i < NR_FORKS; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(live(self->objects));
		ASSERT_EQ(0, status_of(pid)) TH_LOG("fork %d", i);
	}
}

/* The child is a correct parent. */
TEST_F(fork, fork_of_a_fork)
{
	for (int i = 0; i < NR_FORKS / 5; i++) {
		pid_t pid = fork();

		if (!pid) {
			pid = fork();
			if (!pid)
				_exit(live(self->objects));
			if (status_of(pid))
				_exit(10);
			_exit(live(self->objects));
		}
		ASSERT_EQ(0, status_of(pid)) TH_LOG("fork %d", i);
	}
}

/*
 * No handler runs, libc is in an undefined state where it has locks: the child
 * does nothing but allocate.
 */
static int live_alone(unsigned char **objects)
{
	for (size_t i = 0; i < NR_OBJECTS; i++) {
		size_t size = size_of(i);

		if (objects[i][0] != (unsigned char)i || objects[i][size - 1] != (unsigned char)i)
			return 1;
		free(objects[i]);
		objects[i] = malloc(size);
		memset(objects[i], (int)i + 1, size);
	}
	briefly(NULL);
	for (size_t i = 0; i < NR_OBJECTS; i++) {
		if (objects[i][size_of(i) - 1] != (unsigned char)(i + 1))
			return 2;
		free(objects[i]);
	}
	return 0;
}

TEST_F(fork, raw_clone)
{
	for (int i = 0; i < NR_FORKS; i++) {
		pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

		if (!pid)
			syscall(SYS_exit_group, live_alone(self->objects));
		ASSERT_EQ(0, status_of(pid)) TH_LOG("clone %d", i);
	}
}

#define NR_INHERITED	4000
#define INHERITED_SIZE	100

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

static uintptr_t inherited[NR_INHERITED];

static bool freed_in_parent(size_t i)
{
	return i % 2;
}

/* Some stay in each span, or it would go as a whole. */
static bool freed_in_child(size_t i)
{
	return !freed_in_parent(i) && i % 16;
}

/* Free what the parent left, and see how much of it comes again. */
static int use_again(void)
{
	size_t nr = 0, again = 0;

	for (size_t i = 0; i < NR_INHERITED; i++) {
		if (freed_in_child(i)) {
			free((void *)inherited[i]);
			nr++;
		}
	}
	qsort(inherited, NR_INHERITED, sizeof(inherited[0]), by_address);
	for (size_t i = 0; i < nr; i++) {
		uintptr_t object = (uintptr_t)malloc(INHERITED_SIZE);

		again += bsearch(&object, inherited, NR_INHERITED, sizeof(object), by_address) != NULL;
	}
	return again >= nr * 3 / 4 ? 0 : 1;
}

/* Objects go home to their node: a thread that moves has others. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

/* The spans of these objects are on lists that the child does not have. */
TEST_F(fork, raw_clone_frees_inherited)
{
	pid_t pid;

	stay_here();
	for (size_t i = 0; i < NR_INHERITED; i++)
		inherited[i] = (uintptr_t)malloc(INHERITED_SIZE);
	for (size_t i = 0; i < NR_INHERITED; i++) {
		if (freed_in_parent(i))
			free((void *)inherited[i]);
	}
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (!pid)
		syscall(SYS_exit_group, use_again());
	EXPECT_EQ(0, status_of(pid));
	for (size_t i = 0; i < NR_INHERITED; i++) {
		if (!freed_in_parent(i))
			free((void *)inherited[i]);
	}
}

/* They share the memory: nothing may be taken for a new process. */
TEST_F(fork, vfork_and_spawn)
{
	char *argv[] = { "true", NULL };

	for (int i = 0; i < NR_FORKS; i++) {
		size_t size = size_of((size_t)i);
		pid_t pid = vfork();

		if (!pid) {
			free(self->objects[i]);
			self->objects[i] = malloc(size);
			memset(self->objects[i], i, size);
			_exit(0);
		}
		ASSERT_EQ(0, status_of(pid));
		ASSERT_EQ((unsigned char)i, self->objects[i][size - 1]);
		ASSERT_EQ(0, posix_spawnp(&pid, "true", NULL, NULL, argv, environ));
		ASSERT_EQ(0, status_of(pid));
	}
	EXPECT_EQ(0, live(self->objects));
}

static atomic_int handlers_run;

static void handler(void)
{
	void *ptrs[300];

	for (size_t i = 0; i < 300; i++)
		memset(ptrs[i] = malloc(i * 97 + 1), 3, i * 97 + 1);
	free(malloc(5000000));
	for (size_t i = 0; i < 300; i++)
		free(ptrs[i]);
	handlers_run++;
}

TEST_F(fork, handlers_that_allocate)
{
	ASSERT_EQ(0, pthread_atfork(handler, handler, handler));
	for (int i = 0; i < NR_FORKS / 3; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(live(self->objects));
		ASSERT_EQ(0, status_of(pid)) TH_LOG("fork %d", i);
	}
	EXPECT_EQ(NR_FORKS / 3 * 2, handlers_run);
}

static void *forks(void *arg)
{
	unsigned char **objects = arg;

	for (int i = 0; i < rounds(10); i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(live(objects));
		if (status_of(pid))
			return arg;
	}
	return NULL;
}

TEST_F(fork, threads_that_fork)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, forks, self->objects));
	for (int i = 0; i < 3; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		EXPECT_EQ(NULL, failed);
	}
}

static size_t reserved(void)
{
	struct spanheap_memstats stats;

	spanheap_stats(&stats, sizeof(stats));
	return stats.heap_inuse;
}

/*
 * A pre-forking server: each generation allocates and frees as much as the one
 * before, and needs no more for it.
 */
/* What sleeps here is too short on a busy machine: then it tests less, and passes. */
static FILE *locked;
static sem_t is_locked;
static atomic_bool forking;

/* Holds the lock of a FILE, and needs memory when the gate is closed. */
static void *allocate_under_lock(void *arg)
{
	void *volatile object;

	flockfile(locked);
	sem_post(&is_locked);
	while (!forking)
		usleep(1000);
	usleep(20000);
	object = malloc(64 << 20);
	free(object);
	funlockfile(locked);
	return arg;
}

/* Holds the lock of libc's list of FILEs, which a fork needs, while it waits for one. */
static void *flush_all(void *arg)
{
	fflush(NULL);
	return arg;
}

TEST(libc_has_locks_of_its_own)
{
	pthread_t threads[2];
	int status;
	pid_t pid;

	locked = tmpfile();
	ASSERT_NE(NULL, locked);
	sem_init(&is_locked, 0, 0);
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, allocate_under_lock, NULL));
	sem_wait(&is_locked);
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, flush_all, NULL));
	usleep(20000);
	forking = true;
	pid = fork();
	if (!pid) {
		void *object = malloc(1000);

		memset(object, 1, 1000);
		free(object);
		_exit(17);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(17, WEXITSTATUS(status));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
}

TEST(generations)
{
	int out[2], status = 0;
	size_t used[12];

	ASSERT_EQ(0, pipe(out));
	for (size_t depth = 0; depth < 12; depth++) {
		void *ptrs[1000];
		size_t now;
		pid_t pid;

		for (size_t i = 0; i < 1000; i++)
			memset(ptrs[i] = malloc(i * 8 + 1), 1, i * 8 + 1);
		now = reserved();
		for (size_t i = 0; i < 1000; i++)
			free(ptrs[i]);
		ASSERT_EQ((ssize_t)sizeof(now), write(out[1], &now, sizeof(now)));
		pid = fork();
		if (pid) {
			status = status_of(pid);
			if (depth)
				_exit(status);
			break;
		}
		if (depth == 11)
			_exit(0);
	}
	ASSERT_EQ(0, status);
	ASSERT_EQ((ssize_t)sizeof(used), read(out[0], used, sizeof(used)));
	EXPECT_LE(used[11], used[1] + (1 << 20));
}

TEST_HARNESS_MAIN
