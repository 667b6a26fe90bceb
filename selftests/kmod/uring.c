// SPDX-License-Identifier: MIT
/*
 * Commands by io_uring: the same answers and errors as by ioctl, alone and many at a
 * time, from every way that a ring has of running them. And without io_uring, which
 * seccomp or a sysctl may forbid, the ioctls go on.
 */
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "layouts.h"
#include "refused.h"

#define MANY	64

FIXTURE(uring) {
	struct device_heap heap;
	struct io_uring ring;
	struct spanheap_ledger ledger;
	struct spanheap_range range;
	struct spanheap_release_ranges release;
};

FIXTURE_SETUP(uring)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	if (!(self->heap.header->features & SPANHEAP_FEATURE_URING))
		SKIP(return, "the kernel has no io_uring");
	ASSERT_EQ(0, io_uring_queue_init(MANY, &self->ring, 0));
	memset(self->heap.memory, 1, REGION_LENGTH);
	device_say(&self->heap, 0, REGION_LENGTH, SPANHEAP_IN_USE);
	self->ledger = (struct spanheap_ledger) {
		.size = sizeof(self->ledger), .scope = SPANHEAP_SCOPE_HEAP,
	};
	self->range = (struct spanheap_range) { address(self->heap.memory), MIB };
	self->release = (struct spanheap_release_ranges) {
		.size = sizeof(self->release), .ranges = address(&self->range), .nr_ranges = 1,
	};
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
}

/* An SQE for a command. Its payload begins where addr3 does. */
static struct io_uring_sqe *prepare(struct io_uring *ring, int fd, unsigned long command,
				    void *args)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct spanheap_uring payload = { .args = address(args) };

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = command;
	memcpy(sqe->cmd, &payload, sizeof(payload));
	return sqe;
}

/* Submit what is prepared and wait for one: its result, or -ETIME. */
static int finish(struct io_uring *ring)
{
	struct __kernel_timespec patience = { .tv_sec = 100 };
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_submit(ring);
	ret = io_uring_wait_cqe_timeout(ring, &cqe, &patience);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static int command(struct io_uring *ring, int fd, unsigned long command, void *args)
{
	prepare(ring, fd, command, args);
	return finish(ring);
}

TEST_F(uring, ledger_is_that_of_the_ioctl)
{
	struct spanheap_ledger by_ioctl = self->ledger;

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &by_ioctl));
	ASSERT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(REGION_LENGTH, self->ledger.total.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT]);
	EXPECT_EQ(0, memcmp(&by_ioctl.total, &self->ledger.total, sizeof(by_ioctl.total)));
	EXPECT_LE(by_ioctl.end_ns, self->ledger.start_ns);
}

TEST_F(uring, ledger_by_pid_has_the_submitters_rights)
{
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	EXPECT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_LE(REGION_LENGTH, self->ledger.rss);
	if (geteuid())
		SKIP(return, "needs root to become somebody else");
	/* no root any more: process 1 is not ours to look at */
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	self->ledger.pid = 1;
	EXPECT_EQ(-EPERM, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(-EPERM, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER,
				  &self->ledger));
}

TEST_F(uring, release)
{
	ASSERT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_RELEASE, &self->release));
	EXPECT_EQ(1, self->release.nr_done);
	EXPECT_EQ(MIB, self->release.bytes);
	EXPECT_EQ(SPANHEAP_RELEASED, self->heap.map[0]);
	EXPECT_EQ(SPANHEAP_RELEASED, self->heap.map[MIB / PAGE - 1]);
	EXPECT_EQ(SPANHEAP_IN_USE, self->heap.map[MIB / PAGE]);
	EXPECT_EQ(0, self->heap.memory[0]);
	EXPECT_EQ(1, self->heap.memory[MIB]);
}

