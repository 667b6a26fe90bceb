// SPDX-License-Identifier: MIT
/*
 * spanheap_on_pressure(): callbacks when memory gets short in a cgroup of the test's
 * own, and when it is not any more; with the module, and (lib/pressure-procfs) without.
 * The test waits for callbacks, never for time.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "../kmod/cgroup.h"
#include "heapload.h"

#define GROUP	"spanheap-pressure"

#ifdef ON_PROCFS
__attribute__((constructor)) static void without_the_module(int argc, char **argv)
{
	if (!getenv("SPANHEAP_BACKEND")) {
		setenv("SPANHEAP_BACKEND", "procfs", 1);
		execv("/proc/self/exe", argv);
	}
}
#endif

RUN_WITH_DELAY("50")

static atomic_uint calls, level, highest;
static _Atomic uint64_t wanted, headroom;

static void note(const struct spanheap_pressure *p, void *arg)
{
	/* it may allocate */
	free(malloc(100000));
	headroom = p->headroom;
	wanted = p->wanted;
	level = p->level;
	if (p->level > highest)
		highest = p->level;
	calls++;
}

FIXTURE(pressure)
{
	struct load load;
	char *ballast;
};

FIXTURE_SETUP(pressure)
{
	if (geteuid())
		SKIP(return, "needs root");
	cgroup_write("", "cgroup.subtree_control", "+memory");
	if (cgroup_enter(GROUP) || cgroup_write(GROUP, "memory.max", "max"))
		SKIP(return, "no memory cgroup to be made here");
	cgroup_write(GROUP, "memory.swap.max", "0");
	self->ballast = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(self->ballast, 1, 64 * MIB);
}

FIXTURE_TEARDOWN(pressure)
{
	cgroup_write(GROUP, "memory.max", "max");
	cgroup_leave(GROUP);
}

/*
 * A limit just above what is used, and tasks that stall on it. Each processor may have
 * charged 256 KiB ahead: with less than that between nobody is safe from a kill.
 */
static bool squeeze(atomic_uint *until_above, unsigned int than)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld",
		 (long long)(cgroup_read(GROUP, "memory.current", NULL) + 1536 * KIB));
	cgroup_write(GROUP, "memory.max", text);
	return EVENTUALLY((cgroup_write(GROUP, "memory.reclaim", "256K"), *until_above > than));
}

TEST_F_TIMEOUT(pressure, is_told_and_so_is_its_end, 120)
{
	ASSERT_EQ(0, spanheap_on_pressure(note, NULL));
	EXPECT_EQ(0, calls);
	ASSERT_TRUE(squeeze(&highest, 0));
	EXPECT_LT(0, headroom);
	cgroup_write(GROUP, "memory.max", "max");
	EXPECT_TRUE(EVENTUALLY(!level));
	EXPECT_EQ(0, wanted);
	EXPECT_EQ(0, spanheap_off_pressure(note, NULL));
}

/* What is free and not handed over yet goes, so that the application need not. */
TEST_F_TIMEOUT(pressure, is_answered_by_what_is_free, 120)
{
	size_t before;

	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	ASSERT_TRUE(load_fill(&self->load, 64 * MIB));
	load_free(&self->load, 8 * MIB / OBJECT_SIZE, self->load.nr);
	ASSERT_EQ(0, spanheap_on_pressure(note, NULL));
	before = smaps_field(getpid(), "Rss");
	EXPECT_TRUE(squeeze(&highest, 0));
	EXPECT_TRUE(EVENTUALLY((cgroup_write(GROUP, "memory.reclaim", "256K"),
				before - smaps_field(getpid(), "Rss") > 4 * MIB)));
	EXPECT_TRUE(load_intact(&self->load));
}

#ifndef ON_PROCFS
TEST_F_TIMEOUT(pressure, an_order_is_answered, 120)
{
	struct spanheap_reclaimed got;

	if (strcmp(spanheap_backend(), "device"))
		SKIP(return, "no device");
	spanheap_set_release(SPANHEAP_RELEASE_KEEP);
	ASSERT_TRUE(load_fill(&self->load, 64 * MIB));
	load_free(&self->load, 0, self->load.nr / 2);
	ASSERT_EQ(0, spanheap_on_pressure(note, NULL));
	/* nothing is handed over: all is asked for, more than there is */
	ASSERT_EQ(0, spanheap_reclaim(getpid(), 100 * MIB, &got, sizeof(got)));
	EXPECT_EQ(0, got.taken);
	EXPECT_EQ(100 * MIB, got.asked);
	EXPECT_TRUE(EVENTUALLY(calls));
	/* the application is asked for the rest alone */
	EXPECT_LT(60 * MIB, wanted);
	EXPECT_GT(80 * MIB, wanted);
	EXPECT_TRUE(load_intact(&self->load));
}
#endif

TEST_F(pressure, arguments)
{
	errno = 0;
	EXPECT_EQ(-1, spanheap_on_pressure(NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, spanheap_off_pressure(note, NULL));
	EXPECT_EQ(ENOENT, errno);
	for (uintptr_t i = 0; i < 16; i++)
		ASSERT_EQ(0, spanheap_on_pressure(note, (void *)i));
	EXPECT_EQ(-1, spanheap_on_pressure(note, NULL));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(-1, spanheap_off_pressure(note, (void *)16));
	for (uintptr_t i = 0; i < 16; i++)
		ASSERT_EQ(0, spanheap_off_pressure(note, (void *)i));
	EXPECT_EQ(0, spanheap_on_pressure(note, NULL));
	EXPECT_EQ(0, spanheap_off_pressure(note, NULL));
}

static atomic_uint inside, may_leave, late;

static void slow(const struct spanheap_pressure *p, void *arg)
{
	inside = 1;
	while (!may_leave)
		moment();
	*(atomic_uint *)arg = 1;
}

static void *leave(void *arg)
{
	moment();
	may_leave = 1;
	return NULL;
}

/* When a callback has been taken away it is not running any more. */
TEST_F_TIMEOUT(pressure, taking_away_waits_for_a_call, 120)
{
	atomic_uint finished = 0;
	pthread_t thread;

	ASSERT_EQ(0, spanheap_on_pressure(slow, &finished));
	ASSERT_TRUE(squeeze(&inside, 0));
	EXPECT_EQ(0, finished);
	ASSERT_EQ(0, pthread_create(&thread, NULL, leave, NULL));
	EXPECT_EQ(0, spanheap_off_pressure(slow, &finished));
	EXPECT_EQ(1, finished);
	pthread_join(thread, NULL);
}

static void once(const struct spanheap_pressure *p, void *arg)
{
	calls++;
	late = spanheap_off_pressure(once, arg);
}

TEST_F_TIMEOUT(pressure, a_callback_may_take_itself_away, 120)
{
	ASSERT_EQ(0, spanheap_on_pressure(once, NULL));
	ASSERT_TRUE(squeeze(&calls, 0));
	EXPECT_EQ(0, late);
	EXPECT_EQ(-1, spanheap_off_pressure(once, NULL));
}

TEST_F_TIMEOUT(pressure, in_a_forked_child, 120)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, spanheap_on_pressure(note, NULL));
	pid = fork();
	if (!pid) {
		calls = 0;
		_exit(spanheap_on_pressure(note, &calls) || !squeeze(&calls, 1));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
