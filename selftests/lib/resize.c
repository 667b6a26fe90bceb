// SPDX-License-Identifier: MIT
/*
 * What realloc and calloc need not do: copy, clear, touch. Seen by addresses, by
 * contents and by the kernel's count of page faults, which a copy or a clearing of
 * pages that are not there yet can't do without. Linked with the library.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include <spanheap.h>

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)
#define FEW	100		/* faults of anything else: a thread that starts, say */

static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void (*volatile do_free)(void *) = free;

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void fill(unsigned char *p, size_t from, size_t to)
{
	for (size_t i = from; i + 8 <= to; i += 8)
		memcpy(p + i, &(uint64_t){ i * 0x9e3779b97f4a7c15u }, 8);
}

static bool filled(const unsigned char *p, size_t to)
{
	for (size_t i = 0; i + 8 <= to; i += 8) {
		if (memcmp(p + i, &(uint64_t){ i * 0x9e3779b97f4a7c15u }, 8))
			return false;
	}
	return true;
}

/* Pages of the range that are in memory. */
static size_t present(const void *p, size_t length)
{
	unsigned char pages[64 * MIB / 4096];
	size_t nr = 0;

	if (length / 4096 > sizeof(pages) || mincore((void *)p, length, pages))
		return SIZE_MAX;
	for (size_t i = 0; i < length / 4096; i++)
		nr += pages[i] & 1;
	return nr;
}

FIXTURE(resize)
{
	int huge;
};

/* No huge pages, so that faults can be counted. */
FIXTURE_SETUP(resize)
{
	self->huge = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	ASSERT_EQ(0, self->huge);
	spanheap_set_release(SPANHEAP_RELEASE_KEEP);
}

FIXTURE_TEARDOWN(resize)
{
}

/* Objects of the page heap lie one behind the other, by address. */
TEST_F(resize, into_the_free_neighbour)
{
	unsigned char *ptrs[8], *p;
	long before;
	int i;

	for (i = 0; i < 8; i++)
		memset(ptrs[i] = do_malloc(512 * KIB), 1, 512 * KIB);
	for (i = 0; i + 2 < 8 && (ptrs[i + 1] != ptrs[i] + 512 * KIB ||
				  ptrs[i + 2] != ptrs[i] + 1024 * KIB); i++)
		;
	ASSERT_LT(i + 2, 8);
	fill(ptrs[i], 0, 512 * KIB);
	do_free(ptrs[i + 1]);
	spanheap_release_all();
	before = faults();
	p = do_realloc(ptrs[i], 1024 * KIB);
	EXPECT_EQ(ptrs[i], p);
	EXPECT_LT(faults() - before, FEW);
	EXPECT_TRUE(filled(p, 512 * KIB));
	EXPECT_GE(malloc_usable_size(p), 1024 * KIB);
	fill(p, 0, 1024 * KIB);
	/* the next one is in the way: it is untouched, and the object moves */
	p = do_realloc(p, 1536 * KIB);
	EXPECT_NE(ptrs[i], p);
	EXPECT_TRUE(filled(p, 1024 * KIB));
	EXPECT_EQ(1, ptrs[i + 2][0]);
	EXPECT_EQ(0, memcmp(ptrs[i + 2], ptrs[i + 2] + 1, 512 * KIB - 1));
	do_free(p);
}

TEST_F(resize, smaller_stays_and_gives_the_rest)
{
	unsigned char *p = do_malloc(1000 * KIB), *q;

	fill(p, 0, 1000 * KIB);
	q = do_realloc(p, 300 * KIB);
	EXPECT_EQ(p, q);
	EXPECT_TRUE(filled(q, 300 * KIB));
	EXPECT_LE(malloc_usable_size(q), 340 * KIB);
	/* the rest is there for others */
	q = do_malloc(600 * KIB);
	EXPECT_TRUE(q >= p + 300 * KIB && q < p + 1000 * KIB);
}

/* Mappings of their own: moved by the kernel, page by page, with nothing copied. */
TEST_F(resize, a_mapping_of_its_own_is_not_copied)
{
	unsigned char *p = do_malloc(48 * MIB), *old = p, *wall;
	long before;

	fill(p, 0, 48 * MIB);
	/* it can't stay where it is */
	wall = mmap(p + malloc_usable_size(p), 4096, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	before = faults();
	p = do_realloc(p, 96 * MIB);
	ASSERT_NE(NULL, p);
	EXPECT_LT(faults() - before, FEW);
	EXPECT_EQ(48 * MIB / 4096, present(p, 48 * MIB));
	EXPECT_EQ(0, present(p + 48 * MIB, 48 * MIB));
	EXPECT_NE(old, p);
	EXPECT_TRUE(filled(p, 48 * MIB));

	old = p;
	before = faults();
	p = do_realloc(p, 16 * MIB);
	EXPECT_EQ(old, p);
	EXPECT_LT(faults() - before, FEW);
	EXPECT_TRUE(filled(p, 16 * MIB));
	/* what is behind it is gone */
	EXPECT_EQ(SIZE_MAX, present(p + 16 * MIB, 4096));
	do_free(p);
	if (wall != MAP_FAILED)
		munmap(wall, 4096);
}

TEST_F(resize, calloc_does_not_touch_new_pages)
{
	unsigned char *p;
	long before = faults();

	p = do_calloc(40, MIB);
	ASSERT_NE(NULL, p);
	EXPECT_LT(faults() - before, FEW);
	EXPECT_EQ(0, present(p, 40 * MIB));
	do_free(p);

	/* from the page heap too */
	before = faults();
	for (int i = 0; i < 40; i++)
		ASSERT_NE(NULL, do_calloc(1, MIB));
	EXPECT_LT(faults() - before, 2 * FEW);
}

/* Nor those that were given back. */
TEST_F(resize, calloc_does_not_touch_released_pages)
{
	unsigned char *ptrs[40];
	long before;

	spanheap_set_release(SPANHEAP_RELEASE_DONTNEED);
	for (int i = 0; i < 40; i++)
		memset(ptrs[i] = do_malloc(900 * KIB), 1, 900 * KIB);
	for (int i = 0; i < 40; i++)
		do_free(ptrs[i]);
	spanheap_release_all();
	before = faults();
	for (int i = 0; i < 40; i++)
		ASSERT_NE(NULL, ptrs[i] = do_calloc(1, 900 * KIB));
	EXPECT_LT(faults() - before, 4 * FEW);
	for (int i = 0; i < 40; i++) {
		EXPECT_EQ(0, ptrs[i][0]);
		EXPECT_EQ(0, memcmp(ptrs[i], ptrs[i] + 1, 900 * KIB - 1));
	}
}

/* Address space is all that a huge alignment costs. */
TEST_F(resize, huge_alignment)
{
	for (size_t align = 512 * MIB; align <= (size_t)1 << 42; align *= 8) {
		unsigned char *p = aligned_alloc(align, 5 * MIB);

		ASSERT_NE(NULL, p) TH_LOG("align %zx", align);
		EXPECT_EQ(0, (uintptr_t)p & (align - 1));
		p[0] = p[5 * MIB - 1] = 1;
		do_free(p);
	}
	EXPECT_EQ(NULL, aligned_alloc((size_t)1 << 62, 100));
}

TEST_HARNESS_MAIN
