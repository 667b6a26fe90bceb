// SPDX-License-Identifier: MIT
/*
 * Revocation, driven by memory.reclaim and memory.max of a cgroup of the test's
 * own: what is idle goes, coldest first; nothing else ever does. Witnesses are the
 * contents, pagemap, and the counters of the cgroup. Needs root.
 */
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "layouts.h"

#define LENGTH		(48 * MIB)
#define PAGES		(LENGTH / PAGE)
#define GROUP		"spanheap-revoke"

FIXTURE(revoke) {
	struct device_heap heap;
	uint64_t pagemap[PAGES];
};

FIXTURE_SETUP(revoke)
{
	struct spanheap_features features = { .size = sizeof(features) };
	int fd;

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	fd = device_open();
	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_FEATURES, &features));
	close(fd);
	if (!(features.features & SPANHEAP_FEATURE_REVOKE))
		SKIP(return, "the module does not revoke");
	ASSERT_EQ(0, cgroup_enter(GROUP));
	cgroup_write(GROUP, "memory.swap.max", "0");
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(revoke)
{
	cgroup_leave(GROUP);
}

static unsigned int epoch_ago(unsigned int epochs)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)(now.tv_sec / SPANHEAP_EPOCH_SECONDS - epochs) << SPANHEAP_EPOCH_SHIFT & 0xff;
}

/* What page @i of a heap holds, at its beginning and at its end. */
static uint64_t mark_of(size_t i)
{
	return i * 0x9e3779b97f4a7c15ull | 1;
}

static void fill(char *memory, size_t first, size_t nr)
{
	for (size_t i = first; i < first + nr; i++) {
		uint64_t *page = (uint64_t *)(memory + i * PAGE);

		page[0] = mark_of(i);
		page[PAGE / 8 - 1] = ~mark_of(i);
	}
}

static bool is_filled(const char *memory, size_t i)
{
	const uint64_t *page = (const uint64_t *)(memory + i * PAGE);

	return page[0] == mark_of(i) && page[PAGE / 8 - 1] == ~mark_of(i);
}

static bool is_zero(const char *memory, size_t i)
{
	const uint64_t *page = (const uint64_t *)(memory + i * PAGE);

	for (size_t w = 0; w < PAGE / 8; w++)
		if (page[w])
			return false;
	return true;
}

static unsigned int said(const struct device_heap *heap, size_t i)
{
	return heap->map[i] & SPANHEAP_INTENT_MASK;
}

static size_t count_said(const struct device_heap *heap, size_t first, size_t nr, unsigned int intent)
{
	size_t n = 0;

	for (size_t i = first; i < first + nr; i++)
		n += said(heap, i) == intent;
	return n;
}

/* Reclaim as hard as can be asked for. */
static void squeeze(void)
{
	for (int i = 0; i < 8; i++)
		cgroup_write(GROUP, "memory.reclaim", "64M");
}

/* Runs of 16 pages idle, 16 in use. */
static void say_striped(struct device_heap *heap)
{
	for (size_t i = 0; i < PAGES; i += 32) {
		device_say(heap, i * PAGE, 16 * PAGE, SPANHEAP_IDLE | epoch_ago(2));
		device_say(heap, (i + 16) * PAGE, 16 * PAGE, SPANHEAP_IN_USE);
	}
}

TEST_F(revoke, is_told_in_the_header)
{
	EXPECT_NE(0, self->heap.header->features & SPANHEAP_FEATURE_REVOKE);
}

