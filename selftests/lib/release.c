// SPDX-License-Identifier: MIT
/*
 * The release modes, end to end: 200 MiB are allocated and written, 160 are
 * freed, and the scavenger does with them what the mode says. The library's
 * ledger is held against smaps. With spanheap.ko the ledger is the module's.
 */
#include <dirent.h>
#include "kselftest_harness.h"
#include "heapload.h"

RUN_WITH_DELAY("50")

#define KEPT	(40 * MIB)
#define FREED	(160 * MIB)

/* Full of objects, the process had this much; a sanitizer's own memory included. */
FIXTURE(release)
{
	struct load load;
	size_t full;
};

static size_t rss(void)
{
	return smaps_field(getpid(), "Rss");
}

/*
 * Nothing was given back. Not to the page: the kernel may at any time take one
 * that is lazily freed, or the text of a library, for reasons of its own.
 */
static bool still_resident(size_t full)
{
	return rss() + SLACK >= full;
}

FIXTURE_SETUP(release)
{
	ASSERT_EQ(0, spanheap_set_release(SPANHEAP_RELEASE_KEEP));
	ASSERT_TRUE(load_fill(&self->load, KEPT + FREED));
	self->full = rss();
	ASSERT_GE(self->full, KEPT + FREED);
	load_free(&self->load, KEPT / OBJECT_SIZE, (KEPT + FREED) / OBJECT_SIZE);
}

FIXTURE_TEARDOWN(release)
{
	EXPECT_TRUE(load_intact(&self->load));
}

TEST_F(release, keep)
{
	EXPECT_EQ(SPANHEAP_RELEASE_KEEP, spanheap_get_release());
	EXPECT_TRUE(still_resident(self->full));
	EXPECT_EQ(0, smaps_field(getpid(), "LazyFree"));
	EXPECT_EQ(0, FIGURE(idle));
	EXPECT_EQ(0, FIGURE(freed));
}

TEST_F(release, free)
{
	spanheap_set_release(SPANHEAP_RELEASE_FREE);
	EXPECT_TRUE(EVENTUALLY(smaps_field(getpid(), "LazyFree") > FREED - SLACK));
	/* Resident all the same: that is the lie that the ledger takes apart. */
	EXPECT_TRUE(still_resident(self->full));
	EXPECT_GE(FIGURE(rss), KEPT + FREED - SLACK);
	/* more is given back between the two looks */
	EXPECT_GE(FIGURE(lazyfree) + SLACK, smaps_field(getpid(), "LazyFree"));
	EXPECT_LE(FIGURE(lazyfree), FREED + SLACK);
	if (have_device()) {
		EXPECT_GE(FIGURE(in_use), KEPT - SLACK);
		EXPECT_LE(FIGURE(in_use), KEPT + SLACK);
	}
}

TEST_F(release, dontneed)
{
	spanheap_set_release(SPANHEAP_RELEASE_DONTNEED);
	EXPECT_TRUE(EVENTUALLY(rss() + FREED < self->full + SLACK));
	EXPECT_LE(FIGURE(rss), self->full + SLACK - FREED);
	EXPECT_TRUE(EVENTUALLY(FIGURE(freed) > FREED - SLACK));
	EXPECT_EQ(0, FIGURE(idle));
	EXPECT_EQ(0, FIGURE(lazyfree));
}

TEST_F(release, handover)
{
	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	EXPECT_TRUE(EVENTUALLY(FIGURE(idle) > FREED - SLACK));
	EXPECT_LE(FIGURE(idle), FREED);
	EXPECT_TRUE(still_resident(self->full));
	EXPECT_EQ(0, smaps_field(getpid(), "LazyFree"));
	EXPECT_EQ(0, FIGURE(lazyfree));
	EXPECT_GE(FIGURE(in_use), KEPT - SLACK);
}

TEST_F(release, taken_back_after_handover)
{
	struct load again;

	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	ASSERT_TRUE(EVENTUALLY(FIGURE(idle) > FREED - SLACK));
	ASSERT_TRUE(load_fill(&again, FREED - SLACK));
	EXPECT_LE(FIGURE(idle), 2 * SLACK);
	/* The same pages, warm. */
	EXPECT_LE(rss(), self->full + SLACK);
	EXPECT_TRUE(load_intact(&again));
	load_free(&again, 0, again.nr);
	EXPECT_TRUE(EVENTUALLY(FIGURE(idle) > FREED - SLACK));
}

