// SPDX-License-Identifier: MIT
/*
 * Revocation and huge pages: whole or not at all, in parts only as a last resort;
 * and while the kernel collapses pages into huge ones.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "squeeze.h"
#include "witness.h"

#define HUGE_PAGES	(HUGE_PAGE / PAGE)
#define NR_HUGE		(LENGTH / HUGE_PAGE)

/* A heap of huge pages: every other one idle, of the others a half. */
static int make_huge(struct device_heap *heap)
{
	struct spanheap_ledger ledger;
	int ret;

	madvise(heap->memory, LENGTH, MADV_HUGEPAGE);
	fill(heap->memory, 0, PAGES);
	device_say(heap, 0, LENGTH, SPANHEAP_IN_USE);
	for (size_t i = 0; i < NR_HUGE; i++)
		device_say(heap, i * HUGE_PAGE, i % 2 ? HUGE_PAGE / 2 : HUGE_PAGE,
			   SPANHEAP_IDLE | epoch_ago(9));
	ret = device_ledger(heap->fd, &ledger, SPANHEAP_SCOPE_HEAP, 0);
	return ret ? ret : ledger.huge < LENGTH * 3 / 4 ? -ENOMEM : 0;
}

/* How many huge pages are all REVOKED, and how many in part. */
static void count_huge(const struct device_heap *heap, size_t *whole, size_t *part)
{
	*whole = *part = 0;
	for (size_t i = 0; i < NR_HUGE; i++) {
		size_t revoked = count_said(heap, i * HUGE_PAGES, HUGE_PAGES, SPANHEAP_REVOKED);

		*whole += revoked == HUGE_PAGES;
		*part += revoked && revoked < HUGE_PAGES;
	}
}

/* Also while pages are being taken: what changes meanwhile is looked at another time. */
static bool is_right(const struct device_heap *heap, size_t i)
{
	unsigned int before = said(heap, i);
	bool right = before == SPANHEAP_REVOKED ? is_zero(heap->memory, i) : is_filled(heap->memory, i);

	return right || said(heap, i) != before || before == SPANHEAP_REVOKING;
}

/* The first page that is not what it should be; PAGES: none. */
static size_t first_bad(const struct device_heap *heap)
{
	size_t i = 0;

	while (i < PAGES && is_right(heap, i))
		i++;
	return i;
}

TEST_F(revoke, takes_huge_pages_whole_or_not)
{
	size_t whole, part;

	ASSERT_EQ(0, make_huge(&self->heap));
	cgroup_write(GROUP, "memory.reclaim", "8M");
	count_huge(&self->heap, &whole, &part);
	EXPECT_LE(3, whole);
	EXPECT_EQ(0, part);
	EXPECT_EQ(PAGES, first_bad(&self->heap));
}

/* The entry of each huge page is split into single ones. */
static int map_singly(struct device_heap *heap)
{
	struct spanheap_ledger ledger;
	uint64_t entry;

	for (size_t i = 0; i < NR_HUGE; i++) {
		char *page = heap->memory + i * HUGE_PAGE + PAGE;

		if (mprotect(page, PAGE, PROT_READ) || mprotect(page, PAGE, PROT_READ | PROT_WRITE))
			return -errno;
	}
	if (device_ledger(heap->fd, &ledger, SPANHEAP_SCOPE_HEAP, 0) || ledger.huge)
		return -EINVAL;
	/* and still they are huge pages */
	if (pagemap_entries(getpid(), address(heap->memory) + PAGE, 1, &entry) ||
	    !(kpageflags(PM_PFN(entry)) & KPF_THP))
		return -ENOENT;
	return 0;
}

TEST_F(revoke, takes_singly_mapped_huge_pages_whole_or_not)
{
	int64_t before, after;
	size_t whole, part;

	ASSERT_EQ(0, make_huge(&self->heap));
	ASSERT_EQ(0, map_singly(&self->heap));
	before = cgroup_read(GROUP, "memory.current", NULL);
	cgroup_write(GROUP, "memory.reclaim", "8M");
	after = cgroup_read(GROUP, "memory.current", NULL);
	count_huge(&self->heap, &whole, &part);
	EXPECT_LE(3, whole);
	EXPECT_EQ(0, part);
	EXPECT_LE((int64_t)(whole * HUGE_PAGE), before - after + (int64_t)MIB);
	EXPECT_EQ(PAGES, first_bad(&self->heap));
}

