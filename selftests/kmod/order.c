// SPDX-License-Identifier: MIT
/*
 * Orders to give back memory: what is idle goes at once, the rest is asked for. With
 * and without revocation; witnesses are contents, pagemap and the records. Needs root.
 */
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "kselftest_harness.h"

#include "device.h"
#include "refused.h"
#include "witness.h"

#define LENGTH		(32 * MIB)
#define PAGES		(LENGTH / PAGE)
#define SOME_USER	1000

FIXTURE(order) {
	struct device_heap heap;
	struct spanheap_order order;
	bool revokes;
	uint64_t pagemap[PAGES];
};

FIXTURE_SETUP(order)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		*(uint64_t *)(self->heap.memory + i * PAGE) = i + 1;
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	self->revokes = self->heap.header->features & SPANHEAP_FEATURE_REVOKE;
	self->order = (struct spanheap_order) {
		.size = sizeof(self->order), .pid = getpid(), .bytes = 4 * MIB,
	};
}

FIXTURE_TEARDOWN(order)
{
}

static size_t count_said(const struct device_heap *heap, size_t first, size_t nr, unsigned int intent)
{
	size_t n = 0;

	for (size_t i = first; i < first + nr; i++)
		n += (heap->map[i] & SPANHEAP_INTENT_MASK) == intent;
	return n;
}

/* Gone where REVOKED stands, and nowhere else. */
static bool agrees(const struct device_heap *heap, uint64_t *pagemap)
{
	if (pagemap_entries(getpid(), address(heap->memory), PAGES, pagemap))
		return false;
	for (size_t i = 0; i < PAGES; i++) {
		bool gone = (heap->map[i] & SPANHEAP_INTENT_MASK) == SPANHEAP_REVOKED;

		if (gone != !(pagemap[i] & PM_PRESENT) ||
		    *(uint64_t *)(heap->memory + i * PAGE) != (gone ? 0 : i + 1))
			return false;
	}
	return true;
}

static int give(int fd, pid_t pid, uint64_t bytes)
{
	struct spanheap_order order = { .size = sizeof(order), .pid = pid, .bytes = bytes };

	return device_do(fd, SPANHEAP_IOC_ORDER, &order);
}

static unsigned int epoch_ago(unsigned int epochs)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)(now.tv_sec / SPANHEAP_EPOCH_SECONDS - epochs) << SPANHEAP_EPOCH_SHIFT & 0xff;
}

TEST_F(order, is_a_feature)
{
	EXPECT_NE(0, self->heap.header->features & SPANHEAP_FEATURE_ORDER);
}

TEST_F(order, idle_pages_go_at_once)
{
	device_say(&self->heap, 8 * MIB, 8 * MIB, SPANHEAP_IDLE);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &self->order));
	EXPECT_EQ(self->order.bytes, self->order.taken + self->order.asked);
	EXPECT_EQ(self->revokes ? 4 * MIB : 0, self->order.taken);
	EXPECT_EQ(self->order.taken / PAGE, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	EXPECT_EQ(self->order.taken, self->heap.header->revoked);
	EXPECT_TRUE(agrees(&self->heap, self->pagemap));
}

TEST_F(order, the_coldest_first)
{
	if (!self->revokes)
		return;
	device_say(&self->heap, 0, 8 * MIB, SPANHEAP_IDLE | epoch_ago(2));
	device_say(&self->heap, 8 * MIB, 4 * MIB, SPANHEAP_IDLE | epoch_ago(20));
	device_say(&self->heap, 20 * MIB, 4 * MIB, SPANHEAP_IDLE | epoch_ago(10));
	self->order.bytes = 8 * MIB;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &self->order));
	EXPECT_EQ(8 * MIB, self->order.taken);
	EXPECT_EQ(0, count_said(&self->heap, 0, 8 * MIB / PAGE, SPANHEAP_REVOKED));
	EXPECT_TRUE(agrees(&self->heap, self->pagemap));
}

/* Bytes that records say were ordered, until it is @bytes. */
static bool records_add_up(int fd, uint64_t bytes)
{
	struct spanheap_event event;
	uint64_t sum = 0;

	while (sum < bytes) {
		if (read(fd, &event, sizeof(event)) != sizeof(event))
			return false;
		if (!!event.ordered != !!(event.what & SPANHEAP_EVENT_ORDER))
			return false;
		sum += event.ordered;
	}
	return sum == bytes;
}

