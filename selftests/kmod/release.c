// SPDX-License-Identifier: MIT
/*
 * Batched release: what becomes of pages and of the map, every error, and that what
 * was done before an error is told. Witnesses are pagemap and the contents. Built for
 * 64 and for 32 bits.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "layouts.h"
#include "refused.h"

#define PAGES	(REGION_LENGTH / PAGE)
#define GROUP	"spanheap-release"

FIXTURE(release) {
	struct device_heap heap;
	struct spanheap_release_ranges args;
	struct spanheap_range ranges[SPANHEAP_MAX_RANGES + 1];
};

static void fill(struct device_heap *heap)
{
	memset(heap->memory, 0x5a, heap->length);
	device_say(heap, 0, heap->length, SPANHEAP_IN_USE);
}

FIXTURE_SETUP(release)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	if (!(self->heap.header->features & SPANHEAP_FEATURE_RELEASE))
		SKIP(return, "the module cannot release");
	madvise(self->heap.memory, REGION_LENGTH, MADV_NOHUGEPAGE);
	fill(&self->heap);
	self->args = (struct spanheap_release_ranges) {
		.size = sizeof(self->args), .ranges = address(self->ranges), .nr_ranges = 1,
	};
	self->ranges[0] = (struct spanheap_range) { address(self->heap.memory), 4 * PAGE };
}

FIXTURE_TEARDOWN(release)
{
}

/* The range of pages [@first, @first + @nr). */
static struct spanheap_range pages(const struct device_heap *heap, size_t first, size_t nr)
{
	return (struct spanheap_range) { address(heap->memory) + first * PAGE, nr * PAGE };
}

static int do_release(int fd, struct spanheap_release_ranges *args)
{
	return device_do(fd, SPANHEAP_IOC_RELEASE, args);
}

/* Whether all of @nr pages are present, or none; looked at before they are touched. */
static bool all_present(const struct device_heap *heap, size_t first, size_t nr, bool wanted)
{
	static uint64_t entries[40 * MIB / PAGE];

	if (pagemap_entries(getpid(), (uintptr_t)heap->memory + first * PAGE, nr, entries))
		return false;
	for (size_t i = 0; i < nr; i++)
		if (!(entries[i] & PM_PRESENT) == wanted)
			return false;
	return true;
}

static bool all_say(const struct device_heap *heap, size_t first, size_t nr, unsigned int byte)
{
	for (size_t i = first; i < first + nr; i++)
		if (heap->map[i] != byte)
			return false;
	return true;
}

static bool all_hold(const char *at, size_t length, char value)
{
	return *at == value && !memcmp(at, at + 1, length - 1);
}

/* Whether pages hold what fill() has put there, and are said to be @intent. */
static bool untouched(const struct device_heap *heap, size_t first, size_t nr,
		      unsigned int intent)
{
	return all_present(heap, first, nr, true) && all_say(heap, first, nr, intent) &&
	       all_hold(heap->memory + first * PAGE, nr * PAGE, 0x5a);
}

static bool released(const struct device_heap *heap, size_t first, size_t nr)
{
	return all_present(heap, first, nr, false) &&
	       all_say(heap, first, nr, SPANHEAP_RELEASED) &&
	       all_hold(heap->memory + first * PAGE, nr * PAGE, 0);
}

TEST_F(release, pages_in_use_and_idle)
{
	struct device_heap *heap = &self->heap;

	device_say(heap, 8 * PAGE, 8 * PAGE, SPANHEAP_IDLE | 5 << SPANHEAP_EPOCH_SHIFT);
	self->ranges[0] = pages(heap, 4, 8);
	ASSERT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_EQ(1, self->args.nr_done);
	EXPECT_EQ(8 * PAGE, self->args.bytes);
	EXPECT_TRUE(untouched(heap, 0, 4, SPANHEAP_IN_USE));
	EXPECT_TRUE(released(heap, 4, 8));
	EXPECT_TRUE(untouched(heap, 12, 4, SPANHEAP_IDLE | 5 << SPANHEAP_EPOCH_SHIFT));
	EXPECT_TRUE(untouched(heap, 16, PAGES - 16, SPANHEAP_IN_USE));
}

