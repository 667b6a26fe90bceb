// SPDX-License-Identifier: MIT
/*
 * What the procfs backend reads: smaps of a child against the test's own sum of
 * the long file, headroom against cgroup files made by hand.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "../../lib/backend/headroom.h"
#include "../../lib/backend/smaps.h"

#define MIB	(1024 * 1024UL)

/* A child with 32 MiB, 8 of them lazily freed, that has stopped itself. */
static pid_t child_with_memory(void)
{
	pid_t pid = fork();
	char *p;

	if (pid)
		return pid;
	p = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 32 * MIB);
	madvise(p, 8 * MIB, MADV_FREE);
	raise(SIGSTOP);
	_exit(0);
}

static void own_sum(pid_t pid, struct smaps_sums *sums)
{
	char path[64], line[512];
	unsigned long kib;
	FILE *f;

	memset(sums, 0, sizeof(*sums));
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Rss: %lu kB", &kib) == 1)
			sums->rss += kib * 1024;
		else if (sscanf(line, "LazyFree: %lu kB", &kib) == 1)
			sums->lazyfree += kib * 1024;
		else if (sscanf(line, "Swap: %lu kB", &kib) == 1)
			sums->swap += kib * 1024;
	}
	if (f)
		fclose(f);
}

TEST(smaps_of_a_stopped_child)
{
	struct smaps_sums before, want, got;
	int status;
	pid_t pid = child_with_memory();

	ASSERT_GT(pid, 0);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	/* LazyFree moves while per-CPU batches drain: until nothing has moved. */
	do {
		own_sum(pid, &before);
		ASSERT_EQ(0, smaps_read(pid, &got));
		own_sum(pid, &want);
	} while (memcmp(&before, &want, sizeof(want)));
	EXPECT_GT(want.rss, 32 * MIB);
	EXPECT_GT(want.lazyfree, 7 * MIB);
	EXPECT_EQ(got.rss, want.rss);
	EXPECT_EQ(got.lazyfree, want.lazyfree);
	EXPECT_EQ(got.swap, want.swap);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	EXPECT_EQ(-ESRCH, smaps_read(pid, &got));
	EXPECT_EQ(-ESRCH, smaps_read(-1, &got));
}

TEST(smaps_of_a_zombie_and_of_oneself)
{
	struct smaps_sums sums;
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	EXPECT_EQ(-ESRCH, smaps_read(pid, &sums));
	waitpid(pid, NULL, 0);
	EXPECT_EQ(0, smaps_read(0, &sums));
	EXPECT_GT(sums.rss, 0);
}

FIXTURE(cgroups)
{
	char root[64];
};

static void put(const char *root, const char *dir, const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s%s/%s", root, dir, file);
	f = fopen(path, "w");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

FIXTURE_SETUP(cgroups)
{
	strcpy(self->root, "/tmp/spanheap.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	put(self->root, "", "cgroup.procs", "");
	put(self->root, "/a", "memory.max", "1000000\n");
	put(self->root, "/a", "memory.high", "max\n");
	put(self->root, "/a", "memory.current", "700000\n");
	put(self->root, "/a", "memory.stat", "anon 5\nfile 6\ninactive_file 100000\nslab 7\n");
	put(self->root, "/a/b", "memory.max", "max\n");
	put(self->root, "/a/b", "memory.high", "max\n");
	put(self->root, "/a/b", "memory.current", "999\n");
}

FIXTURE_TEARDOWN(cgroups)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", self->root);
	if (system(command))
		TH_LOG("%s is left behind", self->root);
}

TEST_F(cgroups, an_ancestors_limit_counts)
{
	EXPECT_EQ(400000, headroom_cgroup(self->root, "/a"));
	EXPECT_EQ(400000, headroom_cgroup(self->root, "/a/b"));
	EXPECT_EQ(400000, headroom_cgroup(self->root, "/a/b/"));
	EXPECT_EQ(UINT64_MAX, headroom_cgroup(self->root, "/"));
	EXPECT_EQ(UINT64_MAX, headroom_cgroup(self->root, "/nowhere"));
}

TEST_F(cgroups, the_tightest_of_max_and_high)
{
	put(self->root, "/a/b", "memory.high", "1500\n");
	EXPECT_EQ(501, headroom_cgroup(self->root, "/a/b"));
	put(self->root, "/a/b", "memory.max", "1200\n");
	EXPECT_EQ(201, headroom_cgroup(self->root, "/a/b"));
	/* Over the limit, and a limit of the root of a namespace. */
	put(self->root, "/a/b", "memory.max", "500\n");
	EXPECT_EQ(0, headroom_cgroup(self->root, "/a/b"));
	put(self->root, "", "memory.max", "9000\n");
	put(self->root, "", "memory.current", "8000\n");
	EXPECT_EQ(1000, headroom_cgroup(self->root, "/"));
}

TEST(headroom_is_no_more_than_the_machine_has)
{
	unsigned long kib = 0;
	char line[256];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemTotal: %lu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	EXPECT_GT(headroom_bytes(), 0);
	EXPECT_LT(headroom_bytes(), kib * 1024);
}

TEST_HARNESS_MAIN
