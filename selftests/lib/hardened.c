// SPDX-License-Identifier: MIT
/*
 * The hardened mode: each thing it is there for is caught, and a good program is as
 * good as before. The environment is read when a program starts, so that each case is
 * this program once more, which commits a crime before main. Linked with the library.
 */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"

#define MIB	((size_t)1 << 20)

/* Out of reach for the compiler's own warnings. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void (*volatile do_free)(void *) = free;

static void overrun(void)
{
	volatile char *p = do_malloc(100);

	p[100] = 1;
	do_free((void *)p);
}

/* A string without room for its end, where the size is that of a class. */
static void overrun_by_zero(void)
{
	volatile char *p = do_malloc(64);

	p[64] = 0;
	do_free((void *)p);
}

static void overrun_seen_by_realloc(void)
{
	volatile char *p = do_malloc(5000);

	for (int i = 5000; i < 5200; i++)
		p[i] = (char)i;
	do_realloc((void *)p, 6000);
}

static void overrun_of_aligned(void)
{
	char *volatile p = aligned_alloc(256, 256);

	p[256] = 1;
	do_free(p);
}

static void free_twice(void)
{
	void *p = do_malloc(100);

	do_free(p);
	do_free(p);
}

static void free_twice_later(void)
{
	void *p = do_malloc(100);

	do_free(p);
	for (int i = 0; i < 100; i++)
		do_malloc(200);
	do_free(p);
}

static void free_middle(void)
{
	do_free((char *)do_malloc(100) + 16);
}

static void write_to_free(void)
{
	volatile char *p = do_malloc(100);

	do_free((void *)p);
	p[50] = 1;
	for (int i = 0; i < 100000; i++)
		do_malloc(100);
}

static void behind_large(void)
{
	char *volatile p = do_malloc(MIB);

	p[malloc_usable_size(p)] = 1;
}

static void before_large(void)
{
	char *volatile p = do_malloc(MIB);

	p[-1] = 1;
}

static void behind_grown(void)
{
	char *volatile p = do_realloc(do_malloc(MIB), 40 * MIB);

	p[malloc_usable_size(p)] = 1;
}

static void use_large_after_free(void)
{
	char *volatile p = do_malloc(MIB);

	do_free(p);
	*p = 1;
}

static void large_twice(void)
{
	void *p = do_malloc(MIB);

	do_free(p);
	do_free(p);
}

/* Not caught but without harm: nothing is left to be read. */
static void read_after_free(void)
{
	volatile char *p = do_malloc(100);

	p[50] = 'x';
	do_free((void *)p);
	if (p[50])
		_exit(1);
}

/* Does the next object ever come from in front of the last? */
static void order_is_not_known(void)
{
	char *last = do_malloc(64), *p;

	for (int i = 0; i < 50; i++, last = p) {
		p = do_malloc(64);
		if (p < last)
			return;
	}
	_exit(1);
}

static void order_is_known(void)
{
	do_malloc(64);
	for (int i = 0; i < 100; i++) {
		void *p = do_malloc(64);

		do_free(p);
		if (do_malloc(64) != p)
			_exit(1);
	}
}

/* What is asked for may be used, all of it and no more. */
static void sizes(void)
{
	for (size_t size = 0; size < 600000; size += 1 + size / 7) {
		unsigned char *p = do_malloc(size), *q;

		if (malloc_usable_size(p) < size || (size && size < 260000 && malloc_usable_size(p) != size))
			_exit(1);
		memset(p, 7, malloc_usable_size(p));
		q = do_realloc(p, size + 8);
		for (size_t i = 0; i < size; i++) {
			if (q[i] != 7)
				_exit(2);
		}
		memset(q, 8, size + 8);
		do_free(q);
	}
	for (size_t align = 16; align <= 8 * MIB; align *= 2) {
		for (size_t size = 1; size < 300000; size += 1 + size / 3) {
			void *p = aligned_alloc(align, size);

			if ((uintptr_t)p % align)
				_exit(3);
			memset(p, 9, size);
			do_free(p);
		}
	}
}

