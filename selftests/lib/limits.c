// SPDX-License-Identifier: MIT
/*
 * Memory runs out: NULL and ENOMEM, nothing lost, and all is well again when there is
 * room. By the limits of a process, or (with OVERCOMMIT, in a guest) by a machine that
 * promises no more than it has. Linked with the library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "kselftest_harness.h"

#define MIB	((size_t)1 << 20)
#define MAX	200000

static void *(*volatile do_malloc)(size_t) = malloc;

FIXTURE(limits)
{
	unsigned char **ptrs;
};

#ifdef OVERCOMMIT
enum { MACHINE };

#define MODE	"/proc/sys/vm/overcommit_memory"

static void put(const char *path, unsigned long value)
{
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "%lu", value) < 0 || fclose(f))
		perror(path);
}

static size_t meminfo(const char *format)
{
	unsigned long kib = 0;
	char line[100];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, format, &kib) != 1)
		;
	if (f)
		fclose(f);
	return kib * 1024;
}

static void *filler;
static size_t filled;

/* All but @room of what the machine promises is promised to a mapping. */
static int set_limit(int what, size_t room)
{
	put("/proc/sys/vm/admin_reserve_kbytes", 0);
	put("/proc/sys/vm/user_reserve_kbytes", 0);
	put(MODE, 2);
	filled = meminfo("CommitLimit: %lu") - meminfo("Committed_AS: %lu") - room;
	filler = mmap(NULL, filled, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return filler == MAP_FAILED ? -1 : 0;
}

static int lift_limit(int what)
{
	put(MODE, 0);
	return munmap(filler, filled);
}
#else
static struct rlimit before;

static size_t mapped(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%zu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int set_limit(int what, size_t room)
{
	struct rlimit limit;

	if (getrlimit(what, &before))
		return -1;
	limit = before;
	limit.rlim_cur = mapped() + room;
	return setrlimit(what, &limit);
}

static int lift_limit(int what)
{
	return setrlimit(what, &before);
}
#endif

FIXTURE_VARIANT(limits)
{
	int what;
	size_t room;
	size_t size;
};

#define CASE(name, limit, bytes, each)				\
FIXTURE_VARIANT_ADD(limits, name)				\
{								\
	.what = limit, .room = bytes, .size = each,		\
}

#ifdef OVERCOMMIT
CASE(small_objects, MACHINE, 50 * MIB, 500);
CASE(medium_objects, MACHINE, 100 * MIB, 50000);
CASE(large_objects, MACHINE, 200 * MIB, 3 * MIB);
CASE(direct_objects, MACHINE, 200 * MIB, 40 * MIB);
#else
CASE(small_objects, RLIMIT_AS, 50 * MIB, 500);
CASE(small_objects_hardly_room, RLIMIT_AS, 3 * MIB, 500);
CASE(medium_objects, RLIMIT_AS, 100 * MIB, 50000);
CASE(large_objects, RLIMIT_AS, 300 * MIB, 3 * MIB);
CASE(direct_objects, RLIMIT_AS, 300 * MIB, 40 * MIB);
CASE(data_limit, RLIMIT_DATA, 60 * MIB, 5000);
#endif

FIXTURE_SETUP(limits)
{
	self->ptrs = calloc(MAX, sizeof(*self->ptrs));
}

FIXTURE_TEARDOWN(limits)
{
	free(self->ptrs);
}

static size_t fill(unsigned char **ptrs, size_t size)
{
	size_t nr;

	for (nr = 0; nr < MAX; nr++) {
		errno = 0;
		ptrs[nr] = do_malloc(size);
		if (!ptrs[nr])
			break;
		ptrs[nr][0] = (unsigned char)nr;
		ptrs[nr][size - 1] = (unsigned char)nr;
	}
	return nr;
}

TEST_F(limits, enomem_and_back)
{
	size_t nr, again, error;

	ASSERT_EQ(0, set_limit(variant->what, variant->room));
	nr = fill(self->ptrs, variant->size);
	error = (size_t)errno;
	again = (size_t)(realloc(self->ptrs[0], 500 * MIB) == NULL);
	ASSERT_EQ(0, lift_limit(variant->what));

	EXPECT_EQ(ENOMEM, error);
	EXPECT_EQ(1, again);
	ASSERT_LT(nr, MAX);
	/* at least half of the room was put to use */
	if (variant->room > 10 * MIB && variant->what != RLIMIT_DATA)
		EXPECT_GE(nr * variant->size, variant->room / 2);
	for (size_t i = 0; i < nr; i++) {
		ASSERT_EQ((unsigned char)i, self->ptrs[i][0]);
		ASSERT_EQ((unsigned char)i, self->ptrs[i][variant->size - 1]);
		free(self->ptrs[i]);
	}
	/* the limit is gone: more than before */
	for (size_t i = 0; i < nr + 10; i++)
		ASSERT_NE(NULL, self->ptrs[i] = do_malloc(variant->size));
	for (size_t i = 0; i < nr + 10; i++)
		free(self->ptrs[i]);
}

TEST_HARNESS_MAIN
