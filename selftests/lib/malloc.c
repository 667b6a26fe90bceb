// SPDX-License-Identifier: MIT
/*
 * What a C program expects of the malloc family: alignment, usable size, errno,
 * overflow, contents. Linked with the library, shared and static; the C library
 * is the judge where behaviour is not written down.
 */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include <spanheap.h>

#define MIB		((size_t)1 << 20)

/* Out of reach for the compiler, which knows what malloc may do. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void *(*volatile do_reallocarray)(void *, size_t, size_t) = reallocarray;
static void (*volatile do_free)(void *) = free;

void free_sized(void *ptr, size_t size);
void free_aligned_sized(void *ptr, size_t align, size_t size);

static const size_t sizes[] = {
	0, 1, 8, 15, 16, 17, 100, 128, 129, 1000, 1024, 1025, 4096, 5000, 8192, 32768,
	65536, 100000, 262144, 262145, 300000, MIB, 5 * MIB + 1, 20 * MIB, 40 * MIB,
};

#define NR_SIZES	(sizeof(sizes) / sizeof(sizes[0]))

static bool filled(const unsigned char *p, size_t n, unsigned char with)
{
	return !n || (p[0] == with && !memcmp(p, p + 1, n - 1));
}

/* That this is about our malloc at all. */
TEST(is_ours)
{
	struct spanheap_memstats before, after;

	ASSERT_EQ(0, spanheap_stats(&before, sizeof(before)));
	do_free(do_malloc(40 * MIB));
	ASSERT_EQ(0, spanheap_stats(&after, sizeof(after)));
	EXPECT_EQ(before.mallocs + 1, after.mallocs);
	EXPECT_EQ(before.frees + 1, after.frees);
	EXPECT_EQ(-1, spanheap_stats(&after, sizeof(after) - 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST(malloc_all_sizes)
{
	for (size_t i = 0; i < NR_SIZES; i++) {
		unsigned char *p = do_malloc(sizes[i]), *q = do_malloc(sizes[i]);

		ASSERT_NE(NULL, p);
		ASSERT_NE(p, q);
		EXPECT_EQ(0, (uintptr_t)p % 16);
		EXPECT_GE(malloc_usable_size(p), sizes[i]);
		if (sizes[i] > 128)
			EXPECT_LE(malloc_usable_size(p), sizes[i] + sizes[i] / 7 + 1);
		memset(p, 0xaa, malloc_usable_size(p));
		memset(q, 0x55, malloc_usable_size(q));
		EXPECT_TRUE(filled(p, malloc_usable_size(p), 0xaa));
		do_free(p);
		EXPECT_TRUE(filled(q, sizes[i], 0x55));
		do_free(q);
	}
	EXPECT_EQ(0, malloc_usable_size(NULL));
}

TEST(free_keeps_errno)
{
	void *ptrs[400];

	for (size_t size = 16; size <= 40 * MIB; size *= 6) {
		size_t nr = size > MIB ? 4 : 400;

		for (size_t i = 0; i < nr; i++)
			ASSERT_NE(NULL, ptrs[i] = do_malloc(size));
		errno = 12345;
		for (size_t i = 0; i < nr; i++)
			do_free(ptrs[i]);
		do_free(NULL);
		EXPECT_EQ(12345, errno);
	}
}

TEST(too_large)
{
	static const size_t huge[] = {
		SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 8192, (size_t)PTRDIFF_MAX + 1,
		PTRDIFF_MAX, PTRDIFF_MAX - 4096, (size_t)1 << 47,
	};
	void *p = do_malloc(100), *out = (void *)1;

	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		errno = 0;
		EXPECT_EQ(NULL, do_malloc(huge[i]));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, do_calloc(1, huge[i]));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, do_realloc(p, huge[i]));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, memalign(64, huge[i]));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, valloc(huge[i]));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, pvalloc(huge[i]));
		EXPECT_EQ(ENOMEM, errno);
		errno = 7;
		EXPECT_EQ(ENOMEM, posix_memalign(&out, 64, huge[i]));
		EXPECT_EQ(7, errno);
		EXPECT_EQ((void *)1, out);
	}
	errno = 0;
	EXPECT_EQ(NULL, do_calloc(SIZE_MAX / 2 + 2, 2));
	EXPECT_EQ(ENOMEM, errno);
	errno = 0;
	EXPECT_EQ(NULL, do_reallocarray(p, (size_t)1 << 33, (size_t)1 << 33));
	EXPECT_EQ(ENOMEM, errno);
	do_free(p);
}