/* In the program that is started once more: the crime, by its distance from the first. */
__attribute__((constructor)) static void commit(void)
{
	const char *crime = getenv("CRIME");

	if (!crime)
		return;
	alarm(60);
	((void (*)(void))((char *)overrun + strtoul(crime, NULL, 16)))();
	_exit(0);
}

FIXTURE(hardened)
{
	char text[512];
};

FIXTURE_VARIANT(hardened)
{
	void (*commit)(void);
	const char *with;		/* SPANHEAP_HARDENED */
	int signal;
	const char *word;
};

#define CASE(name, what, how, end, says)			\
FIXTURE_VARIANT_ADD(hardened, name)				\
{								\
	.commit = what, .with = how, .signal = end, .word = says, \
}

CASE(overrun, overrun, "1", SIGABRT, "past the end");
CASE(overrun_canaries_alone, overrun, "canary", SIGABRT, "past the end");
CASE(overrun_by_zero, overrun_by_zero, "1", SIGABRT, "past the end");
CASE(overrun_seen_by_realloc, overrun_seen_by_realloc, "1", SIGABRT, "canary was written to");
CASE(overrun_of_an_aligned_object, overrun_of_aligned, "canary", SIGABRT, "past the end");
CASE(freed_twice, free_twice, "1", SIGABRT, "double free");
CASE(freed_twice_canaries_alone, free_twice, "canary", SIGABRT, "double free");
CASE(freed_twice_zeros_alone, free_twice, "zero", SIGABRT, "double free");
CASE(freed_twice_later, free_twice_later, "1", SIGABRT, "double free");
CASE(freed_in_the_middle, free_middle, "1", SIGABRT, "middle of an object");
CASE(written_to_when_free, write_to_free, "1", SIGABRT, "free object was written to");
CASE(behind_a_large_object, behind_large, "1", SIGSEGV, "");
CASE(behind_a_large_object_guards_alone, behind_large, "guard", SIGSEGV, "");
CASE(before_a_large_object, before_large, "guard", SIGSEGV, "");
CASE(behind_a_grown_object, behind_grown, "guard", SIGSEGV, "");
CASE(a_large_object_after_free, use_large_after_free, "1", SIGSEGV, "");
CASE(a_large_object_freed_twice, large_twice, "1", SIGABRT, "double free");
CASE(read_after_free, read_after_free, "zero", 0, "");
CASE(a_random_order, order_is_not_known, "random", 0, "");
CASE(a_random_order_among_others, order_is_not_known, "1", 0, "");
CASE(the_usual_order, order_is_known, "0", 0, "");
CASE(all_sizes, sizes, "1", 0, "");
CASE(all_sizes_canaries_alone, sizes, "canary", 0, "");

FIXTURE_SETUP(hardened)
{
	memset(self->text, 0, sizeof(self->text));
}

FIXTURE_TEARDOWN(hardened)
{
}

TEST_F(hardened, is_caught)
{
	char crime[20];
	int err[2], status;
	pid_t pid;

	snprintf(crime, sizeof(crime), "%zx", (size_t)((char *)variant->commit - (char *)overrun));
	ASSERT_EQ(0, pipe(err));
	pid = fork();
	if (!pid) {
		dup2(err[1], 2);
		setenv("SPANHEAP_HARDENED", variant->with, 1);
		setenv("CRIME", crime, 1);
		execl("/proc/self/exe", "hardened", (char *)NULL);
		_exit(127);
	}
	close(err[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_GE(read(err[0], self->text, sizeof(self->text) - 1), 0);
	if (variant->signal) {
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == variant->signal);
	} else {
		EXPECT_EQ(0, status);
	}
	EXPECT_NE(NULL, strstr(self->text, variant->word)) TH_LOG("it says: %s", self->text);
}

TEST_HARNESS_MAIN
