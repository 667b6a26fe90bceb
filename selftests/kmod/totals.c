// SPDX-License-Identifier: MIT
/*
 * The machine's totals, the list of heaps and read-only descriptors: what they say,
 * held against ledgers of single heaps; who may ask; every error. Built for 64 and
 * for 32 bits. Needs root.
 */
#include <grp.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "layouts.h"
#include "parameter.h"
#include "refused.h"

#define NODES	8
#define GROUP	"spanheap-totals"

FIXTURE(totals) {
	struct device_heap heap;
	struct spanheap_node_totals nodes[NODES];
	struct spanheap_totals args;
	struct spanheap_heap_info infos[16];
	struct spanheap_heaps list;
	struct spanheap_observe observe;
};

FIXTURE_SETUP(totals)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	device_wait_for_no_heaps();
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	self->args = (struct spanheap_totals) {
		.size = sizeof(self->args), .flags = SPANHEAP_TOTALS_WALK,
		.nodes = address(self->nodes), .nr_nodes = NODES,
	};
	self->list = (struct spanheap_heaps) {
		.size = sizeof(self->list), .heaps = address(self->infos), .nr_heaps = 16,
	};
	self->observe = (struct spanheap_observe) {
		.size = sizeof(self->observe), .heap_id = self->heap.reg.heap_id,
	};
}

FIXTURE_TEARDOWN(totals)
{
}

/* In use, idle, lazily freed, released: a MiB of each. */
static void lay_out(struct device_heap *heap)
{
	madvise(heap->memory, heap->length, MADV_NOHUGEPAGE);
	memset(heap->memory, 1, 4 * MIB);
	drain_batches();
	device_say(heap, 0, MIB, SPANHEAP_IN_USE);
	device_say(heap, MIB, MIB, SPANHEAP_IDLE);
	madvise(heap->memory + 2 * MIB, MIB, MADV_FREE);
	device_say(heap, 2 * MIB, MIB, SPANHEAP_LAZY);
	madvise(heap->memory + 3 * MIB, MIB, MADV_DONTNEED);
	device_say(heap, 3 * MIB, MIB, SPANHEAP_RELEASED);
	drain_batches();
}

/* Pages of a range, written to on one node: 0, or -1 when they lie elsewhere. */
static int settle(char *at, size_t length, unsigned int node)
{
	unsigned long mask = 1UL << node;
	int where;

	if (syscall(SYS_mbind, at, length, MPOL_BIND, &mask, 8 * sizeof(mask), 0))
		return -1;
	memset(at, 1, length);
	for (size_t i = 0; i < length; i += PAGE)
		if (syscall(SYS_get_mempolicy, &where, NULL, 0, at + i, MPOL_F_NODE | MPOL_F_ADDR) ||
		    where != (int)node)
			return -1;
	return 0;
}

static int ask(int fd, struct spanheap_totals *args)
{
	args->nr_nodes = args->nodes ? NODES : 0;
	return device_do(fd, SPANHEAP_IOC_TOTALS, args);
}

TEST_F(totals, are_the_sum_of_the_heaps)
{
	struct device_heap other;
	struct spanheap_ledger ledgers[2];

	lay_out(&self->heap);
	ASSERT_EQ(0, device_heap(&other, 2 * REGION_LENGTH));
	lay_out(&other);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	EXPECT_EQ(2, self->args.heaps);
	EXPECT_EQ(2, self->args.regions);
	EXPECT_EQ(3 * REGION_LENGTH, self->args.bytes);
	EXPECT_EQ(0, self->args.skipped);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledgers[0], SPANHEAP_SCOPE_HEAP, 0));
	ASSERT_EQ(0, device_ledger(other.fd, &ledgers[1], SPANHEAP_SCOPE_HEAP, 0));
	for (int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		for (int r = 0; r < SPANHEAP_NR_RESIDENCIES; r++)
			EXPECT_EQ(ledgers[0].total.bytes[i][r] + ledgers[1].total.bytes[i][r],
				  self->args.memory.bytes[i][r]);
	EXPECT_EQ(2 * MIB, self->args.memory.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT]);
	EXPECT_EQ(2 * MIB, self->args.memory.bytes[SPANHEAP_LAZY][SPANHEAP_LAZYFREE]);
	EXPECT_EQ(2 * MIB, self->args.memory.bytes[SPANHEAP_RELEASED][SPANHEAP_NONE]);
}