TEST_F(order, the_rest_is_asked_for)
{
	struct pollfd p = { .fd = self->heap.fd, .events = POLLPRI };
	uint64_t asked = 0;

	device_say(&self->heap, 0, 2 * MIB, SPANHEAP_IDLE);
	for (int i = 0; i < 5; i++) {
		self->order.bytes = 3 * MIB + i;
		ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &self->order));
		EXPECT_EQ(self->revokes && !i ? 2 * MIB : 0, self->order.taken);
		EXPECT_EQ(self->order.bytes - self->order.taken, self->order.asked);
		asked += self->order.asked;
	}
	EXPECT_EQ(asked, self->heap.header->ordered);
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_TRUE(records_add_up(self->heap.fd, asked));
	EXPECT_TRUE(agrees(&self->heap, self->pagemap));
}

/* Of what cannot be taken nothing is said to have been. */
TEST_F(order, locked_pages_are_asked_for)
{
	ASSERT_EQ(0, mlock(self->heap.memory, 8 * MIB));
	device_say(&self->heap, 0, 8 * MIB, SPANHEAP_IDLE);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &self->order));
	EXPECT_EQ(0, self->order.taken);
	EXPECT_EQ(4 * MIB, self->order.asked);
	EXPECT_TRUE(agrees(&self->heap, self->pagemap));
}

TEST_F(order, of_several_heaps)
{
	struct device_heap other;

	ASSERT_EQ(0, device_heap(&other, 4 * MIB));
	madvise(other.memory, 4 * MIB, MADV_NOHUGEPAGE);
	memset(other.memory, 1, 4 * MIB);
	device_say(&other, 0, 4 * MIB, SPANHEAP_IDLE);
	device_say(&self->heap, 0, 4 * MIB, SPANHEAP_IDLE);
	self->order.bytes = 10 * MIB;
	ASSERT_EQ(0, device_do(other.fd, SPANHEAP_IOC_ORDER, &self->order));
	EXPECT_EQ(self->revokes ? 8 * MIB : 0, self->order.taken);
	/* the larger one is asked */
	EXPECT_EQ(self->order.asked, self->heap.header->ordered);
	EXPECT_EQ(0, other.header->ordered);
}

TEST_F(order, bad_arguments)
{
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_ORDER, &self->order, flags, 1);
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_ORDER, &self->order, pid, 0);
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_ORDER, &self->order, pid, -1);
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_ORDER, &self->order, bytes, 0);
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_ORDER, &self->order, bytes, 1ULL << 63);
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_ORDER, &self->order, size, 4);
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, NULL));
}

/* who may */

static int become(uid_t user)
{
	return setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user);
}

struct request {
	uid_t user;
	pid_t pid;	/* 0: itself */
	bool with_heap;
};

static int request(void *arg)
{
	struct request *r = arg;
	struct device_heap heap;

	if (r->user && become(r->user))
		return 100;
	heap.fd = device_open();
	if (heap.fd < 0 || (r->with_heap && device_heap(&heap, 4 * MIB)))
		return 101;
	return -give(heap.fd, r->pid ?: getpid(), PAGE);
}

#define REQUEST(...) in_child(request, &(struct request) { __VA_ARGS__ })

TEST_F(order, by_whom)
{
	EXPECT_EQ(0, REQUEST(.pid = getpid()));
	EXPECT_EQ(0, REQUEST(.user = SOME_USER, .with_heap = true));
	EXPECT_EQ(EPERM, REQUEST(.user = SOME_USER, .pid = getpid()));
	/* and who holds the descriptor has no more rights by that */
	if (!fork())
		_exit(become(SOME_USER) ? 100 : -give(self->heap.fd, getppid(), PAGE));

	int status;

	wait(&status);
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
}

/* Being of the same user lets look, and no more. */
static int owner_of_a_user(void *arg)
{
	int *pipes = arg;
	struct device_heap heap;

	if (become(SOME_USER) || device_heap(&heap, 4 * MIB) || write(pipes[1], "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

TEST_F(order, of_the_same_user)
{
	int pipes[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	if (!pid)
		_exit(owner_of_a_user(pipes));
	close(pipes[1]);
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	EXPECT_EQ(EPERM, REQUEST(.user = SOME_USER, .pid = pid));
	EXPECT_EQ(0, REQUEST(.pid = pid));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(order, of_whom)
{
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		_exit(0);
	EXPECT_EQ(-ENOENT, give(self->heap.fd, 1, PAGE));
	EXPECT_EQ(-ESRCH, give(self->heap.fd, 2, PAGE));
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	EXPECT_EQ(-ESRCH, give(self->heap.fd, pid, PAGE));
	waitpid(pid, NULL, 0);
	EXPECT_EQ(-ESRCH, give(self->heap.fd, pid, PAGE));
}

TEST_HARNESS_MAIN