TEST_F(release, pages_of_other_intents_stay)
{
	static const unsigned int others[] = {
		SPANHEAP_UNUSED, SPANHEAP_LAZY, SPANHEAP_RELEASED, SPANHEAP_REVOKING,
		SPANHEAP_REVOKED, SPANHEAP_OUTSIDE,
	};
	struct device_heap *heap = &self->heap;

	for (size_t i = 0; i < 6; i++)
		heap->map[2 * i] = others[i];
	self->ranges[0] = pages(heap, 0, 12);
	ASSERT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_EQ(6 * PAGE, self->args.bytes);
	for (size_t i = 0; i < 6; i++) {
		EXPECT_TRUE(untouched(heap, 2 * i, 1, others[i]));
		EXPECT_TRUE(released(heap, 2 * i + 1, 1));
	}
}

TEST_F(release, memory_is_as_good_as_new)
{
	struct device_heap *heap = &self->heap;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, do_release(heap->fd, &self->args));
		EXPECT_EQ(4 * PAGE, self->args.bytes);
		EXPECT_TRUE(released(heap, 0, 4));
		fill(heap);
		EXPECT_TRUE(untouched(heap, 0, 4, SPANHEAP_IN_USE));
	}
}

TEST_F(release, again_gives_nothing)
{
	ASSERT_EQ(0, do_release(self->heap.fd, &self->args));
	ASSERT_EQ(0, do_release(self->heap.fd, &self->args));
	EXPECT_EQ(1, self->args.nr_done);
	EXPECT_EQ(0, self->args.bytes);
}

TEST_F(release, untouched_pages_change_their_intent)
{
	struct device_heap *heap = &self->heap;

	madvise(heap->memory, 4 * PAGE, MADV_DONTNEED);
	ASSERT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_EQ(4 * PAGE, self->args.bytes);
	EXPECT_TRUE(released(heap, 0, 4));
}

TEST_F(release, as_many_ranges_as_there_may_be)
{
	struct device_heap *heap = &self->heap;
	size_t nr = PAGES / 2;

	/* every other page; the rest of the ranges are these once more */
	for (size_t i = 0; i < SPANHEAP_MAX_RANGES; i++)
		self->ranges[i] = pages(heap, i % nr * 2, 1);
	self->args.nr_ranges = SPANHEAP_MAX_RANGES;
	ASSERT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_EQ(SPANHEAP_MAX_RANGES, self->args.nr_done);
	EXPECT_EQ(nr * PAGE, self->args.bytes);
	for (size_t i = 0; i < PAGES; i += 34) {
		EXPECT_TRUE(released(heap, i, 1));
		EXPECT_TRUE(untouched(heap, i + 1, 1, SPANHEAP_IN_USE));
	}
}

TEST_F(release, no_range_at_all)
{
	self->args.nr_ranges = 0;
	self->args.ranges = 0;
	self->args.nr_done = 7;
	self->args.bytes = 7;
	EXPECT_EQ(0, do_release(self->heap.fd, &self->args));
	EXPECT_EQ(0, self->args.nr_done);
	EXPECT_EQ(0, self->args.bytes);
}

/* A region and a half of its map: 16 MiB are a page of it. */
TEST_F(release, over_pages_of_the_map_and_mappings)
{
	struct device_heap large = { .fd = self->heap.fd };
	size_t length = 40 * MIB;

	ASSERT_EQ(0, device_add(&large, length));
	madvise(large.memory, length, MADV_NOHUGEPAGE);
	fill(&large);
	mprotect(large.memory + 20 * MIB, MIB, PROT_READ);
	mprotect(large.memory + 21 * MIB, MIB, PROT_NONE);
	self->ranges[0] = pages(&large, 1, length / PAGE - 2);
	ASSERT_EQ(0, do_release(large.fd, &self->args));
	EXPECT_EQ(length - 2 * PAGE, self->args.bytes);
	mprotect(large.memory + 20 * MIB, 2 * MIB, PROT_READ | PROT_WRITE);
	EXPECT_TRUE(untouched(&large, 0, 1, SPANHEAP_IN_USE));
	EXPECT_TRUE(untouched(&large, length / PAGE - 1, 1, SPANHEAP_IN_USE));
	EXPECT_TRUE(released(&large, 1, length / PAGE - 2));
}

TEST_F(release, a_part_of_the_map_that_nobody_has_touched)
{
	struct device_heap large = { .fd = self->heap.fd };

	ASSERT_EQ(0, device_add(&large, 48 * MIB));
	device_say(&large, 0, PAGE, SPANHEAP_IN_USE);
	device_say(&large, 40 * MIB, PAGE, SPANHEAP_IDLE);
	self->ranges[0] = pages(&large, 0, 48 * MIB / PAGE);
	ASSERT_EQ(0, do_release(large.fd, &self->args));
	EXPECT_EQ(2 * PAGE, self->args.bytes);
	EXPECT_EQ(SPANHEAP_UNUSED, large.map[1]);
	EXPECT_EQ(SPANHEAP_RELEASED, large.map[40 * MIB / PAGE]);
}

