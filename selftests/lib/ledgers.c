// SPDX-License-Identifier: MIT
/*
 * spanheap_ledgers(): of more processes than a submission holds, with io_uring,
 * without, and with nothing else. Witness is smaps_rollup; every process has a size
 * of its own, so that no answer can be taken for another's.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include <linux/spanheap.h>
#include <spanheap.h>

#define NR	70
#define KIB	1024UL
#define NOBODY	0x3fffffff	/* beyond the largest PID */

static struct spanheap_report reports[NR + 1];
static int errors[NR + 1];

FIXTURE(ledgers) {
	pid_t pids[NR + 1];
	int ready[2];
};

static void live(size_t i, int ready)
{
	size_t length = (i + 1) * 64 * KIB;
	char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(at, 1, length);
	if (write(ready, "", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

FIXTURE_SETUP(ledgers)
{
	char c;

	ASSERT_EQ(0, pipe(self->ready));
	for (size_t i = 0; i < NR; i++) {
		self->pids[i] = fork();
		if (!self->pids[i])
			live(i, self->ready[1]);
		ASSERT_EQ(1, read(self->ready[0], &c, 1));
	}
	self->pids[NR] = NOBODY;
}

FIXTURE_TEARDOWN(ledgers)
{
	for (size_t i = 0; i < NR; i++) {
		kill(self->pids[i], SIGKILL);
		waitpid(self->pids[i], NULL, 0);
	}
}

static size_t rss_of(pid_t pid)
{
	size_t kib = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Rss: %zu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * KIB;
}

/* The number of the first wrong answer, from 1 on; 0 when all are right. */
static int wrong(const pid_t *pids, const char *backend)
{
	if (spanheap_ledgers(pids, reports, errors, NR + 1, sizeof(*reports)))
		return -1;
	for (int i = 0; i < NR; i++)
		if (errors[i] || reports[i].total.rss != rss_of(pids[i]) ||
		    strcmp(reports[i].backend, backend))
			return i + 1;
	return errors[NR] == ESRCH ? 0 : NR + 1;
}

static const char *backend(void)
{
	return access(SPANHEAP_DEVICE, R_OK | W_OK) ? "procfs" : "device";
}

TEST_F(ledgers, of_many)
{
	EXPECT_EQ(0, wrong(self->pids, backend()));
}

TEST_F(ledgers, of_none_of_one_and_of_oneself)
{
	pid_t self_pid = 0;

	EXPECT_EQ(0, spanheap_ledgers(NULL, NULL, NULL, 0, sizeof(*reports)));
	EXPECT_EQ(0, spanheap_ledgers(self->pids, reports, errors, 1, sizeof(*reports)));
	EXPECT_EQ(0, errors[0]);
	EXPECT_EQ(rss_of(self->pids[0]), reports[0].total.rss);
	EXPECT_EQ(0, spanheap_ledgers(&self_pid, reports, errors, 1, sizeof(*reports)));
	EXPECT_EQ(0, errors[0]);
	EXPECT_LT(0, reports[0].total.rss);
}

TEST_F(ledgers, bad_arguments)
{
	EXPECT_EQ(-1, spanheap_ledgers(self->pids, reports, errors, 1, sizeof(*reports) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, spanheap_ledgers(NULL, reports, errors, 1, sizeof(*reports)));
	EXPECT_EQ(-1, spanheap_ledgers(self->pids, NULL, errors, 1, sizeof(*reports)));
	EXPECT_EQ(-1, spanheap_ledgers(self->pids, reports, NULL, 1, sizeof(*reports)));
}

/* From now on, system call @nr (with @arg1 as its second argument, or any) fails. */
static bool forbid(unsigned int nr, unsigned int arg1, bool any, unsigned int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arg1, 0, any ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST_F(ledgers, io_uring_is_forbidden)
{
	ASSERT_TRUE(forbid(SYS_io_uring_setup, 0, true, EPERM));
	EXPECT_EQ(0, wrong(self->pids, backend()));
}

TEST_F(ledgers, io_uring_is_unknown)
{
	ASSERT_TRUE(forbid(SYS_io_uring_setup, 0, true, ENOSYS));
	EXPECT_EQ(0, wrong(self->pids, backend()));
}

/* Then only io_uring can have asked the module. */
TEST_F(ledgers, the_ioctl_is_forbidden)
{
	if (strcmp(backend(), "device"))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_TRUE(forbid(SYS_ioctl, (unsigned int)SPANHEAP_IOC_LEDGER, false, EPERM));
	EXPECT_EQ(0, wrong(self->pids, "device"));
}

TEST_HARNESS_MAIN