TEST_F(revoke, takes_idle_pages_and_no_other)
{
	struct spanheap_ledger ledger;
	int64_t before, after;
	size_t revoked;

	fill(self->heap.memory, 0, PAGES);
	say_striped(&self->heap);
	before = cgroup_read(GROUP, "memory.current", NULL);
	cgroup_write(GROUP, "memory.reclaim", "20M");
	after = cgroup_read(GROUP, "memory.current", NULL);

	revoked = count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED);
	TH_LOG("%zu KiB revoked of 20 MiB, the cgroup has %lld KiB less", revoked * PAGE / KIB,
	       (long long)(before - after) / 1024);
	EXPECT_LE(12 * MIB / PAGE, revoked);
	EXPECT_GE(22 * MIB / PAGE, revoked);
	EXPECT_EQ(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKING));
	EXPECT_LE((int64_t)(revoked * PAGE), before - after + (int64_t)MIB);

	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(revoked * PAGE, ledger.total.bytes[SPANHEAP_REVOKED][SPANHEAP_NONE]);
	EXPECT_EQ(revoked * PAGE, ledger_row(&ledger, SPANHEAP_REVOKED));

	ASSERT_EQ(0, pagemap_entries(getpid(), address(self->heap.memory), PAGES, self->pagemap));
	for (size_t i = 0; i < PAGES; i++) {
		bool gone = said(&self->heap, i) == SPANHEAP_REVOKED;

		ASSERT_EQ(gone, !(self->pagemap[i] & PM_PRESENT));
		ASSERT_TRUE(gone ? is_zero(self->heap.memory, i) : is_filled(self->heap.memory, i)) {
			TH_LOG("page %zu, map %#x", i, self->heap.map[i]);
		}
		if (i % 32 >= 16)
			ASSERT_EQ(SPANHEAP_IN_USE, said(&self->heap, i));
	}
}

/* Nodes are reclaimed one by one, each from its own coldest page on. */
static void stay_on_one_node(void)
{
	unsigned long mask = 1;

	syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask));
}

TEST_F(revoke, takes_the_coldest_first)
{
	size_t half = PAGES / 2;

	stay_on_one_node();
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(1));
	device_say(&self->heap, LENGTH / 2, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(20));
	cgroup_write(GROUP, "memory.reclaim", "8M");
	EXPECT_LT(0, count_said(&self->heap, half, half, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 0, half, SPANHEAP_REVOKED));
}

/* A stamp of the epoch that is just beginning must not be taken for an old one. */
TEST_F(revoke, takes_tomorrow_for_today)
{
	size_t half = PAGES / 2;

	stay_on_one_node();
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(-1));
	device_say(&self->heap, LENGTH / 2, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(8));
	cgroup_write(GROUP, "memory.reclaim", "4M");
	EXPECT_LT(0, count_said(&self->heap, half, half, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 0, half, SPANHEAP_REVOKED));
}

/* All of a heap is idle; one write asks for all of it. */
static int reclaim_own(void *arg)
{
	struct device_heap heap;

	if (device_heap(&heap, LENGTH))
		return 1;
	fill(heap.memory, 0, PAGES);
	device_say(&heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(2));
	cgroup_write(GROUP, "memory.reclaim", "40M");
	return count_said(&heap, 0, PAGES, SPANHEAP_REVOKED) < 4 * MIB / PAGE;
}

/* What a process was given is no matter of those that come after it. */
TEST_F(revoke, gives_to_each_of_many_processes)
{
	for (int i = 0; i < 12; i++)
		ASSERT_EQ(0, in_child(reclaim_own, NULL));
}

static int eat(void *arg)
{
	size_t length = *(size_t *)arg;
	char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return 1;
	memset(at, 1, length);
	return 0;
}

/* A child that eats when it is told to: forked before, it shares no page. */
static int eat_when_told(void *arg)
{
	size_t length = 40 * MIB;
	int *go = arg;
	char c;

	return read(go[0], &c, 1) == 1 ? eat(&length) : 2;
}