TEST_F(totals, nodes_add_up)
{
	uint64_t resident = 0, revoked = 0;

	lay_out(&self->heap);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	ASSERT_GE(NODES, self->args.nr_nodes);
	for (unsigned int i = 0; i < self->args.nr_nodes; i++) {
		resident += self->nodes[i].memory.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT];
		revoked += self->nodes[i].revoked;
	}
	EXPECT_EQ(MIB, resident);
	EXPECT_EQ(self->args.revoked, revoked);
}

/* 1 MiB in use on the last node, 2 idle on the first: each where the kernel put it. */
TEST_F(totals, nodes_differ)
{
	unsigned int last;

	madvise(self->heap.memory, self->heap.length, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	last = self->args.nr_nodes - 1;
	if (!last)
		SKIP(return, "one node");
	ASSERT_EQ(0, settle(self->heap.memory, MIB, last));
	ASSERT_EQ(0, settle(self->heap.memory + MIB, 2 * MIB, 0));
	device_say(&self->heap, 0, MIB, SPANHEAP_IN_USE);
	device_say(&self->heap, MIB, 2 * MIB, SPANHEAP_IDLE);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	EXPECT_EQ(0, self->nodes[0].memory.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT]);
	EXPECT_EQ(2 * MIB, self->nodes[0].memory.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT]);
	EXPECT_EQ(MIB, self->nodes[last].memory.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT]);
	EXPECT_EQ(0, self->nodes[last].memory.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT]);
}

/* What is ordered is taken from all nodes, and counted where it lay. */
TEST_F(totals, an_order_takes_from_each_node)
{
	struct spanheap_order order = { .size = sizeof(order), .pid = getpid(), .bytes = 3 * MIB };
	uint64_t before[NODES];
	unsigned int last;

	if (!(self->heap.header->features & SPANHEAP_FEATURE_REVOKE))
		SKIP(return, "the module does not revoke");
	madvise(self->heap.memory, self->heap.length, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	last = self->args.nr_nodes - 1;
	if (!last)
		SKIP(return, "one node");
	for (unsigned int i = 0; i <= last; i++)
		before[i] = self->nodes[i].revoked;
	ASSERT_EQ(0, settle(self->heap.memory, MIB, last));
	ASSERT_EQ(0, settle(self->heap.memory + MIB, 2 * MIB, 0));
	device_say(&self->heap, 0, 3 * MIB, SPANHEAP_IDLE);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &order));
	EXPECT_EQ(3 * MIB, order.taken);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	EXPECT_EQ(2 * MIB, self->nodes[0].revoked - before[0]);
	EXPECT_EQ(MIB, self->nodes[last].revoked - before[last]);
}

TEST_F(totals, without_a_walk_and_nodes)
{
	static const struct spanheap_matrix nothing;

	lay_out(&self->heap);
	self->args.flags = 0;
	self->args.nodes = 0;
	memset(&self->args.memory, 0xff, sizeof(self->args.memory));
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	EXPECT_EQ(1, self->args.heaps);
	EXPECT_EQ(REGION_LENGTH, self->args.bytes);
	EXPECT_EQ(0, self->args.nr_nodes);
	EXPECT_EQ(0, memcmp(&nothing, &self->args.memory, sizeof(nothing)));
}

TEST_F(totals, heaps_and_regions_come_and_go)
{
	struct spanheap_region region = {
		.size = sizeof(region), .addr = self->heap.region.addr,
		.length = self->heap.region.length,
	};
	int fd = device_open();

	ASSERT_EQ(0, ask(fd, &self->args));
	EXPECT_EQ(1, self->args.heaps);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
	ASSERT_EQ(0, ask(fd, &self->args));
	EXPECT_EQ(1, self->args.heaps);
	EXPECT_EQ(0, self->args.regions);
	EXPECT_EQ(0, self->args.bytes);
	close(self->heap.fd);
	munmap((void *)self->heap.header, self->heap.reg.header_length);
	munmap((void *)self->heap.map, self->heap.region.map_length);
	munmap(self->heap.memory, self->heap.length);
	ASSERT_EQ(0, ask(fd, &self->args));
	EXPECT_EQ(0, self->args.heaps);
}

