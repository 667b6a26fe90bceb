// SPDX-License-Identifier: MIT
/*
 * Revocation, driven by memory.reclaim and memory.max of a cgroup of the test's
 * own: what is idle goes, as much as is asked for. Witnesses are the contents,
 * pagemap, and the counters of the cgroup. What is never taken: revoke-spared.c;
 * in which order: revoke-order.c; huge pages: revoke-huge.c.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "squeeze.h"

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

/* A child that eats when it is told to: forked before, it shares no page. */
static int eat_when_told(void *arg)
{
	size_t length = 40 * MIB;
	int *go = arg;
	char c;

	return read(go[0], &c, 1) == 1 ? eat(&length) : 2;
}

/* What of the 40 MiB is missing below the limit, a margin of 1 MiB, and room for chance. */
#define REVOKED_FOR_LIMIT	(30 * MIB)

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
	EXPECT_GE(REVOKED_FOR_LIMIT / PAGE, revoked);
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

/* One that says so again and again, of pages that are not there. */
static void *lie_on(void *arg)
{
	for (;;)
		device_say(arg, 0, LENGTH, SPANHEAP_IDLE);
	return NULL;
}

static int eat_and_go_on_lying(void *arg)
{
	struct device_heap heap;
	pthread_t liar;

	if (device_heap(&heap, LENGTH) || pthread_create(&liar, NULL, lie_on, &heap))
		return 1;
	return eat(arg);
}

TEST_F(revoke, delays_no_end_by_endless_lies)
{
	size_t length = 80 * MIB;

	cgroup_write(GROUP, "memory.max", "64M");
	EXPECT_EQ(-1, in_child(eat_and_go_on_lying, &length));
	cgroup_write(GROUP, "memory.max", "max");
	EXPECT_LT(0, cgroup_read(GROUP, "memory.events", "oom_kill"));
}

/* The heap on one node, its process and its page map on another. */
TEST_F(revoke, takes_from_any_node)
{
	unsigned long other = 2;

	stay_on_one_node();
	ASSERT_EQ(0, syscall(SYS_mbind, self->heap.memory, LENGTH, MPOL_BIND, &other, 8 * sizeof(other), 0));
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	for (size_t i = 0; i < PAGES; i += PAGES / 8) {
		void *page = self->heap.memory + i * PAGE;
		int node;

		ASSERT_EQ(0, syscall(SYS_move_pages, 0, 1UL, &page, NULL, &node, 0));
		ASSERT_EQ(1, node);
	}
	squeeze();
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

/* Another heap that is mapped, split and unmapped while this one is revoked. */
struct mapper {
	struct device_heap heap;
	atomic_bool stop;
	unsigned long calls;
	uint64_t worst_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int map_on(struct mapper *mapper)
{
	struct device_heap *heap = &mapper->heap;

	if (device_heap(heap, LENGTH))
		return 1;
	while (!mapper->stop) {
		uint64_t start = now_ns(), took;

		munmap(heap->memory + 8 * MIB, 8 * MIB);
		if (device_mmap(heap->fd, heap->memory + 8 * MIB, 8 * MIB, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
				heap->region.mem_offset + 8 * MIB) == MAP_FAILED)
			return 1;
		took = now_ns() - start;
		mapper->worst_ns = took > mapper->worst_ns ? took : mapper->worst_ns;
		mapper->calls++;
	}
	return 0;
}

TEST_F(revoke, holds_up_no_other_heap)
{
	struct mapper *mapper = mmap(NULL, sizeof(*mapper), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile unsigned long *calls = &mapper->calls;
	unsigned long before;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(map_on(mapper));
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	while (!*calls)
		;
	before = *calls;
	squeeze();
	TH_LOG("%lu maps and unmaps of another heap meanwhile, the slowest took %llu us",
	       *calls - before, (unsigned long long)mapper->worst_ns / 1000);
	EXPECT_LT(before, *calls);
	mapper->stop = true;
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
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