/* Whatever the memory was used for before. */
TEST(calloc_is_zero)
{
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < NR_SIZES; i++) {
			size_t nr = sizes[i] > MIB ? 1 : 50;
			unsigned char *ptrs[50];

			for (size_t k = 0; k < nr; k++) {
				ptrs[k] = do_calloc(sizes[i] / 4 + 1, 4);
				ASSERT_NE(NULL, ptrs[k]);
				ASSERT_TRUE(filled(ptrs[k], sizes[i], 0))
					TH_LOG("%zu bytes", sizes[i]);
			}
			for (size_t k = 0; k < nr; k++) {
				memset(ptrs[k], 0xff, malloc_usable_size(ptrs[k]));
				do_free(ptrs[k]);
			}
		}
		spanheap_release_all();
	}
}

TEST(realloc_keeps_contents)
{
	for (size_t i = 0; i < NR_SIZES; i++) {
		for (size_t k = 0; k < NR_SIZES; k++) {
			size_t from = sizes[i], to = sizes[k] ? sizes[k] : 1;
			size_t both = from < to ? from : to;
			unsigned char *p;

			/* large to large: to its neighbours is enough */
			if (both > MIB && i + 1 != k && k + 1 != i)
				continue;
			p = do_malloc(from);
			ASSERT_NE(NULL, p);
			memset(p, (int)i + 1, from);
			p = do_realloc(p, to);
			ASSERT_NE(NULL, p);
			ASSERT_GE(malloc_usable_size(p), to);
			ASSERT_TRUE(filled(p, both, (unsigned char)(i + 1)))
				TH_LOG("%zu to %zu", from, to);
			memset(p, 0, to);
			do_free(p);
		}
	}
	EXPECT_EQ(NULL, do_realloc(do_malloc(10), 0));
	do_free(do_realloc(NULL, 10));
}

/* Step by step up and down again, through all ways of growing in place. */
TEST(realloc_in_steps)
{
	unsigned char *p = NULL;
	size_t size;

	for (size = 1; size < 90 * MIB; size += size / 3 + 1) {
		p = do_realloc(p, size);
		ASSERT_NE(NULL, p);
		p[size - 1] = 7;
		memset(p, (unsigned char)size, size < 100 ? size : 100);
	}
	for (; size > 100; size -= size / 4) {
		unsigned char first = p[0];

		p = do_realloc(p, size);
		ASSERT_NE(NULL, p);
		ASSERT_EQ(first, p[99]);
	}
	do_free(p);
}

static size_t resident(void)
{
	size_t all = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%zu %zu", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A table that doubles, as hash tables do: the old ones do not stay behind. */
TEST(doubling_leaves_nothing)
{
	size_t before = resident(), size;
	unsigned char *p = do_malloc(MIB), *old;

	for (size = 2 * MIB; size <= 64 * MIB; size *= 2) {
		old = p;
		p = do_malloc(size);
		memset(p, 1, size);
		do_free(old);
	}
	EXPECT_LE(resident(), before + 64 * MIB + 3 * MIB);
	do_free(p);
	EXPECT_LE(resident(), before + 3 * MIB);
}

TEST(alignment)
{
	static const size_t some[] = { 0, 1, 50, 4096, 10000, 300000, 3 * MIB, 40 * MIB };

	for (size_t align = 1; align <= 256 * MIB; align *= 2) {
		for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
			unsigned char *p = aligned_alloc(align, some[i]), *q = NULL, *r;

			ASSERT_NE(NULL, p) TH_LOG("align %zu size %zu", align, some[i]);
			ASSERT_EQ(0, (uintptr_t)p % align);
			if (some[i])
				p[0] = p[some[i] - 1] = 1;
			if (align >= sizeof(void *)) {
				ASSERT_EQ(0, posix_memalign((void **)&q, align, some[i]));
				ASSERT_EQ(0, (uintptr_t)q % align);
			}
			r = memalign(align, some[i]);
			ASSERT_EQ(0, (uintptr_t)r % align);
			do_free(p);
			free_aligned_sized(q, align, some[i]);
			r = do_realloc(r, some[i] + 100);
			ASSERT_NE(NULL, r);
			do_free(r);
		}
	}
}

