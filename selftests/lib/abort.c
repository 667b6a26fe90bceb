// SPDX-License-Identifier: MIT
/*
 * Programs that damage their heap are ended with a line that says how. Each case
 * runs in a child. Linked with the library.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"

/* Out of reach for the compiler's own warnings. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void (*volatile do_free)(void *) = free;

static char static_memory[64];

static void free_static(void)
{
	do_free(static_memory);
}

/* Text taken for a pointer: no address that there could be. */
static void free_text(void)
{
	do_free((void *)0x6f6c6c6568206f68);
}

static void realloc_text(void)
{
	do_realloc((void *)0x6f6c6c6568206f68, 100);
}

static void free_foreign_map(void)
{
	do_free(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void free_large_twice(void)
{
	void *p = do_malloc(1 << 20);

	do_free(p);
	do_free(p);
}

static void free_direct_twice(void)
{
	void *p = do_malloc(64 << 20);

	do_free(p);
	do_free(p);
}

static void free_inside_large(void)
{
	do_free((char *)do_malloc(1 << 20) + 16384);
}

static void realloc_inside_large(void)
{
	do_realloc((char *)do_malloc(1 << 20) + 16, 2 << 20);
}

/* In the cache of a thread, where nobody looks; seen when it goes to the span. */
static void *free_twice_in_a_thread(void *arg)
{
	void *p = do_malloc(100), *q = do_malloc(100);

	(void)arg;
	do_free(p);
	do_free(q);
	do_free(p);
	return NULL;
}

static void free_small_twice(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, free_twice_in_a_thread, NULL);
	pthread_join(thread, NULL);
}

static void *free_in_a_thread(void *arg)
{
	do_free(arg);
	return NULL;
}

/* The first free is in the span already when the second one comes. */
static void free_twice_in_two_threads(void)
{
	void *neighbour = do_malloc(100), *p = do_malloc(100);
	pthread_t thread;

	/* which keeps the span in use */
	*(volatile char *)neighbour = 1;
	for (int i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, free_in_a_thread, p);
		pthread_join(thread, NULL);
	}
}

static void *free_middle_in_a_thread(void *arg)
{
	do_free((char *)do_malloc(100) + 16);
	return arg;
}

static void free_small_middle(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, free_middle_in_a_thread, NULL);
	pthread_join(thread, NULL);
}

/*
 * A free object is written to: the link in it leads elsewhere. Seen when the list is
 * given back, or is empty sooner than it should be.
 */
static void *write_to_free(void *link)
{
	void *p = do_malloc(100);

	for (int i = 0; i < 4; i++)
		((void **)p)[1] = do_malloc(100);
	do_free(((void **)p)[1]);
	do_free(p);
	*(void *volatile *)p = link;
	return p;
}

static void *link_to_static(void *arg)
{
	(void)arg;
	return write_to_free(static_memory);
}

static void *link_to_nowhere(void *arg)
{
	(void)arg;
	return write_to_free((void *)0x4141414141414141);
}

static void *link_to_another_class(void *arg)
{
	(void)arg;
	return write_to_free(do_malloc(1000));
}

static void in_a_thread(void *(*run)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
	pthread_join(thread, NULL);
}

static void write_link_to_static(void)
{
	in_a_thread(link_to_static);
}

static void write_link_to_nowhere(void)
{
	in_a_thread(link_to_nowhere);
}

static void write_link_to_another_class(void)
{
	in_a_thread(link_to_another_class);
}

static void write_zeros(void)
{
	write_to_free(NULL);
	for (int i = 0; i < 10; i++)
		do_malloc(100);
}

/* In the half of a full list that is kept. */
static void write_link_to_nowhere_in_a_long_list(void)
{
	void *ptrs[5000];

	for (int i = 0; i < 5000; i++)
		ptrs[i] = do_malloc(100);
	for (int i = 0; i < 5000; i++) {
		do_free(ptrs[i]);
		*(void *volatile *)ptrs[i] = (void *)0x4141414141414141;
	}
}

FIXTURE(abort)
{
	char text[512];
};

FIXTURE_VARIANT(abort)
{
	void (*crime)(void);
	const char *word;
};

#define CASE(name, what)					\
FIXTURE_VARIANT_ADD(abort, name)				\
{								\
	.crime = name, .word = what,				\
}

CASE(free_static, "invalid pointer");
CASE(free_text, "invalid pointer");
CASE(realloc_text, "invalid pointer");
CASE(free_foreign_map, "invalid pointer");
CASE(free_large_twice, "double free");
CASE(free_direct_twice, "double free");
CASE(free_inside_large, "invalid pointer");
CASE(realloc_inside_large, "invalid pointer");
CASE(free_small_twice, "double free");
CASE(free_twice_in_two_threads, "double free");
CASE(free_small_middle, "middle of an object");
CASE(write_link_to_static, "was written to");
CASE(write_link_to_nowhere, "was written to");
CASE(write_link_to_another_class, "was written to");
CASE(write_link_to_nowhere_in_a_long_list, "was written to");
CASE(write_zeros, "was written to");

FIXTURE_SETUP(abort)
{
	memset(self->text, 0, sizeof(self->text));
}

FIXTURE_TEARDOWN(abort)
{
}

TEST_F(abort, with_a_word)
{
	int err[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(err));
	pid = fork();
	if (!pid) {
		alarm(20);
		dup2(err[1], 2);
		signal(SIGABRT, SIG_DFL);
		variant->crime();
		_exit(0);
	}
	close(err[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	EXPECT_GT(read(err[0], self->text, sizeof(self->text) - 1), 0);
	EXPECT_EQ(0, strncmp(self->text, "spanheap: ", 10));
	EXPECT_NE(NULL, strstr(self->text, variant->word)) TH_LOG("it says: %s", self->text);
}

TEST_HARNESS_MAIN