TEST_F(release, huge_pages_in_part_and_whole)
{
	struct device_heap *heap = &self->heap;

	madvise(heap->memory, REGION_LENGTH, MADV_DONTNEED);
	madvise(heap->memory, REGION_LENGTH, MADV_HUGEPAGE);
	fill(heap);
	self->ranges[0] = pages(heap, 3, 5);
	self->ranges[1] = pages(heap, PAGES / 2, PAGES / 2);
	self->args.nr_ranges = 2;
	ASSERT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_EQ((5 + PAGES / 2) * PAGE, self->args.bytes);
	EXPECT_TRUE(untouched(heap, 0, 3, SPANHEAP_IN_USE));
	EXPECT_TRUE(untouched(heap, 8, PAGES / 2 - 8, SPANHEAP_IN_USE));
	EXPECT_TRUE(all_present(heap, PAGES / 2, PAGES / 2, false));
	EXPECT_TRUE(all_hold(heap->memory + 3 * PAGE, 5 * PAGE, 0));
	EXPECT_TRUE(all_hold(heap->memory + REGION_LENGTH / 2, REGION_LENGTH / 2, 0));
}

TEST_F(release, a_child_keeps_its_copy)
{
	struct device_heap *heap = &self->heap;
	int go[2], status;
	pid_t child;
	char c;

	ASSERT_EQ(0, pipe(go));
	child = fork();
	if (!child) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		for (size_t i = 0; i < 4 * PAGE; i++)
			if (heap->memory[i] != 0x5a)
				_exit(1);
		_exit(0);
	}
	ASSERT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_TRUE(released(heap, 0, 4));
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* Errors. Each is a good call with one thing wrong. */

#define REFUSED_RANGE(error, field, bad) \
	REFUSED(error, SPANHEAP_IOC_RELEASE, &self->args, \
		__typeof__(self->ranges[0].field) good = self->ranges[0].field; \
		self->ranges[0].field = (bad), self->ranges[0].field = good)

TEST_F(release, flags)
{
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_RELEASE, &self->args, flags, 1);
}

TEST_F(release, too_many_ranges)
{
	for (size_t i = 0; i <= SPANHEAP_MAX_RANGES; i++)
		self->ranges[i] = pages(&self->heap, 0, 1);
	self->args.nr_ranges = SPANHEAP_MAX_RANGES;
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_RELEASE, &self->args, nr_ranges,
		      SPANHEAP_MAX_RANGES + 1);
}

TEST_F(release, ranges_cannot_be_read)
{
	REFUSED_FIELD(EFAULT, SPANHEAP_IOC_RELEASE, &self->args, ranges, 8);
}

TEST_F(release, struct_cannot_be_read)
{
	EXPECT_EQ(-EFAULT, do_release(self->heap.fd, NULL));
}

TEST_F(release, misaligned_address)
{
	REFUSED_RANGE(EINVAL, addr, good + 512);
}

TEST_F(release, misaligned_length)
{
	REFUSED_RANGE(EINVAL, length, PAGE + 8);
}

TEST_F(release, empty_range)
{
	REFUSED_RANGE(EINVAL, length, 0);
}

TEST_F(release, range_that_wraps)
{
	REFUSED_RANGE(EINVAL, length, -self->ranges[0].addr - PAGE + 2 * PAGE);
}

TEST_F(release, range_before_the_region)
{
	REFUSED_RANGE(ENOENT, addr, good - PAGE);
}

TEST_F(release, range_beyond_the_region)
{
	REFUSED_RANGE(ENOENT, length, REGION_LENGTH + PAGE);
}

TEST_F(release, range_in_no_region)
{
	char *other = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(other, 0x5a, 4 * PAGE);
	REFUSED_RANGE(ENOENT, addr, address(other));
	EXPECT_EQ(0x5a, other[0]);
}

TEST_F(release, range_of_another_heap)
{
	struct device_heap other;

	ASSERT_EQ(0, device_heap(&other, REGION_LENGTH));
	fill(&other);
	REFUSED_RANGE(ENOENT, addr, address(other.memory));
	EXPECT_TRUE(untouched(&other, 0, 4, SPANHEAP_IN_USE));
}