TEST_F(release, switched_while_running)
{
	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	ASSERT_TRUE(EVENTUALLY(FIGURE(idle) > FREED - SLACK));
	spanheap_set_release(SPANHEAP_RELEASE_FREE);
	EXPECT_TRUE(EVENTUALLY(smaps_field(getpid(), "LazyFree") > FREED - SLACK));
	EXPECT_TRUE(EVENTUALLY(!FIGURE(idle)));
	/* What is given back stays so: nothing changes but for what comes free. */
	spanheap_set_release(SPANHEAP_RELEASE_DONTNEED);
	load_free(&self->load, 0, KEPT / 2 / OBJECT_SIZE);
	EXPECT_TRUE(EVENTUALLY(FIGURE(freed) > KEPT / 2 - SLACK));
	EXPECT_GE(smaps_field(getpid(), "LazyFree"), FREED - 2 * SLACK);
}

TEST_F(release, all_at_once)
{
	spanheap_set_release(SPANHEAP_RELEASE_FREE);
	ASSERT_TRUE(EVENTUALLY(smaps_field(getpid(), "LazyFree") > FREED - SLACK));
	EXPECT_GE(spanheap_release_all(), FREED - 2 * SLACK);
	EXPECT_LE(rss() + FREED, self->full + SLACK);
	EXPECT_GE(FIGURE(freed), FREED - SLACK);
	EXPECT_LE(spanheap_release_all(), SLACK);
}

TEST_F(release, pieces_smaller_than_huge_pages)
{
	spanheap_set_release(SPANHEAP_RELEASE_DONTNEED);
	ASSERT_TRUE(EVENTUALLY(rss() + FREED < self->full + SLACK));
	/* Every second object of what is left: 64 KiB free, 64 KiB not. */
	for (size_t i = 0; i < KEPT / OBJECT_SIZE; i += 2)
		load_free(&self->load, i, i + 1);
	EXPECT_TRUE(EVENTUALLY(rss() + FREED + KEPT / 2 < self->full + SLACK));
}

/* The line of /proc/self/task/TID/FILE that begins with @key. */
static bool task_line(const char *tid, const char *file, const char *key, char out[256])
{
	char path[300];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", tid, file);
	f = fopen(path, "r");
	while (f && !found && fgets(out, 256, f))
		found = !strncmp(out, key, strlen(key));
	if (f)
		fclose(f);
	return found;
}

static bool find_scavenger(char tid[16])
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *d;
	char line[256];
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		if (d->d_name[0] != '.' && task_line(d->d_name, "comm", "spanheap\n", line)) {
			snprintf(tid, 16, "%.15s", d->d_name);
			found = true;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

/* futex(&word, FUTEX_WAIT_BITSET | PRIVATE, value, no timeout, ... */
static bool sleeps_for_good(const char *tid)
{
	unsigned long nr, word, op, value, timeout;
	char line[256];

	return task_line(tid, "syscall", "", line) &&
	       sscanf(line, "%lu %lx %lx %lx %lx", &nr, &word, &op, &value, &timeout) == 5 &&
	       op == 0x89 && !timeout;
}

TEST_F(release, the_thread_sleeps_when_all_is_done)
{
	unsigned long long blocked = 0;
	char tid[16], line[256];

	ASSERT_TRUE(EVENTUALLY(find_scavenger(tid)));
	spanheap_set_release(SPANHEAP_RELEASE_DONTNEED);
	ASSERT_TRUE(EVENTUALLY(rss() + FREED < self->full + SLACK));
	if (!task_line(tid, "syscall", "", line))
		SKIP(return, "no /proc/PID/task/TID/syscall here");
	EXPECT_TRUE(EVENTUALLY(sleeps_for_good(tid)));
	ASSERT_TRUE(task_line(tid, "status", "SigBlk:", line));
	blocked = strtoull(line + 7, NULL, 16);
	/* All but those that cannot be blocked: KILL, STOP, and libc's own two. */
	EXPECT_EQ(~blocked, 1ULL << 8 | 1ULL << 18 | 1ULL << 31 | 1ULL << 32);
}

TEST(a_small_heap_has_no_thread)
{
	struct load load;
	char tid[16];

	ASSERT_TRUE(load_fill(&load, 8 * MIB));
	load_free(&load, 0, load.nr);
	EXPECT_FALSE(find_scavenger(tid));
}

TEST(bad_arguments)
{
	struct spanheap_report report;

	EXPECT_EQ(-1, spanheap_set_release((enum spanheap_release)4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, spanheap_ledger(0, &report, sizeof(report) - 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, spanheap_ledger(0, NULL, sizeof(report)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, spanheap_ledger(-5, &report, sizeof(report)));
	EXPECT_EQ(ESRCH, errno);
}

TEST_HARNESS_MAIN
