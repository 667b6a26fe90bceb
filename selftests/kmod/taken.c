// SPDX-License-Identifier: MIT
/*
 * The live count of lazily freed pages that the kernel took: held against the ledger's
 * walk and pagemap, in a cgroup of the test's own. Needs root.
 */
#include <stdlib.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "device.h"
#include "witness.h"

#define LENGTH	(32 * MIB)
#define PAGES	(LENGTH / PAGE)
#define GROUP	"spanheap-taken"

FIXTURE(taken) {
	struct device_heap heap;
	struct spanheap_hint hint;
	uint64_t pagemap[PAGES];
};

FIXTURE_SETUP(taken)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, cgroup_enter(GROUP));
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
	/* no two pages alike, so that swap has something to keep */
	for (size_t i = 0; i < LENGTH / 8; i++)
		((uint64_t *)self->heap.memory)[i] = i * 0x9e3779b97f4a7c15ull;
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	self->hint = (struct spanheap_hint) {
		.size = sizeof(self->hint), .flags = SPANHEAP_HINT_COUNT_TAKEN,
	};
	drain_batches();
}

FIXTURE_TEARDOWN(taken)
{
	cgroup_leave(GROUP);
}

static uint64_t counted(const struct device_heap *heap)
{
	struct spanheap_hint hint = { .size = sizeof(hint) };

	device_do(heap->fd, SPANHEAP_IOC_HINT, &hint);
	return hint.taken;
}

/* The library's order: the map first, then the kernel is told. */
static void free_lazily(struct device_heap *heap, size_t offset, size_t length)
{
	device_say(heap, offset, length, SPANHEAP_LAZY);
	madvise(heap->memory + offset, length, MADV_FREE);
}

static uint64_t lazy_and_gone(const struct device_heap *heap)
{
	struct spanheap_ledger ledger;

	device_ledger(heap->fd, &ledger, SPANHEAP_SCOPE_HEAP, 0);
	return ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_NONE];
}

static void squeeze(void)
{
	for (int i = 0; i < 4; i++)
		cgroup_write(GROUP, "memory.reclaim", "8M");
}

TEST_F(taken, equals_the_walk)
{
	size_t gone = 0;

	EXPECT_NE(0, self->heap.header->features & SPANHEAP_FEATURE_TAKEN);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	free_lazily(&self->heap, 4 * MIB, 12 * MIB);
	EXPECT_EQ(0, counted(&self->heap));
	squeeze();
	ASSERT_LT(0, counted(&self->heap));
	EXPECT_EQ(lazy_and_gone(&self->heap), counted(&self->heap));
	EXPECT_EQ(counted(&self->heap), self->heap.header->taken);
	ASSERT_EQ(0, pagemap_entries(getpid(), address(self->heap.memory), PAGES, self->pagemap));
	for (size_t i = 4 * MIB / PAGE; i < 16 * MIB / PAGE; i++)
		gone += !(self->pagemap[i] & (PM_PRESENT | PM_SWAPPED));
	EXPECT_EQ(gone * PAGE, counted(&self->heap));
}

TEST_F(taken, equals_the_walk_with_huge_pages)
{
	madvise(self->heap.memory, LENGTH, MADV_DONTNEED);
	madvise(self->heap.memory, LENGTH, MADV_HUGEPAGE);
	memset(self->heap.memory, 1, LENGTH);
	drain_batches();
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	free_lazily(&self->heap, 4 * MIB, 12 * MIB);
	squeeze();
	ASSERT_LT(0, counted(&self->heap));
	EXPECT_EQ(lazy_and_gone(&self->heap), counted(&self->heap));
}

/* What goes to swap, and what the owner itself throws away, is not taken. */
TEST_F(taken, counts_nothing_else)
{
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	squeeze();
	ASSERT_EQ(0, pagemap_entries(getpid(), address(self->heap.memory), PAGES, self->pagemap));
	for (size_t i = 0; i < PAGES; i++)
		if (self->pagemap[i] & PM_SWAPPED)
			goto swapped;
	ASSERT_TRUE(!"nothing went to swap");
swapped:
	EXPECT_EQ(0, counted(&self->heap));
	/* even if it is called LAZY: on swap it is not gone */
	memset(self->heap.memory, 1, LENGTH);
	device_say(&self->heap, 0, 8 * MIB, SPANHEAP_LAZY);
	squeeze();
	EXPECT_EQ(0, counted(&self->heap));
	memset(self->heap.memory, 1, LENGTH);
	free_lazily(&self->heap, 8 * MIB, 8 * MIB);
	for (size_t at = 8 * MIB; at < 16 * MIB; at += PAGE)
		madvise(self->heap.memory + at, PAGE, MADV_DONTNEED);
	munmap(self->heap.memory + 8 * MIB, 4 * MIB);
	EXPECT_EQ(0, counted(&self->heap));
}

TEST_F(taken, counts_only_while_it_is_wanted)
{
	uint64_t before;

	free_lazily(&self->heap, 0, 8 * MIB);
	squeeze();
	EXPECT_LT(0, lazy_and_gone(&self->heap));
	EXPECT_EQ(0, counted(&self->heap));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	memset(self->heap.memory, 1, LENGTH);
	free_lazily(&self->heap, 0, 8 * MIB);
	drain_batches();
	squeeze();
	before = counted(&self->heap);
	EXPECT_LT(0, before);
	self->hint.flags = SPANHEAP_HINT_LEAVE_TAKEN;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
	memset(self->heap.memory, 1, LENGTH);
	free_lazily(&self->heap, 0, 8 * MIB);
	squeeze();
	EXPECT_EQ(before, counted(&self->heap));
}

static int want(void *arg)
{
	return -device_do(((struct device_heap *)arg)->fd, SPANHEAP_IOC_HINT,
			  &(struct spanheap_hint) {
				  .size = sizeof(struct spanheap_hint),
				  .flags = SPANHEAP_HINT_COUNT_TAKEN,
			  });
}

TEST_F(taken, by_whom)
{
	EXPECT_EQ(EPERM, in_child(want, &self->heap));
	self->hint.flags = SPANHEAP_HINT_COUNT_TAKEN | SPANHEAP_HINT_LEAVE_TAKEN;
	EXPECT_EQ(-EINVAL, device_do(self->heap.fd, SPANHEAP_IOC_HINT, &self->hint));
}

/* Exits of counted processes, and closes, while reclaim is at it. */
static int live_and_die(void *arg)
{
	struct device_heap heap;

	if (device_heap(&heap, 4 * MIB) || want(&heap))
		return 1;
	memset(heap.memory, 1, 4 * MIB);
	free_lazily(&heap, 0, 4 * MIB);
	cgroup_write(GROUP, "memory.reclaim", "4M");
	if (*(int *)arg % 2)
		return 0;
	close(heap.fd);
	munmap((void *)heap.map, heap.region.map_length);
	munmap((void *)heap.header, heap.reg.header_length);
	munmap(heap.memory, 4 * MIB);
	return 0;
}

TEST_F(taken, ends)
{
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(0, in_child(live_and_die, &i));
}

TEST_HARNESS_MAIN
