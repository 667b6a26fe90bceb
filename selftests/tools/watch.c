// SPDX-License-Identifier: MIT
/*
 * spanheap watch: arguments everywhere; with the device, that orders given to heaps of
 * this test's own are told, with and without io_uring, and that it ends with the heap.
 */
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "../kmod/device.h"
#include "capture.h"

TEST(wrong_usage)
{
	struct capture c;

	CAPTURE(&c, "watch", "--quick");
	EXPECT_EQ(2, c.status);
	EXPECT_NE(NULL, strstr(c.err, "'--quick'"));
	CAPTURE(&c, "watch", "0");
	EXPECT_EQ(2, c.status);
}

TEST(no_device)
{
	struct capture c;

	if (!access(SPANHEAP_DEVICE, F_OK))
		return;
	CAPTURE(&c, "watch");
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, SPANHEAP_DEVICE));
}

TEST(no_heap)
{
	struct capture c;

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	CAPTURE(&c, "watch", "1");
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "process 1 has no heap"));
}

static void forbid_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
}

FIXTURE(watch) {
	struct device_heap heaps[2];
	FILE *out;
	pid_t pid;
};

FIXTURE_VARIANT(watch) {
	bool uring;
};

FIXTURE_VARIANT_ADD(watch, with_uring) { .uring = true };
FIXTURE_VARIANT_ADD(watch, without_uring) { .uring = false };

static bool line_has(FILE *out, const char *what)
{
	char line[256];

	if (!fgets(line, sizeof(line), out))
		return false;
	if (strstr(line, what))
		return true;
	fprintf(stderr, "# '%s' is not in: %s", what, line);
	return false;
}

FIXTURE_SETUP(watch)
{
	char self_pid[16];
	int out[2];

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, device_heap(&self->heaps[i], 4 * MIB));
	snprintf(self_pid, sizeof(self_pid), "%d", getpid());
	ASSERT_EQ(0, pipe2(out, O_CLOEXEC));
	self->pid = fork();
	if (!self->pid) {
		/* what is inherited holds a heap: only exec lets go of it */
		if (!variant->uring)
			forbid_uring();
		dup2(out[1], 1);
		execlp(spanheap(), "spanheap", "watch", self_pid, NULL);
		_exit(99);
	}
	close(out[1]);
	self->out = fdopen(out[0], "r");
	ASSERT_TRUE(line_has(self->out, "headroom"));
}

FIXTURE_TEARDOWN(watch)
{
}

/* The first heap is the one that an order asks: the largest, and the older of two. */
TEST_F(watch, orders_are_told)
{
	struct spanheap_order order = { .size = sizeof(order), .pid = getpid() };
	struct spanheap_event event;
	char wanted[64];
	int status;

	for (unsigned int i = 1; i <= 3; i++) {
		order.bytes = i * MIB;
		ASSERT_EQ(0, device_do(self->heaps[0].fd, SPANHEAP_IOC_ORDER, &order));
		EXPECT_EQ(i * MIB, order.asked);
		snprintf(wanted, sizeof(wanted), " %u.0\n", i);
		EXPECT_TRUE(line_has(self->out, wanted));
	}
	/* the owner has lost none of them */
	for (unsigned int i = 1; i <= 3; i++) {
		struct device_heap *heap = &self->heaps[!!self->heaps[1].header->events];

		ASSERT_EQ(sizeof(event), read(heap->fd, &event, sizeof(event)));
		EXPECT_EQ(i * MIB, event.ordered);
	}
	for (int i = 0; i < 2; i++) {
		struct device_heap *heap = &self->heaps[i];

		munmap(heap->memory, heap->length);
		munmap((void *)heap->map, heap->region.map_length);
		munmap((void *)heap->header, heap->reg.header_length);
		close(heap->fd);
		snprintf(wanted, sizeof(wanted), "heap %" PRIu64 " is gone",
			 (uint64_t)heap->reg.heap_id);
		EXPECT_TRUE(line_has(self->out, wanted));
	}
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