/* Which heap answers what is seen by their sizes. */
TEST_F(uring, one_submission_asks_many_heaps)
{
	static struct spanheap_ledger ledgers[MANY];
	static struct device_heap heaps[MANY];
	struct io_uring_cqe *cqe;

	for (size_t i = 0; i < MANY; i++) {
		ASSERT_EQ(0, device_heap(&heaps[i], (i + 1) * PAGE));
		heaps[i].memory[0] = 1;
		ledgers[i] = self->ledger;
		prepare(&self->ring, heaps[i].fd, SPANHEAP_IOC_LEDGER, &ledgers[i])->user_data = i;
	}
	ASSERT_EQ(MANY, io_uring_submit_and_wait(&self->ring, MANY));
	for (size_t i = 0; i < MANY; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(0, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
	for (size_t i = 0; i < MANY; i++) {
		EXPECT_EQ(PAGE, ledger_column(&ledgers[i], SPANHEAP_RESIDENT));
		EXPECT_EQ(i * PAGE, ledger_column(&ledgers[i], SPANHEAP_NONE));
	}
}

/* The kernel's thread that reads the ring; and a worker from the start. */
TEST_F(uring, other_ways_to_be_run)
{
	struct io_uring polled;

	ASSERT_EQ(0, io_uring_queue_init(8, &polled, IORING_SETUP_SQPOLL));
	EXPECT_EQ(0, command(&polled, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(0, command(&polled, self->heap.fd, SPANHEAP_IOC_RELEASE, &self->release));
	EXPECT_EQ(MIB, self->release.bytes);
	io_uring_queue_exit(&polled);
	prepare(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger)->flags |= IOSQE_ASYNC;
	EXPECT_EQ(0, finish(&self->ring));
}

/* Errors: a good command with one thing wrong. */
#define REFUSED_COMMAND(error, change, undo) do {				\
	change;									\
	EXPECT_EQ(-(error), command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, \
				    &self->ledger));				\
	undo;									\
	EXPECT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER,	\
			     &self->ledger));					\
} while (0)

TEST_F(uring, bad_scope)
{
	REFUSED_COMMAND(EINVAL, self->ledger.scope = 99, self->ledger.scope = SPANHEAP_SCOPE_HEAP);
}

TEST_F(uring, bad_size)
{
	REFUSED_COMMAND(EINVAL, self->ledger.size = 7, self->ledger.size = sizeof(self->ledger));
}

TEST_F(uring, bad_address)
{
	EXPECT_EQ(-EFAULT, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, NULL));
	EXPECT_EQ(-EFAULT, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, (void *)8));
}

TEST_F(uring, padding)
{
	struct io_uring_sqe *sqe;
	uint64_t one = 1;

	sqe = prepare(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger);
	memcpy(sqe->cmd + offsetof(struct spanheap_uring, pad), &one, sizeof(one));
	EXPECT_EQ(-EINVAL, finish(&self->ring));
	EXPECT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
}

TEST_F(uring, registered_buffer)
{
	struct iovec buffer = {
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE,
	};
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &buffer, 1));
	sqe = prepare(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger);
	sqe->rw_flags = 1;	/* IORING_URING_CMD_FIXED, in uring_cmd_flags */
	EXPECT_EQ(-EINVAL, finish(&self->ring));
	EXPECT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
}

