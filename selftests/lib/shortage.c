// SPDX-License-Identifier: MIT
/*
 * Hand-over while the module does not revoke: idle pages of a process in a
 * cgroup are released when another one in it takes memory, before the OOM
 * killer comes; and no more of them than are needed.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "heapload.h"

RUN_WITH_DELAY("50")

#define CGROUP	"/sys/fs/cgroup/spanheap-shortage"

#define LIMIT	(320 * MIB)
#define KEPT	(40 * MIB)
#define FREED	(160 * MIB)
#define TAKEN	(180 * MIB)

/* Headroom aimed at, what else the cgroup is charged for, and page tables. */
#define MARGIN	(110 * MIB)

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static size_t get(const char *path, const char *key)
{
	char line[256];
	size_t value = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key)))
			value = strtoul(line + strlen(key), NULL, 10);
	}
	if (f)
		fclose(f);
	return value;
}

FIXTURE(cgroup)
{
	struct load load;
	volatile int *stage;	/* of the hog: 0 waits, 1 takes, 2 has taken */
	pid_t hog;
};

FIXTURE_SETUP(cgroup)
{
	char limit[32];

	self->stage = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	snprintf(limit, sizeof(limit), "%lu", LIMIT);
	if ((mkdir(CGROUP, 0755) && errno != EEXIST) ||
	    !put(CGROUP "/memory.max", limit))
		SKIP(return, "no memory cgroup to be made here");
	put(CGROUP "/memory.swap.max", "0");
	ASSERT_TRUE(put(CGROUP "/cgroup.procs", "0"));
}

FIXTURE_TEARDOWN(cgroup)
{
	if (self->hog > 0)
		kill(self->hog, SIGKILL);
	waitpid(self->hog, NULL, 0);
	put("/sys/fs/cgroup/cgroup.procs", "0");
	rmdir(CGROUP);
}

/*
 * Takes memory when it is told to, and keeps it until it is killed. A process of
 * its own from before there is a heap: one that shared the heap's pages would
 * keep them from being freed.
 */
static pid_t start_hog(size_t bytes, volatile int *stage)
{
	pid_t pid = fork();
	char *p;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* Huge pages are beyond what a look now and then can answer: see release.h. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	while (!*stage)
		moment();
	for (size_t at = 0; at < bytes; at += 4096)
		p[at] = 1;
	*stage = 2;
	for (;;)
		pause();
}

TEST_F_TIMEOUT(cgroup, idle_pages_go_before_the_oom_killer_comes, 120)
{
	size_t before, after;
	int status;

	self->hog = start_hog(TAKEN, self->stage);
	ASSERT_GT(self->hog, 0);
	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	ASSERT_TRUE(load_fill(&self->load, KEPT + FREED));
	load_free(&self->load, KEPT / OBJECT_SIZE, self->load.nr);
	ASSERT_TRUE(EVENTUALLY(FIGURE(idle) > FREED - SLACK));
	before = smaps_field(getpid(), "Rss");

	*self->stage = 1;
	EXPECT_TRUE(EVENTUALLY(*self->stage == 2 || waitpid(self->hog, &status, WNOHANG)));
	EXPECT_EQ(2, *self->stage);
	EXPECT_EQ(0, get(CGROUP "/memory.events", "oom_kill "));

	after = smaps_field(getpid(), "Rss");
	/* Enough, and no more than leaves the headroom that is aimed at. */
	EXPECT_GT(before - after, KEPT + FREED + TAKEN - LIMIT);
	EXPECT_LT(before - after, KEPT + FREED + TAKEN - LIMIT + MARGIN);
	EXPECT_GT(FIGURE(idle), 0);
	EXPECT_TRUE(load_intact(&self->load));
}

TEST_HARNESS_MAIN
