// SPDX-License-Identifier: MIT
/*
 * Revocation while everything else happens: owners hand over, take back, fill and
 * verify; others fork, map and unmap, lock, split, merge and move the heap's
 * mappings, eat memory; reclaim all the while. Not one byte may be lost, and nobody
 * be killed. Needs root. SPANHEAP_TORTURE_SECONDS: how long to go on, each test for
 * half of it.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "device.h"

#define GROUP		"spanheap-torture"
#define LENGTH		(64 * MIB)
#define PAGES		(LENGTH / PAGE)
#define OWNERS		3
#define RUN		8	/* pages that change hands together */
#define RUNS		(PAGES / RUN / OWNERS)
#define KEPT		(2 * MIB / PAGE)	/* pages at the end that are never given up */
#define MOVED		(256 * KIB / PAGE)	/* pages of these that are moved about */

/* Said of a run by the owner that has it: whether it is IN_USE, and what it holds. */
struct run {
	bool in_use;
	uint32_t fill;
};

struct world {
	struct device_heap heap;
	struct run runs[OWNERS][RUNS];
	atomic_bool stop;
	atomic_ulong lost, revoked, kept, taken, busy, forks, children_lost;
};

struct owner {
	struct world *world;
	unsigned int number;
	uint64_t random;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t word_of(size_t page, uint32_t fill)
{
	return (page + 1) << 32 | fill;
}

/* A page is what its two ends say. */
static void page_fill(struct world *world, size_t i, uint32_t fill)
{
	volatile uint64_t *page = (uint64_t *)(world->heap.memory + i * PAGE);

	page[0] = word_of(i, fill);
	page[PAGE / 8 - 1] = word_of(i, fill);
}

static bool page_holds(struct world *world, size_t i, uint64_t word)
{
	volatile uint64_t *page = (uint64_t *)(world->heap.memory + i * PAGE);

	return page[0] == word && page[PAGE / 8 - 1] == word;
}

static bool change(struct world *world, size_t i, uint8_t from, uint8_t to)
{
	return __atomic_compare_exchange_n(&world->heap.map[i], &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void hand_over(struct world *world, struct run *run, size_t first, unsigned int epoch)
{
	for (size_t i = first; i < first + RUN; i++) {
		if (!page_holds(world, i, word_of(i, run->fill)))
			world->lost++;
		if (!change(world, i, SPANHEAP_IN_USE,
			    (uint8_t)(SPANHEAP_IDLE | epoch << SPANHEAP_EPOCH_SHIFT)))
			world->lost++;
	}
	run->in_use = false;
}

/* What is still IDLE when it is taken back holds what it held; what is REVOKED, zeros. */
static void take_page(struct world *world, const struct run *run, size_t i)
{
	for (;;) {
		uint8_t byte = world->heap.map[i];

		switch (byte & SPANHEAP_INTENT_MASK) {
		case SPANHEAP_REVOKING:
			world->busy++;
			sched_yield();
			continue;
		case SPANHEAP_IDLE:
			if (!change(world, i, byte, SPANHEAP_IN_USE))
				continue;
			world->kept++;
			/* or zeros, when an access by somebody else met the unmapping */
			if (!page_holds(world, i, word_of(i, run->fill)) &&
			    !page_holds(world, i, 0))
				world->lost++;
			return;
		case SPANHEAP_REVOKED:
			if (!change(world, i, byte, SPANHEAP_IN_USE))
				continue;
			world->revoked++;
			if (!page_holds(world, i, 0))
				world->lost++;
			return;
		default:
			world->lost++;
			return;
		}
	}
}

static void *own(void *arg)
{
	struct owner *owner = arg;
	struct world *world = owner->world;
	struct run *runs = world->runs[owner->number];

	while (!world->stop) {
		size_t r = next_random(&owner->random) % RUNS;
		size_t first = (owner->number * RUNS + r) * RUN;

		if (first + RUN > PAGES - KEPT)
			continue;
		if (runs[r].in_use) {
			hand_over(world, &runs[r], first, (unsigned int)next_random(&owner->random) & 31);
			continue;
		}
		for (size_t i = first; i < first + RUN; i++)
			take_page(world, &runs[r], i);
		runs[r].in_use = true;
		runs[r].fill++;
		for (size_t i = first; i < first + RUN; i++)
			page_fill(world, i, runs[r].fill);
		world->taken++;
	}
	return NULL;
}

/* Nothing of the child's may change, read twice with work in between. */
static int child(struct world *world)
{
	static uint64_t seen[PAGES - MOVED];

	for (size_t i = 0; i < PAGES - MOVED; i++)
		seen[i] = *(volatile uint64_t *)(world->heap.memory + i * PAGE);
	for (int i = 0; i < 20; i++)
		sched_yield();
	for (size_t i = 0; i < PAGES - MOVED; i++)
		if (*(volatile uint64_t *)(world->heap.memory + i * PAGE) != seen[i])
			return 1;
	for (size_t i = PAGES - KEPT; i < PAGES - MOVED; i++)
		if (!page_holds(world, i, word_of(i, 77)))
			return 2;
	return 0;
}

static void *fork_on(void *arg)
{
	struct world *world = arg;

	while (!world->stop) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(child(world));
		if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
			world->children_lost++;
		world->forks++;
	}
	return NULL;
}

/* Keeps somebody waiting for the mmap lock. */
static void *map_on(void *arg)
{
	struct world *world = arg;

	while (!world->stop) {
		char *at = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at != MAP_FAILED) {
			at[0] = 1;
			munmap(at, MIB);
		}
	}
	return NULL;
}

/* Splits and merges the mappings of the heap, and locks parts of it. */
static void *split_on(void *arg)
{
	struct world *world = arg;
	uint64_t random = 88172645463325252ull;

	while (!world->stop) {
		size_t at = next_random(&random) % (PAGES - 600) * PAGE;
		char *p = world->heap.memory + at;

		madvise(p, 512 * PAGE, next_random(&random) & 1 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		if (!mlock(p, 64 * PAGE))
			munlock(p, 64 * PAGE);
		mprotect(p, 32 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(p, 32 * PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static void *eat_on(void *arg)
{
	struct world *world = arg;

	while (!world->stop) {
		char *at = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			continue;
		for (size_t i = 0; i < 32 * MIB && !world->stop; i += PAGE)
			at[i] = 1;
		munmap(at, 32 * MIB);
	}
	return NULL;
}

/* Moves pages; the mappings stay, so that no other thread's come to lie there. */
static bool move(char *from, char *to)
{
	return mremap(from, MOVED * PAGE, MOVED * PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

/* Moves pages out of the region, where nobody may take them, and back. */
static void *move_on(void *arg)
{
	struct world *world = arg;
	size_t first = PAGES - MOVED;
	char *home = world->heap.memory + first * PAGE, *away = device_reserve(MOVED * PAGE);

	while (!world->stop) {
		if (!move(home, away))
			break;
		for (size_t i = 0; i < MOVED; i++) {
			/* the map goes on speaking of their place */
			world->heap.map[first + i] = SPANHEAP_IDLE;
			if (((volatile uint64_t *)(away + i * PAGE))[0] != word_of(first + i, 77))
				world->lost++;
		}
		for (size_t i = 0; i < MOVED; i++)
			world->heap.map[first + i] = SPANHEAP_IN_USE;
		if (!move(away, home))
			break;
	}
	if (!world->stop)
		world->lost++;
	return NULL;
}

/*
 * Until when to go on: so many rounds, but no longer than a while, as 6.12 takes its
 * time over one; or half of SPANHEAP_TORTURE_SECONDS.
 */
struct until {
	unsigned long rounds;
	time_t end;
};

#define WHILE	15

static struct until torture_until(unsigned long nr_rounds)
{
	const char *text = getenv("SPANHEAP_TORTURE_SECONDS");

	return (struct until) {
		.rounds = text ? ULONG_MAX : nr_rounds,
		.end = time(NULL) + (text ? (time_t)strtoul(text, NULL, 10) / 2 : WHILE),
	};
}

static bool go_on(struct until *until)
{
	return until->rounds-- && time(NULL) < until->end;
}

/* A world in which all pages are in use. */
static int make_world(struct world *world)
{
	int ret = device_heap(&world->heap, LENGTH);

	if (ret)
		return ret;
	for (size_t i = 0; i < PAGES; i++)
		page_fill(world, i, i >= PAGES - KEPT ? 77 : 0);
	device_say(&world->heap, 0, LENGTH, SPANHEAP_IN_USE);
	for (size_t o = 0; o < OWNERS; o++)
		for (size_t r = 0; r < RUNS; r++)
			world->runs[o][r].in_use = true;
	return 0;
}

static void live(struct world *world, struct until until)
{
	void *(*const others[])(void *arg) = { fork_on, map_on, split_on, eat_on, move_on };
	pthread_t threads[OWNERS + 5];
	struct owner owners[OWNERS];
	size_t n = 0;

	for (unsigned int i = 0; i < OWNERS; i++) {
		owners[i] = (struct owner) { .world = world, .number = i, .random = i + 12345 };
		pthread_create(&threads[n++], NULL, own, &owners[i]);
	}
	for (size_t i = 0; i < 5; i++)
		pthread_create(&threads[n++], NULL, others[i], world);
	/* at least until an owner has come upon pages that were taken */
	while (go_on(&until) || !world->revoked)
		cgroup_write(GROUP, "memory.reclaim", "4M");
	world->stop = true;
	while (n)
		pthread_join(threads[--n], NULL);
}

FIXTURE(torture) {
	struct world *world;
};

FIXTURE_SETUP(torture)
{
	const char *reason = device_cannot_revoke();

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, cgroup_enter(GROUP));
	cgroup_write(GROUP, "memory.max", "256M");
	self->world = mmap(NULL, sizeof(*self->world), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->world);
}

FIXTURE_TEARDOWN(torture)
{
	cgroup_leave(GROUP);
}

TEST_F_TIMEOUT(torture, loses_nothing, 600)
{
	struct world *world = self->world;
	struct spanheap_ledger ledger;

	ASSERT_EQ(0, make_world(world));
	/* the module cannot go away under it */
	ASSERT_EQ(-1, syscall(SYS_delete_module, "spanheap", O_NONBLOCK));
	ASSERT_EQ(EWOULDBLOCK, errno);
	live(world, torture_until(20));
	TH_LOG("%lu runs taken, pages found revoked %lu, still idle %lu, busy %lu; %lu forks",
	       world->taken, world->revoked, world->kept, world->busy, world->forks);
	EXPECT_EQ(0, world->lost);
	EXPECT_EQ(0, world->children_lost);
	EXPECT_LT(0, world->revoked);
	EXPECT_LT(0, world->kept);
	EXPECT_EQ(0, cgroup_read(GROUP, "memory.events", "oom_kill"));
	for (size_t i = PAGES - KEPT; i < PAGES; i++)
		ASSERT_TRUE(page_holds(world, i, word_of(i, 77)));
	ASSERT_EQ(0, device_ledger(world->heap.fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(0, ledger_row(&ledger, SPANHEAP_REVOKING));
	EXPECT_EQ(0, ledger.bad_intent);
}

/* Killed at any moment: reclaimers may be at its pages just then. */
TEST_F_TIMEOUT(torture, dies_at_any_moment, 600)
{
	struct until until = torture_until(3);
	uint64_t random = 4711;

	while (go_on(&until)) {
		struct world *world = self->world;
		int status, ready[2];
		pid_t pid;
		char c = 0;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		if (!pid) {
			if (make_world(world) || write(ready[1], &c, 1) != 1)
				_exit(1);
			live(world, (struct until) { ULONG_MAX, LONG_MAX });
			_exit(2);
		}
		ASSERT_EQ(1, read(ready[0], &c, 1));
		for (uint64_t n = next_random(&random) % 5; n; n--)
			cgroup_write(GROUP, "memory.reclaim", "4M");
		kill(pid, SIGKILL);
		cgroup_write(GROUP, "memory.reclaim", "4M");
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(ready[0]);
		close(ready[1]);
	}
}

TEST_HARNESS_MAIN