TEST_F(release, range_of_a_region_that_was_removed)
{
	struct spanheap_region region = {
		.size = sizeof(region), .addr = self->heap.region.addr,
		.length = self->heap.region.length,
	};

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
	EXPECT_EQ(-ENOENT, do_release(self->heap.fd, &self->args));
	EXPECT_TRUE(untouched(&self->heap, 0, 4, SPANHEAP_IN_USE));
}

TEST_F(release, file_is_no_heap)
{
	int fd = device_open();

	EXPECT_EQ(-ENXIO, do_release(fd, &self->args));
	EXPECT_EQ(0, do_release(self->heap.fd, &self->args));
}

static int release_in_child(void *arg)
{
	FIXTURE_DATA(release) *self = arg;

	return -do_release(self->heap.fd, &self->args);
}

TEST_F(release, another_process)
{
	EXPECT_EQ(EPERM, in_child(release_in_child, self));
	EXPECT_TRUE(untouched(&self->heap, 0, 4, SPANHEAP_IN_USE));
	EXPECT_EQ(0, do_release(self->heap.fd, &self->args));
}

/* As MADV_DONTNEED. */
TEST_F(release, locked_memory)
{
	struct device_heap *heap = &self->heap;

	ASSERT_EQ(0, mlock(heap->memory + 2 * PAGE, PAGE));
	EXPECT_EQ(-1, madvise(heap->memory, 4 * PAGE, MADV_DONTNEED));
	fill(heap);
	EXPECT_EQ(-EINVAL, do_release(heap->fd, &self->args));
	EXPECT_TRUE(untouched(heap, 0, 4, SPANHEAP_IN_USE));
	munlock(heap->memory + 2 * PAGE, PAGE);
	EXPECT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_TRUE(released(heap, 0, 4));
}

TEST_F(release, memory_that_was_replaced)
{
	struct device_heap *heap = &self->heap;
	char *at = heap->memory + 2 * PAGE;

	ASSERT_EQ(at, mmap(at, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(at, 0x5a, PAGE);
	EXPECT_EQ(-EINVAL, do_release(heap->fd, &self->args));
	EXPECT_EQ(0, self->args.bytes);
	EXPECT_TRUE(untouched(heap, 0, 4, SPANHEAP_IN_USE));
	ASSERT_EQ(at, device_mmap(heap->fd, at, PAGE, MAP_PRIVATE | MAP_FIXED,
				  heap->region.mem_offset + 2 * PAGE));
	EXPECT_EQ(0, do_release(heap->fd, &self->args));
}

/* Unmapped, and another part of the region moved there. */
TEST_F(release, memory_that_was_moved)
{
	struct device_heap *heap = &self->heap;
	char *at = heap->memory + 2 * PAGE;

	ASSERT_EQ(at, mremap(heap->memory + 64 * PAGE, PAGE, PAGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, at));
	EXPECT_EQ(-EINVAL, do_release(heap->fd, &self->args));
	EXPECT_TRUE(untouched(heap, 0, 4, SPANHEAP_IN_USE));
	ASSERT_EQ(at, device_mmap(heap->fd, at, PAGE, MAP_PRIVATE | MAP_FIXED,
				  heap->region.mem_offset + 2 * PAGE));
	EXPECT_EQ(0, do_release(heap->fd, &self->args));
}

TEST_F(release, hole)
{
	struct device_heap *heap = &self->heap;
	char *at = heap->memory + 2 * PAGE;

	munmap(at, PAGE);
	EXPECT_EQ(-EINVAL, do_release(heap->fd, &self->args));
	EXPECT_TRUE(untouched(heap, 0, 2, SPANHEAP_IN_USE));
	ASSERT_EQ(at, device_mmap(heap->fd, at, PAGE, MAP_PRIVATE | MAP_FIXED,
				  heap->region.mem_offset + 2 * PAGE));
	EXPECT_EQ(0, do_release(heap->fd, &self->args));
}

TEST_F(release, memory_under_userfaultfd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { address(self->heap.memory), 4 * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &reg));
	EXPECT_EQ(-EINVAL, do_release(self->heap.fd, &self->args));
	EXPECT_TRUE(untouched(&self->heap, 0, 4, SPANHEAP_IN_USE));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_UNREGISTER, &reg.range));
	EXPECT_EQ(0, do_release(self->heap.fd, &self->args));
}