/* When nothing else is left, and then only what is idle. */
static void cut_all(struct __test_metadata *_metadata, struct device_heap *heap)
{
	size_t whole, part, tries = 0;
	int64_t before;

	do {
		cgroup_write(GROUP, "memory.reclaim", "64M");
		count_huge(heap, &whole, &part);
	} while (!part && ++tries < 40);
	EXPECT_LE(NR_HUGE / 2 - 1, whole);
	EXPECT_LT(0, part);
	before = cgroup_read(GROUP, "memory.current", NULL);
	for (tries = 0; tries < 20; tries++)
		cgroup_write(GROUP, "memory.reclaim", "64M");
	count_huge(heap, &whole, &part);
	TH_LOG("%zu huge pages went whole, %zu in part, %lld KiB then", whole, part,
	       (long long)(before - cgroup_read(GROUP, "memory.current", NULL)) / 1024);
	EXPECT_LE(NR_HUGE / 3, part);
	EXPECT_EQ(PAGES, first_bad(heap));
	/* the kernel has split them and freed the rest; the test itself has some pages too */
	EXPECT_GE((int64_t)(LENGTH / 2 + MIB), cgroup_read(GROUP, "memory.stat", "anon"));
}

TEST_F(revoke, cuts_huge_pages_as_a_last_resort)
{
	ASSERT_EQ(0, make_huge(&self->heap));
	cut_all(_metadata, &self->heap);
}

TEST_F(revoke, cuts_singly_mapped_huge_pages_as_a_last_resort)
{
	ASSERT_EQ(0, make_huge(&self->heap));
	ASSERT_EQ(0, map_singly(&self->heap));
	cut_all(_metadata, &self->heap);
}

/* Reclaims until it is told to stop. */
static void *reclaim_on(void *arg)
{
	atomic_bool *stop = arg;

	while (!*stop)
		cgroup_write(GROUP, "memory.reclaim", "2M");
	return NULL;
}

/* Small pages, some in each would-be huge page idle. */
static void make_small(struct device_heap *heap)
{
	madvise(heap->memory, LENGTH, MADV_NOHUGEPAGE);
	madvise(heap->memory, LENGTH, MADV_DONTNEED);
	device_say(heap, 0, LENGTH, SPANHEAP_IN_USE);
	fill(heap->memory, 0, PAGES);
	madvise(heap->memory, LENGTH, MADV_HUGEPAGE);
	for (size_t i = 0; i < PAGES; i += 32)
		device_say(heap, i * PAGE, 16 * PAGE, SPANHEAP_IDLE | epoch_ago(9));
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

TEST_F(revoke, goes_on_while_pages_are_collapsed)
{
	size_t collapsed = 0, revoked = 0;
	atomic_bool stop = false;
	pthread_t reclaimer;

	make_small(&self->heap);
	pthread_create(&reclaimer, NULL, reclaim_on, &stop);
	for (int round = 0; round < 6; round++) {
		make_small(&self->heap);
		for (size_t i = 0; i < NR_HUGE; i++) {
			collapsed += !madvise(self->heap.memory + i * HUGE_PAGE, HUGE_PAGE, MADV_COLLAPSE);
			ASSERT_EQ(PAGES, first_bad(&self->heap));
		}
		revoked += count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED);
	}
	stop = true;
	pthread_join(reclaimer, NULL);
	TH_LOG("%zu huge pages collapsed, %zu pages revoked", collapsed, revoked);
	EXPECT_LT(0, collapsed);
	EXPECT_LT(0, revoked);
	EXPECT_EQ(PAGES, first_bad(&self->heap));
}

#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

static long khugepaged(const char *file, const char *value)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), KHUGEPAGED "%s", file);
	fd = open(path, value ? O_WRONLY : O_RDONLY);
	if (fd < 0)
		return -1;
	if (value ? write(fd, value, strlen(value)) < 0 : read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '-';
	close(fd);
	return value ? 0 : strtol(text, NULL, 10);
}

TEST_F(revoke, goes_on_while_khugepaged_runs)
{
	long before = khugepaged("pages_collapsed", NULL);
	size_t revoked = 0, tries = 0;
	atomic_bool stop = false;
	pthread_t reclaimer;

	ASSERT_LE(0, before);
	khugepaged("scan_sleep_millisecs", "0");
	khugepaged("alloc_sleep_millisecs", "0");
	khugepaged("pages_to_scan", "65536");
	pthread_create(&reclaimer, NULL, reclaim_on, &stop);
	do {
		make_small(&self->heap);
		for (int i = 0; i < 5; i++)
			ASSERT_EQ(PAGES, first_bad(&self->heap));
		revoked += count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED);
	} while ((khugepaged("pages_collapsed", NULL) == before || !revoked) && ++tries < 60);
	stop = true;
	pthread_join(reclaimer, NULL);
	khugepaged("scan_sleep_millisecs", "10000");
	khugepaged("alloc_sleep_millisecs", "60000");
	khugepaged("pages_to_scan", "4096");
	TH_LOG("%ld huge pages collapsed, %zu pages revoked", khugepaged("pages_collapsed", NULL) - before,
	       revoked);
	EXPECT_LT(before, khugepaged("pages_collapsed", NULL));
	EXPECT_LT(0, revoked);
	EXPECT_EQ(PAGES, first_bad(&self->heap));
}

TEST_HARNESS_MAIN