/* What is revoked is counted where it lay, and for its heap. */
TEST_F(totals, revoked_since_load)
{
	uint64_t before, map = 0;

	if (!(self->heap.header->features & SPANHEAP_FEATURE_REVOKE))
		SKIP(return, "the module does not revoke");
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	before = self->args.revoked;
	ASSERT_EQ(0, cgroup_enter(GROUP));
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	madvise(self->heap.memory, REGION_LENGTH, MADV_NOHUGEPAGE);
	memset(self->heap.memory, 1, REGION_LENGTH);
	device_say(&self->heap, 0, REGION_LENGTH, SPANHEAP_IDLE);
	cgroup_write(GROUP, "memory.reclaim", "2M");
	cgroup_leave(GROUP);
	for (size_t i = 0; i < REGION_LENGTH / PAGE; i++)
		map += (self->heap.map[i] & SPANHEAP_INTENT_MASK) == SPANHEAP_REVOKED ? PAGE : 0;
	EXPECT_LT(0, map);
	ASSERT_EQ(0, ask(self->heap.fd, &self->args));
	EXPECT_EQ(before + map, self->args.revoked);
	self->list.after = self->heap.reg.heap_id - 1;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_HEAPS, &self->list));
	ASSERT_EQ(1, self->list.nr_heaps);
	EXPECT_EQ(map, self->infos[0].revoked);
	EXPECT_EQ(REGION_LENGTH - map, self->infos[0].idle);
}

/* Errors of TOTALS. @nr_nodes is an answer, too. */
#define REFUSED_TOTALS(error, field, bad) do {					\
	REFUSED(error, SPANHEAP_IOC_TOTALS, &self->args,			\
		__typeof__(self->args.field) good = self->args.field;		\
		self->args.field = (bad),					\
		self->args.field = good);					\
} while (0)

TEST_F(totals, flags)
{
	REFUSED_TOTALS(EINVAL, flags, 2);
}

TEST_F(totals, padding)
{
	REFUSED_TOTALS(EINVAL, pad, 1);
}

TEST_F(totals, nodes_without_length)
{
	REFUSED_TOTALS(EINVAL, nr_nodes, 0);
}

TEST_F(totals, length_without_nodes)
{
	REFUSED_TOTALS(EINVAL, nodes, 0);
}

TEST_F(totals, too_few_nodes)
{
	struct spanheap_features features = { .size = sizeof(features) };

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &features));
	if (features.nr_nodes < 2)
		SKIP(return, "needs two nodes");
	REFUSED_TOTALS(ENOSPC, nr_nodes, features.nr_nodes - 1);
}

TEST_F(totals, nodes_cannot_be_written)
{
	REFUSED_TOTALS(EFAULT, nodes, 8);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534))
		_exit(255);
	prctl(PR_SET_DUMPABLE, 1);
}

static int ask_as_nobody(void *arg)
{
	FIXTURE_DATA(totals) *self = arg;

	become_nobody();
	if (ask(self->heap.fd, &self->args) != -EPERM)
		return 1;
	self->args.flags = 0;
	return ask(self->heap.fd, &self->args) || self->args.heaps != 1 ? 2 : 0;
}

TEST_F(totals, a_walk_is_the_administrators)
{
	EXPECT_EQ(0, in_child(ask_as_nobody, self));
	EXPECT_EQ(0, ask(self->heap.fd, &self->args));
}

/* The list. */