TEST_F(revoke, makes_room_below_a_limit)
{
	size_t revoked;
	int go[2], status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid)
		_exit(eat_when_told(go));
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(3));
	device_say(&self->heap, 0, 8 * MIB, SPANHEAP_IN_USE);
	cgroup_write(GROUP, "memory.max", "64M");
	ASSERT_EQ(1, write(go[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	cgroup_write(GROUP, "memory.max", "max");
	EXPECT_EQ(0, cgroup_read(GROUP, "memory.events", "oom_kill"));
	revoked = count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED);
	TH_LOG("%zu KiB revoked", revoked * PAGE / KIB);
	EXPECT_LE(20 * MIB / PAGE, revoked);
	for (size_t i = 0; i < 8 * MIB / PAGE; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
}

/* The witness of the one above: without idle pages somebody is killed. */
static int eat_in_use(void *arg)
{
	struct device_heap heap;

	if (device_heap(&heap, LENGTH))
		return 1;
	fill(heap.memory, 0, PAGES);
	device_say(&heap, 0, LENGTH, SPANHEAP_IN_USE);
	return eat(arg);
}

TEST_F(revoke, makes_no_room_of_what_is_in_use)
{
	size_t length = 40 * MIB;

	cgroup_write(GROUP, "memory.max", "64M");
	EXPECT_EQ(-1, in_child(eat_in_use, &length));
	cgroup_write(GROUP, "memory.max", "max");
	EXPECT_LT(0, cgroup_read(GROUP, "memory.events", "oom_kill"));
}

/* Pages that are called idle and are not there: no gain, and no end is put off. */
static int eat_and_lie(void *arg)
{
	struct device_heap heap;

	if (device_heap(&heap, LENGTH))
		return 1;
	device_say(&heap, 0, LENGTH, SPANHEAP_IDLE);
	return eat(arg);
}

TEST_F(revoke, gains_nothing_by_lies)
{
	size_t length = 80 * MIB;

	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_EQ(PAGES, count_said(&self->heap, 0, PAGES, SPANHEAP_IDLE));
	cgroup_write(GROUP, "memory.max", "64M");
	EXPECT_EQ(-1, in_child(eat_and_lie, &length));
	cgroup_write(GROUP, "memory.max", "max");
}

TEST_F(revoke, leaves_locked_memory_alone)
{
	fill(self->heap.memory, 0, PAGES);
	ASSERT_EQ(0, mlock(self->heap.memory + 8 * MIB, 8 * MIB));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_EQ(8 * MIB / PAGE, count_said(&self->heap, 8 * MIB / PAGE, 8 * MIB / PAGE, SPANHEAP_IDLE));
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	for (size_t i = 8 * MIB / PAGE; i < 16 * MIB / PAGE; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
}

/* A child that holds on to its copy, a word at a time through two pipes. */
struct holder {
	const char *memory;
	int go[2];
	int done[2];
};

static int hold(void *arg)
{
	struct holder *holder = arg;
	char c = 0;

	/* it is told when the parent's pages have been squeezed */
	if (write(holder->done[1], &c, 1) != 1 || read(holder->go[0], &c, 1) != 1)
		return 2;
	for (size_t i = 0; i < PAGES; i++)
		if (!is_filled(holder->memory, i))
			return 1;
	return 0;
}

TEST_F(revoke, leaves_a_childs_copy_alone)
{
	struct holder holder = { .memory = self->heap.memory };
	int status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(holder.go));
	ASSERT_EQ(0, pipe(holder.done));
	fill(self->heap.memory, 0, PAGES);
	pid = fork();
	if (!pid)
		_exit(hold(&holder));
	ASSERT_EQ(1, read(holder.done[0], &c, 1));
	/* an eighth is the parent's own again */
	fill(self->heap.memory, 0, PAGES / 8);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_LT(PAGES / 16, count_said(&self->heap, 0, PAGES / 8, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, PAGES / 8, PAGES - PAGES / 8, SPANHEAP_REVOKED));
	ASSERT_EQ(1, write(holder.go[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* and now they are the parent's alone */
	squeeze();
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

/* A fork before the first touch leaves no trace for a notifier. */
TEST_F(revoke, leaves_a_child_of_before_alone)
{
	struct holder holder = { .memory = self->heap.memory };
	int status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(holder.go));
	ASSERT_EQ(0, pipe(holder.done));
	pid = fork();
	if (!pid) {
		fill(self->heap.memory, 0, PAGES);
		_exit(hold(&holder));
	}
	ASSERT_EQ(1, read(holder.done[0], &c, 1));
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	ASSERT_EQ(1, write(holder.go[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(revoke, leaves_moved_and_replaced_memory_alone)
{
	size_t at = 16 * MIB, length = 8 * MIB;
	char *memory = self->heap.memory, *moved;

	fill(memory, 0, PAGES);
	/* one piece moved elsewhere, plain memory in its place; one piece moved into another */
	moved = mremap(memory + at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		       device_reserve(length));
	ASSERT_NE(MAP_FAILED, moved);
	ASSERT_EQ(memory + at, mmap(memory + at, length, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(memory + at, 7, length);
	ASSERT_NE(MAP_FAILED, mremap(memory + 32 * MIB, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
				     memory + 40 * MIB));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	for (size_t i = 0; i < length / PAGE; i++) {
		const uint64_t *page = (const uint64_t *)(moved + i * PAGE);

		ASSERT_EQ(mark_of(at / PAGE + i), page[0]);
		ASSERT_EQ(7, memory[at + i * PAGE]);
		page = (const uint64_t *)(memory + 40 * MIB + i * PAGE);
		ASSERT_EQ(mark_of(32 * MIB / PAGE + i), page[0]);
	}
	EXPECT_EQ(0, count_said(&self->heap, at / PAGE, length / PAGE, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 32 * MIB / PAGE, 16 * MIB / PAGE, SPANHEAP_REVOKED));
	EXPECT_LT(8 * MIB / PAGE, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

TEST_F(revoke, leaves_a_removed_region_alone)
{
	struct spanheap_region gone = self->heap.region;

	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	gone.mem_offset = 0;
	gone.map_offset = 0;
	gone.map_length = 0;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &gone));
	squeeze();
	EXPECT_EQ(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	for (size_t i = 0; i < PAGES; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
}

TEST_F(revoke, leaves_memory_under_userfaultfd_alone)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = address(self->heap.memory), .len = 8 * MIB },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	ASSERT_LE(0, fd);
	fill(self->heap.memory, 0, PAGES);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &reg));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_EQ(0, count_said(&self->heap, 0, 8 * MIB / PAGE, SPANHEAP_REVOKED));
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

/* Pages in a pipe: the reader gets what was written, whatever has become of them. */
TEST_F(revoke, does_not_change_what_a_pipe_holds)
{
	struct iovec iov = { .iov_base = self->heap.memory, .iov_len = 8 * PAGE };
	static char copy[8 * PAGE];
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	fill(self->heap.memory, 0, PAGES);
	ASSERT_EQ(8 * PAGE, vmsplice(fds[1], &iov, 1, 0));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	ASSERT_EQ(8 * PAGE, read(fds[0], copy, sizeof(copy)));
	for (size_t i = 0; i < 8; i++)
		EXPECT_TRUE(is_filled(copy, i));
}

TEST_F(revoke, takes_huge_pages_whole_or_not)
{
	char *memory = self->heap.memory;
	size_t huge = HUGE_PAGE / PAGE, n = PAGES / huge, gone = 0;
	struct spanheap_ledger ledger;

	madvise(memory, LENGTH, MADV_HUGEPAGE);
	fill(memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	ASSERT_LE(LENGTH / 2, ledger.huge);
	/* all of one, half of the next */
	for (size_t i = 0; i < n; i++)
		device_say(&self->heap, i * HUGE_PAGE, i % 2 ? HUGE_PAGE / 2 : HUGE_PAGE,
			   SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	for (size_t i = 0; i < n; i++) {
		size_t revoked = count_said(&self->heap, i * huge, huge, SPANHEAP_REVOKED);

		ASSERT_TRUE(!revoked || (i % 2 == 0 && revoked == huge));
		gone += revoked == huge;
	}
	EXPECT_LE(n / 3, gone);
	for (size_t i = 0; i < PAGES; i++)
		ASSERT_TRUE(said(&self->heap, i) == SPANHEAP_REVOKED ? is_zero(memory, i) :
			    is_filled(memory, i));
}

/* What was taken can be used again, and taken again. */
TEST_F(revoke, takes_again)
{
	for (int round = 0; round < 4; round++) {
		fill(self->heap.memory, 0, PAGES);
		device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(2));
		squeeze();
		EXPECT_LT(PAGES * 3 / 4, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
		device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	}
}

TEST_HARNESS_MAIN