TEST(bad_alignment)
{
	void *p = NULL;

	EXPECT_EQ(EINVAL, posix_memalign(&p, 0, 8));
	EXPECT_EQ(EINVAL, posix_memalign(&p, 4, 8));
	EXPECT_EQ(EINVAL, posix_memalign(&p, 24, 8));
	EXPECT_EQ(NULL, p);
	errno = 0;
	EXPECT_EQ(NULL, aligned_alloc(24, 48));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(NULL, memalign(SIZE_MAX, 8));
	EXPECT_EQ(EINVAL, errno);
	/* memalign rounds up */
	p = memalign(24, 8);
	EXPECT_EQ(0, (uintptr_t)p % 32);
	do_free(p);
}

TEST(pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *p = valloc(1), *q = pvalloc(page + 1), *r = pvalloc(0);

	EXPECT_EQ(0, (uintptr_t)p % page);
	EXPECT_EQ(0, (uintptr_t)q % page);
	EXPECT_EQ(0, (uintptr_t)r % page);
	EXPECT_GE(malloc_usable_size(q), 2 * page);
	do_free(p);
	do_free(q);
	do_free(r);
}

TEST(sized_frees)
{
	free_sized(do_malloc(100), 100);
	free_sized(do_malloc(MIB), MIB);
	free_sized(NULL, 5);
	free_aligned_sized(NULL, 16, 5);
	free_aligned_sized(aligned_alloc(4096, 4096), 4096, 4096);
}

/* Figures move by what was done, and come back. */
TEST(figures)
{
	struct mallinfo2 before = mallinfo2(), during, after;
	struct spanheap_memstats stats;
	void *ptrs[64];
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	for (int i = 0; i < 64; i++)
		ptrs[i] = do_malloc(MIB);
	during = mallinfo2();
	EXPECT_GE(during.uordblks, before.uordblks + 64 * MIB);
	EXPECT_LE(during.uordblks, before.uordblks + 65 * MIB);
	ASSERT_EQ(0, spanheap_stats(&stats, sizeof(stats)));
	EXPECT_GE(stats.heap_inuse, stats.heap_alloc);
	EXPECT_GE(stats.heap_sys, stats.heap_inuse + stats.heap_idle);
	EXPECT_GE(stats.sys, stats.heap_sys);
	EXPECT_EQ(stats.mallocs - stats.frees, stats.heap_objects);
	for (int i = 0; i < 64; i++)
		do_free(ptrs[i]);
	after = mallinfo2();
	/* but for what has gone to thread caches meanwhile */
	EXPECT_LE(after.uordblks, before.uordblks + MIB);
	EXPECT_EQ(1, malloc_trim(0));

	f = open_memstream(&text, &len);
	ASSERT_EQ(0, malloc_info(0, f));
	EXPECT_EQ(EINVAL, malloc_info(1, f));
	fclose(f);
	EXPECT_EQ(0, strncmp(text, "<malloc", 7));
	EXPECT_NE(NULL, strstr(text, "</malloc>\n"));
	do_free(text);
	EXPECT_EQ(1, mallopt(M_MMAP_THRESHOLD, 1000));
}

TEST_HARNESS_MAIN
