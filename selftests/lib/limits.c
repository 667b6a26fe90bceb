// SPDX-License-Identifier: MIT
/*
 * Address space runs out: NULL and ENOMEM, nothing lost, and all is well again
 * when there is room. Linked with the library.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "kselftest_harness.h"

#define MIB	((size_t)1 << 20)
#define MAX	200000

static void *(*volatile do_malloc)(size_t) = malloc;

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

FIXTURE(limits)
{
	unsigned char **ptrs;
};

FIXTURE_VARIANT(limits)
{
	int resource;
	size_t room;
	size_t size;
};

#define CASE(name, what, bytes, each)				\
FIXTURE_VARIANT_ADD(limits, name)				\
{								\
	.resource = what, .room = bytes, .size = each,		\
}

CASE(small_objects, RLIMIT_AS, 50 * MIB, 500);
CASE(small_objects_hardly_room, RLIMIT_AS, 3 * MIB, 500);
CASE(medium_objects, RLIMIT_AS, 100 * MIB, 50000);
CASE(large_objects, RLIMIT_AS, 300 * MIB, 3 * MIB);
CASE(direct_objects, RLIMIT_AS, 300 * MIB, 40 * MIB);
CASE(data_limit, RLIMIT_DATA, 60 * MIB, 5000);

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
	struct rlimit limit, old;
	size_t nr, again, error;

	ASSERT_EQ(0, getrlimit(variant->resource, &old));
	limit = old;
	limit.rlim_cur = mapped() + variant->room;
	ASSERT_EQ(0, setrlimit(variant->resource, &limit));
	nr = fill(self->ptrs, variant->size);
	error = (size_t)errno;
	again = (size_t)(realloc(self->ptrs[0], 500 * MIB) == NULL);
	ASSERT_EQ(0, setrlimit(variant->resource, &old));

	EXPECT_EQ(ENOMEM, error);
	EXPECT_EQ(1, again);
	ASSERT_LT(nr, MAX);
	/* at least half of the room was put to use */
	if (variant->room > 10 * MIB && variant->resource == RLIMIT_AS)
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