/* A process with a heap of its own, until it is killed. */
static pid_t with_heap(uint64_t *id, bool as_nobody)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (!pid) {
		struct device_heap mine;

		close(ends[0]);
		if (as_nobody)
			become_nobody();
		if (device_heap(&mine, MIB))
			_exit(1);
		device_say(&mine, 0, 16 * PAGE, SPANHEAP_IDLE);
		if (write(ends[1], &mine.reg.heap_id, sizeof(*id)) != sizeof(*id))
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], id, sizeof(*id)) != sizeof(*id))
		return -1;
	close(ends[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int list(int fd, struct spanheap_heaps *args)
{
	args->after = 0;
	args->nr_heaps = 16;
	return device_do(fd, SPANHEAP_IOC_HEAPS, args);
}

TEST_F(totals, list_tells_of_each_heap)
{
	uint64_t id;
	pid_t pid = with_heap(&id, false);

	ASSERT_LT(0, pid);
	device_say(&self->heap, 0, 5 * PAGE, SPANHEAP_IDLE);
	device_say(&self->heap, 5 * PAGE, PAGE, SPANHEAP_RELEASED);
	ASSERT_EQ(0, list(self->heap.fd, &self->list));
	ASSERT_EQ(2, self->list.nr_heaps);
	EXPECT_EQ(self->heap.reg.heap_id, self->infos[0].heap_id);
	EXPECT_EQ(getpid(), self->infos[0].pid);
	EXPECT_EQ(1, self->infos[0].nr_regions);
	EXPECT_EQ(REGION_LENGTH, self->infos[0].bytes);
	EXPECT_EQ(5 * PAGE, self->infos[0].idle);
	EXPECT_EQ(0, self->infos[0].revoked);
	EXPECT_EQ(id, self->infos[1].heap_id);
	EXPECT_EQ(pid, self->infos[1].pid);
	EXPECT_EQ(16 * PAGE, self->infos[1].idle);
	EXPECT_EQ(id, self->list.after);
	end(pid);
	ASSERT_EQ(0, list(self->heap.fd, &self->list));
	EXPECT_EQ(1, self->list.nr_heaps);
}

TEST_F(totals, list_goes_on_where_it_ended)
{
	int fds[5];

	for (int i = 0; i < 5; i++) {
		struct spanheap_register reg = { .size = sizeof(reg) };

		fds[i] = device_open();
		ASSERT_EQ(0, device_do(fds[i], SPANHEAP_IOC_REGISTER, &reg));
	}
	self->list.after = 0;
	for (int i = 0; i < 3; i++) {
		self->list.nr_heaps = 2;
		ASSERT_EQ(0, device_do(fds[0], SPANHEAP_IOC_HEAPS, &self->list));
		EXPECT_EQ(2, self->list.nr_heaps);
		EXPECT_EQ(self->infos[1].heap_id, self->list.after);
		EXPECT_LT(self->infos[0].heap_id, self->infos[1].heap_id);
	}
	self->list.nr_heaps = 2;
	ASSERT_EQ(0, device_do(fds[0], SPANHEAP_IOC_HEAPS, &self->list));
	EXPECT_EQ(0, self->list.nr_heaps);
}

static int list_as_nobody(void *arg)
{
	FIXTURE_DATA(totals) *self = arg;

	become_nobody();
	if (list(self->heap.fd, &self->list))
		return 255;
	return self->list.nr_heaps;
}

/* Root's heap is not shown to nobody; nobody's is, while same_user says so. */
TEST_F(totals, list_shows_what_may_be_seen)
{
	uint64_t id;
	pid_t pid = with_heap(&id, true);

	ASSERT_LT(0, pid);
	EXPECT_EQ(1, in_child(list_as_nobody, self));
	ASSERT_EQ(0, parameter_set("same_user", "N"));
	EXPECT_EQ(0, in_child(list_as_nobody, self));
	ASSERT_EQ(0, parameter_set("same_user", "Y"));
	ASSERT_EQ(0, list(self->heap.fd, &self->list));
	EXPECT_EQ(2, self->list.nr_heaps);
	end(pid);
}

#define REFUSED_LIST(error, field, bad) do {					\
	REFUSED(error, SPANHEAP_IOC_HEAPS, &self->list,				\
		__typeof__(self->list.field) good = self->list.field;		\
		self->list.field = (bad), self->list.field = good);		\
} while (0)

TEST_F(totals, list_with_flags)
{
	REFUSED_LIST(EINVAL, flags, 1);
}

TEST_F(totals, list_with_padding)
{
	REFUSED_LIST(EINVAL, pad, 1);
}

TEST_F(totals, list_without_room)
{
	REFUSED_LIST(EINVAL, nr_heaps, 0);
}

TEST_F(totals, list_cannot_be_written)
{
	REFUSED_LIST(EFAULT, heaps, 8);
}

/* Looking at a heap. */

TEST_F(totals, observer_asks_and_does_nothing_else)
{
	struct spanheap_ledger ledger;
	struct spanheap_release_ranges release = { .size = sizeof(release) };
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct spanheap_range range;
	uint8_t vec[2];
	uint64_t id;
	pid_t pid = with_heap(&id, false);
	int fd;

	ASSERT_LT(0, pid);
	self->observe.heap_id = id;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, &self->observe));
	fd = self->observe.fd;
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, device_ledger(fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(16 * PAGE, ledger_row(&ledger, SPANHEAP_IDLE));
	EXPECT_EQ(MIB - 16 * PAGE, ledger_row(&ledger, SPANHEAP_UNUSED));
	ledger = (struct spanheap_ledger) {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_RANGE, .addr = 16 * PAGE,
		.length = 2 * PAGE, .vec = address(vec), .vec_len = 2,
	};
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_LEDGER, &ledger));
	range = (struct spanheap_range) { address(self->heap.memory), PAGE };
	release.ranges = address(&range);
	release.nr_ranges = 1;
	EXPECT_EQ(-ENOTTY, device_do(fd, SPANHEAP_IOC_RELEASE, &release));
	EXPECT_EQ(-ENOTTY, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(-ENOTTY, device_do(fd, SPANHEAP_IOC_ADD, &self->heap.region));
	EXPECT_EQ(-ENOTTY, device_do(fd, SPANHEAP_IOC_OBSERVE, &self->observe));
	EXPECT_EQ(-ENOTTY, device_do(fd, SPANHEAP_IOC_FEATURES ^ 0x100, &ledger));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	end(pid);
	/* of what is gone there is nothing to be told */
	EXPECT_EQ(-ESRCH, device_ledger(fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	self->observe.fd = 0;
	EXPECT_EQ(-ENOENT, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, &self->observe));
	close(fd);
}

/* An order to this process; ends when its heap has been told. */
static int order_and_wait(const struct device_heap *heap, uint64_t bytes)
{
	struct spanheap_order order = { .size = sizeof(order), .pid = getpid(), .bytes = bytes };
	uint64_t before = heap->header->events;
	int ret = device_do(heap->fd, SPANHEAP_IOC_ORDER, &order);

	while (!ret && heap->header->events == before)
		usleep(1000);
	return ret;
}

/* Events come to an observer once, and the owner has them all the same. */
TEST_F(totals, observer_hears_events)
{
	struct spanheap_event event;
	struct pollfd p = { .events = POLLPRI };

	/* what was before is not for it */
	ASSERT_EQ(0, order_and_wait(&self->heap, 3 * MIB));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, &self->observe));
	p.fd = self->observe.fd;
	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(-1, read(p.fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);

	ASSERT_EQ(0, order_and_wait(&self->heap, 2 * MIB));
	ASSERT_EQ(0, order_and_wait(&self->heap, MIB));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLPRI, p.revents);
	EXPECT_EQ(-1, read(p.fd, &event, sizeof(event) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(p.fd, device_reserve(MIB), sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(sizeof(event), read(p.fd, &event, sizeof(event)));
	EXPECT_EQ(MIB, event.ordered);
	EXPECT_EQ(1, event.merged);
	EXPECT_EQ(0, poll(&p, 1, 0));

	for (unsigned int i = 3; i; i--) {
		ASSERT_EQ(sizeof(event), read(self->heap.fd, &event, sizeof(event)));
		EXPECT_EQ(i * MIB, event.ordered);
		EXPECT_EQ(0, event.merged);
	}
	close(p.fd);
}

TEST_F(totals, observer_is_woken_at_the_end)
{
	struct pollfd p = { .events = POLLPRI };
	struct spanheap_event event;
	uint64_t id;
	pid_t pid = with_heap(&id, false);

	ASSERT_LT(0, pid);
	self->observe.heap_id = id;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, &self->observe));
	p.fd = self->observe.fd;
	EXPECT_EQ(0, poll(&p, 1, 0));
	kill(pid, SIGKILL);
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_EQ(POLLHUP, p.revents);
	EXPECT_EQ(0, read(p.fd, &event, sizeof(event)));
	waitpid(pid, NULL, 0);
	close(p.fd);
}

