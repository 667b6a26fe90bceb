// SPDX-License-Identifier: MIT
/*
 * Waiting for the end of a revocation that is under way, also by an owner that
 * would not let anybody else at the CPU. Needs root.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "squeeze.h"

static int wait_at(const struct device_heap *heap, const char *at)
{
	struct spanheap_wait wait = { .size = sizeof(wait), .addr = address(at) };

	return device_do(heap->fd, SPANHEAP_IOC_WAIT, &wait);
}

TEST_F(revoke, wait_is_over_at_once)
{
	EXPECT_EQ(0, wait_at(&self->heap, self->heap.memory));
	EXPECT_EQ(0, wait_at(&self->heap, self->heap.memory + LENGTH - 1));
}

static int wait_as_a_stranger(void *arg)
{
	const struct device_heap *heap = arg;

	return -wait_at(heap, heap->memory);
}

TEST_F(revoke, wait_is_for_owners_and_regions)
{
	struct device_heap none = { .fd = device_open() }, other;

	EXPECT_EQ(-ENXIO, wait_at(&none, self->heap.memory));
	EXPECT_EQ(EPERM, in_child(wait_as_a_stranger, &self->heap));
	EXPECT_EQ(-ENOENT, wait_at(&self->heap, self->heap.memory + LENGTH));
	EXPECT_EQ(-ENOENT, wait_at(&self->heap, NULL));
	ASSERT_EQ(0, device_heap(&other, MIB));
	EXPECT_EQ(-ENOENT, wait_at(&self->heap, other.memory));
}

struct reclaimer {
	struct device_heap *heap;
	atomic_bool stop;
	int cpu;
};

static void stay_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* What is taken is filled and handed over again. */
static void *reclaim_on(void *arg)
{
	struct reclaimer *me = arg;

	if (me->cpu >= 0)
		stay_on_cpu(me->cpu);
	while (!me->stop) {
		for (size_t i = 0; i < PAGES; i += 16)
			me->heap->memory[i * PAGE] = 1;
		device_say(me->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
		cgroup_write(GROUP, "memory.reclaim", "8M");
	}
	return NULL;
}

/* The first page in REVOKING from @from on, round once; PAGES: none. */
static size_t find_revoking(const struct device_heap *heap, size_t from)
{
	for (size_t n = 0; n < PAGES; n++)
		if (said(heap, (from + n) % PAGES) == SPANHEAP_REVOKING)
			return (from + n) % PAGES;
	return PAGES;
}

/* Wait for some pages; how many were left REVOKING when the wait was over. */
static size_t wait_for(struct device_heap *heap, size_t nr, size_t looks, bool nap, size_t *seen)
{
	const struct timespec moment = { .tv_nsec = 50 * 1000 };
	size_t left = 0, at = 0;

	for (*seen = 0; *seen < nr && looks; looks--) {
		at = find_revoking(heap, at);
		if (at < PAGES) {
			if (wait_at(heap, heap->memory + at * PAGE))
				return PAGES;
			left += said(heap, at) == SPANHEAP_REVOKING;
			++*seen;
		} else if (nap) {
			nanosleep(&moment, NULL);
		}
		at %= PAGES;
	}
	return left;
}

TEST_F(revoke, wait_ends_when_revoking_does)
{
	struct reclaimer reclaimer = { .heap = &self->heap, .cpu = -1 };
	pthread_t thread;
	size_t seen, left;

	pthread_create(&thread, NULL, reclaim_on, &reclaimer);
	left = wait_for(&self->heap, 20, 1000000, false, &seen);
	reclaimer.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(20, seen);
	EXPECT_EQ(0, left);
}

/*
 * The owner pre-empts whoever revokes on its CPU, and gets on all the same: were
 * it to spin, this would never end.
 */
TEST_F(revoke, wait_lets_others_at_the_cpu)
{
	struct reclaimer reclaimer = { .heap = &self->heap, .cpu = 0 };
	struct sched_param param = { .sched_priority = 1 };
	pthread_t thread;
	size_t seen, left;

	pthread_create(&thread, NULL, reclaim_on, &reclaimer);
	stay_on_cpu(0);
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &param));
	left = wait_for(&self->heap, 3, 4000, true, &seen);
	reclaimer.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("came upon REVOKING %zu times", seen);
	EXPECT_EQ(0, left);
	EXPECT_EQ(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKING));
}

TEST_HARNESS_MAIN