TEST_F(uring, commands_that_are_not_for_it)
{
	struct spanheap_features features = { .size = sizeof(features) };
	struct spanheap_register reg = { .size = sizeof(reg) };
	int fd = device_open();

	EXPECT_EQ(-ENOTTY, command(&self->ring, fd, SPANHEAP_IOC_FEATURES, &features));
	EXPECT_EQ(-ENOTTY, command(&self->ring, fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(-ENOTTY, command(&self->ring, fd, SPANHEAP_IOC_LEDGER ^ 0x100, &self->ledger));
	EXPECT_EQ(-ENOTTY, command(&self->ring, fd, _IOWR(SPANHEAP_IOC_MAGIC, 0x7f, int), &reg));
	EXPECT_EQ(-ENXIO, command(&self->ring, fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(0, command(&self->ring, fd, SPANHEAP_IOC_LEDGER, &self->ledger));
}

TEST_F(uring, a_bad_range_of_many_is_told)
{
	struct spanheap_range ranges[3] = { self->range, self->range, self->range };

	ranges[1].length = 5;
	self->release.ranges = address(ranges);
	self->release.nr_ranges = 3;
	EXPECT_EQ(-EINVAL, command(&self->ring, self->heap.fd, SPANHEAP_IOC_RELEASE,
				   &self->release));
	EXPECT_EQ(1, self->release.nr_done);
	EXPECT_EQ(MIB, self->release.bytes);
}

/* A ring that a child has inherited is not the owner's hand. */
static int release_by_own_ring(void *arg)
{
	FIXTURE_DATA(uring) *self = arg;
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0))
		return 255;
	return -command(&ring, self->heap.fd, SPANHEAP_IOC_RELEASE, &self->release);
}

TEST_F(uring, release_by_another_process)
{
	EXPECT_EQ(EPERM, in_child(release_by_own_ring, self));
	EXPECT_EQ(1, self->heap.memory[0]);
	EXPECT_EQ(0, command(&self->ring, self->heap.fd, SPANHEAP_IOC_RELEASE, &self->release));
}

/* The file lives until its commands are done. */
TEST_F(uring, closed_with_commands_under_way)
{
	struct device_heap other;
	struct io_uring_cqe *cqe;

	ASSERT_EQ(0, device_heap(&other, REGION_LENGTH));
	for (int i = 0; i < 16; i++)
		prepare(&self->ring, other.fd, SPANHEAP_IOC_LEDGER, &self->ledger);
	ASSERT_EQ(16, io_uring_submit(&self->ring));
	munmap((void *)other.header, other.reg.header_length);
	munmap((void *)other.map, other.region.map_length);
	munmap(other.memory, other.length);
	close(other.fd);
	for (int i = 0; i < 16; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(0, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
}

/* Without io_uring the ioctls go on. */

/* One request, an answer for each event. */
TEST_F(uring, multishot_poll)
{
	struct __kernel_timespec patience = { .tv_sec = 100 };
	struct spanheap_order order = {
		.size = sizeof(order), .pid = getpid(), .bytes = MIB,
	};
	struct spanheap_event event;
	struct io_uring_cqe *cqe;

	io_uring_prep_poll_multishot(io_uring_get_sqe(&self->ring), self->heap.fd, POLLPRI);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &order));
		ASSERT_EQ(0, io_uring_wait_cqe_timeout(&self->ring, &cqe, &patience));
		EXPECT_NE(0, cqe->res & POLLPRI);
		EXPECT_NE(0, cqe->flags & IORING_CQE_F_MORE);
		io_uring_cqe_seen(&self->ring, cqe);
		ASSERT_EQ(sizeof(event), read(self->heap.fd, &event, sizeof(event)));
		EXPECT_EQ(MIB, event.ordered);
		EXPECT_EQ(-EAGAIN, io_uring_peek_cqe(&self->ring, &cqe));
	}
}

static int forbidden_by_seccomp(void *arg)
{
	FIXTURE_DATA(uring) *self = arg;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct io_uring ring;
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 255;
	if (io_uring_queue_init(4, &ring, 0) != -EPERM)
		return 1;
	fd = device_open();
	return device_do(fd, SPANHEAP_IOC_REGISTER, &reg) ||
	       device_do(fd, SPANHEAP_IOC_LEDGER, &self->ledger) ? 2 : 0;
}

TEST_F(uring, forbidden_by_seccomp)
{
	EXPECT_EQ(0, in_child(forbidden_by_seccomp, self));
}

TEST_F(uring, forbidden_by_sysctl)
{
	const char *path = "/proc/sys/kernel/io_uring_disabled";
	struct io_uring ring;
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;		/* before 6.6 there is no such thing */
	ASSERT_EQ(1, write(fd, "2", 1));
	EXPECT_EQ(-EPERM, io_uring_queue_init(4, &ring, 0));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_RELEASE, &self->release));
	ASSERT_EQ(1, pwrite(fd, "0", 1, 0));
	close(fd);
	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