static int observe_as_nobody(void *arg)
{
	FIXTURE_DATA(totals) *self = arg;

	become_nobody();
	return -device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, &self->observe);
}

static int observe_own_as_nobody(void *arg)
{
	FIXTURE_DATA(totals) *self = arg;
	struct device_heap mine;

	become_nobody();
	if (device_heap(&mine, MIB))
		return 255;
	self->observe.heap_id = mine.reg.heap_id;
	return -device_do(mine.fd, SPANHEAP_IOC_OBSERVE, &self->observe);
}

/* The same credentials let a ledger by PID be asked for, but tell no addresses. */
TEST_F(totals, observing_takes_what_pidfd_getfd_takes)
{
	uint64_t id;
	pid_t pid = with_heap(&id, true);

	ASSERT_LT(0, pid);
	EXPECT_EQ(EPERM, in_child(observe_as_nobody, self));
	self->observe.heap_id = id;
	EXPECT_EQ(EPERM, in_child(observe_as_nobody, self));
	EXPECT_EQ(0, in_child(observe_own_as_nobody, self));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, &self->observe));
	end(pid);
}

TEST_F(totals, observe_no_such_heap)
{
	REFUSED_FIELD(ENOENT, SPANHEAP_IOC_OBSERVE, &self->observe, heap_id, 1ULL << 60);
}

TEST_F(totals, observe_with_flags)
{
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_OBSERVE, &self->observe, flags, 1);
}

TEST_F(totals, observe_with_padding)
{
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_OBSERVE, &self->observe, pad, 1);
}

TEST_F(totals, observe_and_lose_no_descriptor)
{
	struct spanheap_observe *read_only = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before = dup(0), after;

	*read_only = self->observe;
	mprotect(read_only, PAGE, PROT_READ);
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, read_only));
	after = dup(0);
	EXPECT_EQ(before + 1, after);
	mprotect(read_only, PAGE, PROT_READ | PROT_WRITE);
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_OBSERVE, read_only));
}

TEST_HARNESS_MAIN
