// SPDX-License-Identifier: MIT
/*
 * The scavenger's thread: starts, sleeps, wakes. What it does and when is
 * policy/schedule.c; how, giveback.c. Holds no lock of its own.
 *
 * The sleeper and those who poke it agree on three words. A poker sets `poked`,
 * then looks whether the thread sleeps for good; the thread says that it does,
 * then looks at `poked` once more: one of the two sees the other.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/procfile.h"
#include "giveback.h"
#include "options.h"
#include "policy/release.h"
#include "policy/schedule.h"
#include "pressure.h"
#include "scavenger.h"
#include "sys.h"
#include "thread.h"

/*
 * A thread costs some 20 KiB and programs that count theirs a surprise; below
 * this size there is less to win than that.
 */
#define WORTH_A_THREAD	(32 * MIB)

/* pthread_create failed that often: it is forbidden, or there is no room. */
#define MAX_FAILURES	8

enum state { ABSENT, STARTING, RUNNING };

static atomic_int state;
static atomic_bool poked;
static atomic_bool asleep;
static _Atomic uint32_t wakeups;	/* futex */
static _Atomic size_t largest;		/* heap, as far as pokes have told */
static atomic_int failures;
static atomic_uint chosen = UINT_MAX;	/* by the program; else by the environment */
static bool libc_ready;

/* Threads before libc has set itself up do not work. */
__attribute__((constructor)) static void constructor(void)
{
	libc_ready = true;
}

static bool have_device(void)
{
	return backend_current() == &device_backend;
}

unsigned int scavenger_mode(void)
{
	unsigned int mode = atomic_load(&chosen);

	return policy_mode(mode != UINT_MAX ? mode : options()->release, have_device());
}

/* The world of the schedule: this process. @ctx is whether huge pages are made. */

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static uint64_t world_now(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t world_cpu(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static bool world_poked(void *ctx)
{
	(void)ctx;
	return atomic_exchange(&poked, false);
}

static bool world_pass(void *ctx, uint64_t delay_ns)
{
	return giveback_pass(scavenger_mode(), have_device(), *(bool *)ctx, delay_ns);
}

static bool world_early(void *ctx, uint64_t age_ns)
{
	return giveback_early(scavenger_mode(), *(bool *)ctx, age_ns);
}

static uint64_t world_idle(void *ctx)
{
	(void)ctx;
	if (backend_current()->features() & SPANHEAP_FEATURE_REVOKE)
		return 0;
	return intent_totals[SPANHEAP_IDLE] << BASE_PAGE_SHIFT;
}

static uint64_t world_headroom(void *ctx)
{
	(void)ctx;
	return backend_current()->headroom();
}

static void world_release(void *ctx, uint64_t bytes)
{
	(void)ctx;
	giveback_idle(bytes);
}

static const struct schedule_ops world = {
	.now = world_now,
	.cpu = world_cpu,
	.poked = world_poked,
	.pass = world_pass,
	.early = world_early,
	.idle = world_idle,
	.headroom = world_headroom,
	.release = world_release,
};

static bool huge_pages_unasked(void)
{
	struct procfile f;
	const char *line;
	bool always;

	if (procfile_open(&f, "/sys/kernel/mm/transparent_hugepage/enabled"))
		return false;
	line = procfile_line(&f);
	always = line && strstr(line, "[always]");
	procfile_close(&f);
	return always;
}

/* @until: when at the latest, or NEVER; @for_good: until somebody pokes */
static void sleep_until(uint64_t until, bool for_good)
{
	uint32_t seen = wakeups;
	struct timespec ts = {
		.tv_sec = (time_t)(until / (1000 * MS)),
		.tv_nsec = (long)(until % (1000 * MS)),
	};

	atomic_store(&asleep, for_good);
	if (!for_good || !atomic_load(&poked))
		syscall(SYS_futex, &wakeups, FUTEX_WAIT_BITSET_PRIVATE, seen,
			until == NEVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
	atomic_store(&asleep, false);
}

static void wake(void)
{
	atomic_fetch_add(&wakeups, 1);
	syscall(SYS_futex, &wakeups, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *scavenge(void *arg)
{
	struct schedule schedule = SCHEDULE_INIT;
	uint64_t delay = options()->delay_ms * MS;
	bool huge = huge_pages_unasked();
	uint64_t until;

	(void)arg;
	thread_settle("spanheap");
	pressure_start();
	for (;;) {
		until = schedule_step(&schedule, &world, &huge, delay);
		backend_current()->publish();
		sleep_until(until, schedule.next_pass == NEVER);
	}
	return NULL;
}

static void start(void)
{
	int absent = ABSENT;
	int saved = errno;

	if (!libc_ready || failures >= MAX_FAILURES)
		return;
	/* What pthread_create allocates may poke again: it finds STARTING. */
	if (!atomic_compare_exchange_strong(&state, &absent, STARTING))
		return;
	backend_open();
	atomic_store(&poked, true);
	if (thread_start(scavenge)) {
		atomic_store(&state, RUNNING);
	} else {
		atomic_fetch_add(&failures, 1);
		atomic_store(&state, ABSENT);
	}
	errno = saved;
}

void scavenger_poke(size_t heap_bytes)
{
	if (atomic_load_explicit(&state, memory_order_relaxed) != RUNNING) {
		if (heap_bytes > largest)
			largest = heap_bytes;
		if (heap_bytes >= WORTH_A_THREAD)
			start();
		return;
	}
	if (atomic_load_explicit(&poked, memory_order_relaxed))
		return;
	atomic_store(&poked, true);
	if (atomic_load(&asleep)) {
		int saved = errno;

		wake();
		errno = saved;
	}
}

void scavenger_set_mode(unsigned int mode)
{
	atomic_store(&chosen, mode);
	scavenger_poke(largest);
}

void scavenger_fork_child(void)
{
	atomic_store(&state, ABSENT);
	atomic_store(&poked, false);
	atomic_store(&asleep, false);
}