/* What came before the bad one is done, and told; what comes after it is not. */
TEST_F(release, one_bad_range_of_many)
{
	struct device_heap *heap = &self->heap;
	size_t bad = 40;

	for (size_t i = 0; i < 64; i++)
		self->ranges[i] = pages(heap, 2 * i, 1);
	self->ranges[bad].length = PAGE + 1;
	self->args.nr_ranges = 64;
	EXPECT_EQ(-EINVAL, do_release(heap->fd, &self->args));
	EXPECT_EQ(bad, self->args.nr_done);
	EXPECT_EQ(bad * PAGE, self->args.bytes);
	for (size_t i = 0; i < 64; i++)
		EXPECT_TRUE(i < bad ? released(heap, 2 * i, 1) :
			    untouched(heap, 2 * i, 1, SPANHEAP_IN_USE));
	self->ranges[bad].length = PAGE;
	fill(heap);
	EXPECT_EQ(0, do_release(heap->fd, &self->args));
	EXPECT_EQ(64, self->args.nr_done);
}

/* The array ends in a hole: what could be read in time is done, and told. */
TEST_F(release, array_ends_in_a_hole)
{
	struct device_heap *heap = &self->heap;
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct spanheap_range *at = (void *)(page + PAGE - 50 * sizeof(*at));

	munmap(page + PAGE, PAGE);
	for (size_t i = 0; i < 50; i++)
		at[i] = pages(heap, i, 1);
	self->args.ranges = address(at);
	self->args.nr_ranges = 51;
	EXPECT_EQ(-EFAULT, do_release(heap->fd, &self->args));
	EXPECT_GE(50, self->args.nr_done);
	EXPECT_EQ(self->args.nr_done * PAGE, self->args.bytes);
	EXPECT_TRUE(released(heap, 0, self->args.nr_done));
	EXPECT_TRUE(untouched(heap, self->args.nr_done, 50 - self->args.nr_done,
			      SPANHEAP_IN_USE));
	self->args.nr_ranges = 50;
	EXPECT_EQ(0, do_release(heap->fd, &self->args));
}

/* Owner and module go for the same idle pages: each goes once, and is gone. */
TEST_F(release, beside_revocation)
{
	struct device_heap *heap = &self->heap;
	pid_t child;

	if (geteuid() || !(heap->header->features & SPANHEAP_FEATURE_REVOKE))
		SKIP(return, "needs root, and a module that revokes");
	ASSERT_EQ(0, cgroup_enter(GROUP));
	ASSERT_EQ(0, device_heap(heap, REGION_LENGTH));
	madvise(heap->memory, REGION_LENGTH, MADV_NOHUGEPAGE);
	child = fork();
	if (!child) {
		for (;;)
			cgroup_write(GROUP, "memory.reclaim", "1M");
	}
	for (unsigned int round = 0; round < rounds(100); round++) {
		size_t gone = 0, left = 0, released = 0;

		fill(heap);
		device_say(heap, 0, REGION_LENGTH, SPANHEAP_IDLE);
		for (size_t i = 0; i < 64; i++)
			self->ranges[i] = pages(heap, i * 16, 16);
		self->args.nr_ranges = 64;
		ASSERT_EQ(0, do_release(heap->fd, &self->args));
		for (size_t i = 0; i < PAGES; i++) {
			unsigned int intent = heap->map[i] & SPANHEAP_INTENT_MASK;

			/* REVOKING was the module's already; it may say IDLE again */
			while (intent == SPANHEAP_REVOKING)
				intent = heap->map[i] & SPANHEAP_INTENT_MASK;
			gone += intent == SPANHEAP_RELEASED || intent == SPANHEAP_REVOKED;
			left += intent == SPANHEAP_IDLE;
			released += intent == SPANHEAP_RELEASED;
		}
		EXPECT_EQ(PAGES, gone + left);
		EXPECT_EQ(released * PAGE, self->args.bytes);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cgroup_leave(GROUP);
}

static int release_for_ever(void *arg)
{
	FIXTURE_DATA(release) *self = arg;
	struct device_heap mine;

	if (device_heap(&mine, 16 * MIB))
		return 1;
	for (size_t i = 0; i < SPANHEAP_MAX_RANGES; i++)
		self->ranges[i] = pages(&mine, i * 4, 4);
	self->args.nr_ranges = SPANHEAP_MAX_RANGES;
	for (;;) {
		fill(&mine);
		if (do_release(mine.fd, &self->args))
			return 1;
	}
}

/* A process that is killed in the midst of it ends, and leaves nothing behind. */
TEST_F(release, killed)
{
	int status;

	for (unsigned int round = 0; round < 4; round++) {
		pid_t child = fork();

		if (!child)
			_exit(release_for_ever(self));
		/* each time somewhat later, the first before it has begun */
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 * round }, NULL);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
}

TEST_HARNESS_MAIN
