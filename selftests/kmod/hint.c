// SPDX-License-Identifier: MIT
/*
 * Hints: levels and headroom below the limits of a cgroup of the test's own, the
 * header page, poll and read. Witnesses are the files of the cgroup. Runs with and
 * without revocation. Needs root.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "device.h"

#define LENGTH		(48 * MIB)
#define OUTER		"spanheap-hint"
#define GROUP		OUTER "/inner"

#define MARGIN_MIN	(256 * KIB)
#define MARGIN_MAX	(4 * MIB)

/* Shortest time between two wake-ups. */
#define WINDOW_NS	100000000ULL

FIXTURE(hint) {
	struct device_heap heap;
	struct spanheap_hint hint;
};

FIXTURE_SETUP(hint)
{
	char path[256];

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	cgroup_path(path, OUTER, "");
	mkdir(path, 0755);
	cgroup_write(OUTER, "memory.max", "max");
	cgroup_write(OUTER, "memory.high", "max");
	ASSERT_EQ(0, cgroup_write(OUTER, "cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, cgroup_enter(GROUP));
	cgroup_write(GROUP, "memory.swap.max", "0");
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
	memset(self->heap.memory, 1, LENGTH);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	self->hint = (struct spanheap_hint) { .size = sizeof(self->hint) };
}

FIXTURE_TEARDOWN(hint)
{
	char path[256];

	cgroup_leave(GROUP);
	cgroup_path(path, OUTER, "");
	rmdir(path);
}

static int ask(const struct device_heap *heap, struct spanheap_hint *hint)
{
	return device_do(heap->fd, SPANHEAP_IOC_HINT, hint);
}

static void limit(const char *group, const char *file, uint64_t bytes)
{
	char value[32];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)bytes);
	cgroup_write(group, file, value);
}

static void no_limit(void)
{
	cgroup_write(GROUP, "memory.max", "max");
	cgroup_write(GROUP, "memory.high", "max");
	cgroup_write(OUTER, "memory.max", "max");
	cgroup_write(OUTER, "memory.high", "max");
}

/* What cannot be dropped at once. */
static uint64_t charged(const char *group)
{
	return cgroup_read(group, "memory.current", NULL) -
	       cgroup_read(group, "memory.stat", "inactive_file");
}

/* A limit that leaves @parts of 128 of itself: half a margin is one part. */
static uint64_t limit_for(const char *group, unsigned int parts)
{
	return charged(group) * 128 / (128 - parts);
}

static const struct {
	unsigned int parts, level;
} levels[] = {
	{ 1, SPANHEAP_PRESSURE_CRITICAL },
	{ 4, SPANHEAP_PRESSURE_MEDIUM },
	{ 16, SPANHEAP_PRESSURE_LOW },
	{ 48, SPANHEAP_PRESSURE_NONE },
};

#define NR_LEVELS	(sizeof(levels) / sizeof(levels[0]))

TEST_F(hint, is_a_feature)
{
	struct spanheap_features features = { .size = sizeof(features) };

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &features));
	EXPECT_NE(0, features.features & SPANHEAP_FEATURE_HINT);
	EXPECT_EQ(features.features, self->heap.header->features);
}

TEST_F(hint, levels_below_every_limit)
{
	static const char *const groups[] = { GROUP, OUTER };
	static const char *const files[] = { "memory.max", "memory.high" };

	for (size_t g = 0; g < 2; g++)
		for (size_t f = 0; f < 2; f++)
			for (size_t i = 0; i < NR_LEVELS; i++) {
				uint64_t at = limit_for(groups[g], levels[i].parts);
				uint64_t margin = at / 64, room;

				margin = margin < MARGIN_MIN ? MARGIN_MIN : margin > MARGIN_MAX ? MARGIN_MAX : margin;
				limit(groups[g], files[f], at);
				ASSERT_EQ(0, ask(&self->heap, &self->hint));
				room = at - charged(groups[g]);
				no_limit();
				ASSERT_EQ(levels[i].level, self->hint.level) {
					TH_LOG("%s of %s at %llu KiB, headroom %llu KiB", files[f], groups[g],
					       (unsigned long long)at / KIB,
					       (unsigned long long)self->hint.headroom / KIB);
				}
				/* charges come 64 pages at a time for each of two processors */
				EXPECT_GE(2 * 64 * PAGE, llabs((int64_t)(room - self->hint.headroom)));
				if (!levels[i].level) {
					EXPECT_EQ(0, self->hint.wanted);
					continue;
				}
				/* limits are whole pages */
				EXPECT_GT(32 * PAGE, llabs((int64_t)(16 * margin - self->hint.headroom -
								     self->hint.wanted)));
			}
}

/* Without a limit it is the machine's: MemAvailable is the kernel's word for it. */
TEST_F(hint, headroom_of_the_machine)
{
	unsigned long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (!kib && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %lu kB", &kib);
	fclose(f);
	ASSERT_EQ(0, ask(&self->heap, &self->hint));
	EXPECT_LT(kib / 2, self->hint.headroom / KIB);
	EXPECT_GT(kib + kib / 4, self->hint.headroom / KIB);
}

static uint32_t header_begin(volatile struct spanheap_header *header)
{
	uint32_t seq;

	while ((seq = __atomic_load_n(&header->seq, __ATOMIC_ACQUIRE)) & 1)
		sched_yield();
	return seq;
}

static bool header_changed(volatile struct spanheap_header *header, uint32_t seq)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&header->seq, __ATOMIC_RELAXED) != seq;
}

/* Copy the hint out of the header. */
static struct spanheap_hint header_hint(volatile struct spanheap_header *header)
{
	struct spanheap_hint hint = {};
	uint32_t seq;

	do {
		seq = header_begin(header);
		hint.level = header->level;
		hint.headroom = header->headroom;
		hint.wanted = header->wanted;
		hint.ordered = header->ordered;
		hint.revoked = header->revoked;
		hint.taken = header->taken;
		hint.events = header->events;
		hint.time_ns = header->time_ns;
	} while (header_changed(header, seq));
	return hint;
}

TEST_F(hint, header_says_what_the_ioctl_says)
{
	struct spanheap_hint header;

	/* no pass comes between, since there is no pressure */
	ASSERT_EQ(0, ask(&self->heap, &self->hint));
	header = header_hint(self->heap.header);
	header.size = self->hint.size;
	EXPECT_EQ(0, memcmp(&header, &self->hint, sizeof(header)));
	EXPECT_NE(0, header.time_ns);
}

/* Another thread eats and spits out while this one reads. */
struct load {
	struct device_heap *heap;
	volatile int stop;
};

static void *vary(void *arg)
{
	struct load *load = arg;
	struct spanheap_hint hint = { .size = sizeof(hint) };

	while (!load->stop) {
		madvise(load->heap->memory, 8 * MIB, MADV_DONTNEED);
		ask(load->heap, &hint);
		memset(load->heap->memory, 1, 8 * MIB);
		ask(load->heap, &hint);
	}
	return NULL;
}

TEST_F(hint, header_is_never_torn)
{
	struct load load = { .heap = &self->heap };
	uint64_t first = 0, reads, changes = 0, last = 0;
	pthread_t thread;

	limit(GROUP, "memory.max", charged(GROUP) + 4 * MIB);
	ASSERT_EQ(0, pthread_create(&thread, NULL, vary, &load));
	while (!header_hint(self->heap.header).wanted)
		sched_yield();
	for (reads = 0; changes < 60; reads++) {
		struct spanheap_hint hint = header_hint(self->heap.header);

		changes += hint.time_ns != last;
		last = hint.time_ns;
		if (!hint.headroom || !hint.wanted)
			continue;
		if (!first)
			first = hint.headroom + hint.wanted;
		ASSERT_EQ(first, hint.headroom + hint.wanted);
	}
	load.stop = 1;
	pthread_join(thread, NULL);
	TH_LOG("%llu reads", (unsigned long long)reads);
}

TEST_F(hint, errors)
{
	int fd = device_open();

	EXPECT_EQ(-ENXIO, device_do(fd, SPANHEAP_IOC_HINT, &self->hint));
	self->hint.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, ask(&self->heap, &self->hint));
	self->hint.flags = SPANHEAP_HINT_SEEN;
	EXPECT_EQ(0, ask(&self->heap, &self->hint));
	self->hint.size = 4;
	EXPECT_EQ(-EINVAL, ask(&self->heap, &self->hint));
	close(fd);
}

/* Somebody else who holds the descriptor. */
static int observe(void *arg)
{
	struct device_heap *heap = arg;
	struct spanheap_hint hint = { .size = sizeof(hint) };
	struct spanheap_event event;
	struct pollfd p = { .fd = heap->fd, .events = POLLPRI };

	if (ask(heap, &hint) || !hint.headroom || poll(&p, 1, 0))
		return 1;
	hint.flags = SPANHEAP_HINT_SEEN;
	if (ask(heap, &hint) != -EPERM)
		return 2;
	return read(heap->fd, &event, sizeof(event)) < 0 && errno == EPERM ? 0 : 3;
}

TEST_F(hint, an_observer_may_ask_and_not_read)
{
	EXPECT_EQ(0, in_child(observe, &self->heap));
}

static int own(void *arg)
{
	struct spanheap_register reg = { .size = sizeof(reg) };

	return device_do(*(int *)arg, SPANHEAP_IOC_REGISTER, &reg) ? 1 : 0;
}

TEST_F(hint, the_owner_is_gone)
{
	int fd = device_open();
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	struct spanheap_event event;

	ASSERT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(ENXIO, errno);
	ASSERT_EQ(0, in_child(own, &fd));
	EXPECT_EQ(-ESRCH, device_do(fd, SPANHEAP_IOC_HINT, &self->hint));
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_EQ(POLLHUP, p.revents);
	close(fd);
}

/* events */

static bool ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };

	return poll(&p, 1, 0) == 1 && p.revents == POLLPRI;
}

static bool wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };

	return poll(&p, 1, -1) == 1 && p.revents == POLLPRI;
}

static void reclaim(void)
{
	cgroup_write(GROUP, "memory.reclaim", "1M");
}

static void squeeze(void)
{
	limit(GROUP, "memory.max", limit_for(GROUP, 1));
}

/* Nobody asks by ioctl here: reclaim tells, and the end of it is told. */
TEST_F(hint, reclaim_tells_and_so_does_its_end)
{
	struct spanheap_event event;
	int fd = self->heap.fd;

	EXPECT_FALSE(ready(fd));
	reclaim();
	squeeze();
	EXPECT_FALSE(ready(fd));
	EXPECT_EQ(0, self->heap.header->level);
	reclaim();
	ASSERT_TRUE(wait_ready(fd));
	ASSERT_EQ(sizeof(event), read(fd, &event, sizeof(event)));
	EXPECT_EQ(SPANHEAP_EVENT_LEVEL, event.what);
	EXPECT_LT(0, event.level);
	EXPECT_LT(0, event.wanted);
	EXPECT_EQ(0, event.ordered);
	EXPECT_EQ(0, event.merged);
	EXPECT_LT(0, self->heap.header->level);
	no_limit();
	do {
		ASSERT_TRUE(wait_ready(fd));
		ASSERT_EQ(sizeof(event), read(fd, &event, sizeof(event)));
	} while (event.level);
	EXPECT_EQ(SPANHEAP_EVENT_LEVEL, event.what);
	EXPECT_EQ(0, event.wanted);
	EXPECT_EQ(0, self->heap.header->level);
	EXPECT_FALSE(ready(fd));
	/* reclaim while nothing is short is no news */
	reclaim();
	ASSERT_EQ(0, ask(&self->heap, &self->hint));
	EXPECT_FALSE(ready(fd));
}

/* The heap outlives its descriptors by its mappings, and so do the hints. */
TEST_F(hint, header_is_written_without_a_descriptor)
{
	close(self->heap.fd);
	squeeze();
	while (!header_hint(self->heap.header).level)
		reclaim();
	no_limit();
	while (header_hint(self->heap.header).level)
		sched_yield();
}

/* Moved to another cgroup: found there as soon as it asks. */
TEST_F(hint, a_process_that_has_moved)
{
	char group[] = OUTER "/other";

	ASSERT_EQ(0, cgroup_enter(group));
	ASSERT_EQ(0, ask(&self->heap, &self->hint));
	limit(group, "memory.max", cgroup_read(group, "memory.current", NULL) + MARGIN_MIN / 2);
	cgroup_write(group, "memory.reclaim", "1M");
	EXPECT_TRUE(wait_ready(self->heap.fd));
	cgroup_write(group, "memory.max", "max");
	ASSERT_EQ(0, cgroup_enter(GROUP));
	cgroup_leave(group);
	ASSERT_EQ(0, cgroup_enter(GROUP));
}

/*
 * Make the level change and have it told: @nr times, and not by one read. Ends where
 * it began when @nr is even.
 */
static void change_level(struct device_heap *heap, int nr)
{
	struct spanheap_hint hint = { .size = sizeof(hint) };
	uint64_t events = header_hint(heap->header).events;

	for (int i = 0; i < nr; i++) {
		if (i % 2)
			no_limit();
		else
			limit(GROUP, "memory.max", limit_for(GROUP, 16));
		ask(heap, &hint);
		while (header_hint(heap->header).events == events + i)
			sched_yield();
	}
}

TEST_F(hint, records)
{
	struct spanheap_event events[3];
	int fd = self->heap.fd;
	uint64_t before;

	EXPECT_EQ(-1, read(fd, events, sizeof(events[0]) - 1));
	EXPECT_EQ(EINVAL, errno);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	EXPECT_EQ(-1, read(fd, events, sizeof(events)));
	EXPECT_EQ(EAGAIN, errno);
	change_level(&self->heap, 4);
	EXPECT_EQ(-1, read(fd, device_reserve(MIB), sizeof(events[0])));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(sizeof(events[0]), read(fd, events, sizeof(events[0]) * 2 - 1));
	EXPECT_EQ(SPANHEAP_PRESSURE_LOW, events[0].level);
	before = events[0].time_ns;
	ASSERT_EQ(sizeof(events), read(fd, events, sizeof(events)));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(i % 2 ? SPANHEAP_PRESSURE_LOW : SPANHEAP_PRESSURE_NONE, events[i].level);
		EXPECT_EQ(SPANHEAP_EVENT_LEVEL, events[i].what);
		EXPECT_LT(before, events[i].time_ns);
		before = events[i].time_ns;
	}
	EXPECT_EQ(-1, read(fd, events, sizeof(events)));
	EXPECT_FALSE(ready(fd));
}

TEST_F(hint, too_many_records_are_merged_and_counted)
{
	struct spanheap_event events[32];
	uint64_t told = 0;
	ssize_t got;
	size_t nr;

	change_level(&self->heap, 21);
	got = read(self->heap.fd, events, sizeof(events));
	ASSERT_LT(0, got);
	nr = got / sizeof(events[0]);
	ASSERT_GT(21, nr);
	for (size_t i = 0; i < nr; i++)
		told += 1 + events[i].merged;
	EXPECT_EQ(21, told);
	EXPECT_EQ(SPANHEAP_PRESSURE_LOW, events[nr - 1].level);
	EXPECT_LT(0, events[nr - 1].merged);
	no_limit();
}

TEST_F(hint, seen_records_are_forgotten)
{
	change_level(&self->heap, 2);
	EXPECT_TRUE(ready(self->heap.fd));
	self->hint.flags = SPANHEAP_HINT_SEEN;
	ASSERT_EQ(0, ask(&self->heap, &self->hint));
	EXPECT_FALSE(ready(self->heap.fd));
	EXPECT_EQ(2, self->hint.events);
	change_level(&self->heap, 2);
	EXPECT_TRUE(ready(self->heap.fd));
}

static void *sleeping_reader(void *arg)
{
	static struct spanheap_event event;

	return read(*(int *)arg, &event, sizeof(event)) == sizeof(event) ? &event : NULL;
}

/* Asleep in a system call, as far as /proc knows. */
static bool sleeps_in(pid_t pid, long call)
{
	char path[64], line[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return line[0] >= '0' && line[0] <= '9' && atol(line) == call;
}

TEST_F(hint, a_reader_sleeps_until_there_is_something)
{
	struct spanheap_event *event;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, sleeping_reader, &self->heap.fd));
	change_level(&self->heap, 1);
	ASSERT_EQ(0, pthread_join(thread, (void **)&event));
	ASSERT_NE(NULL, event);
	EXPECT_EQ(SPANHEAP_PRESSURE_LOW, event->level);
}

/* Wake-ups of an edge-triggered poller, which sees each once. */
static int count_wakeups(int fd, int nr)
{
	struct epoll_event want = { .events = EPOLLPRI | EPOLLET }, got;
	int ep = epoll_create1(0), i;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want))
		return -1;
	for (i = 0; i < nr; i++)
		if (epoll_wait(ep, &got, 1, -1) != 1)
			return -1;
	return i;
}

static int poll_and_count(void *arg)
{
	return count_wakeups(*(int *)arg, 4) == 4 ? 0 : 1;
}

TEST_F(hint, two_pollers_are_woken_both)
{
	int fd = self->heap.fd, status;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(poll_and_count(&fd));
	}
	for (int i = 0; i < 2; i++)
#ifdef __x86_64__
		while (!sleeps_in(pid[i], 232 /* epoll_wait */))
			sched_yield();
#else
		while (!sleeps_in(pid[i], 256 /* epoll_wait */) && !sleeps_in(pid[i], 319))
			sched_yield();
#endif
	/* each change waits for the next window: an edge each, unless they are late */
	while (waitpid(-1, &status, WNOHANG) == 0)
		change_level(&self->heap, 2);
	EXPECT_EQ(0, status);
	while (waitpid(-1, &status, WNOHANG) == 0)
		change_level(&self->heap, 2);
	EXPECT_EQ(0, status);
}

/* However often reclaim comes by, owners are woken once a window at the most. */
TEST_F(hint, one_wake_up_a_window)
{
	struct spanheap_event event, first = {};
	int fd = self->heap.fd, nr = 0;
	unsigned int reclaims = 0;

	squeeze();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (nr < 11) {
		reclaim();
		reclaims++;
		if (read(fd, &event, sizeof(event)) < 0)
			continue;
		EXPECT_EQ(0, event.merged);
		if (!nr++)
			first = event;
	}
	TH_LOG("%d records of %u reclaims in %llu ms", nr, reclaims,
	       (unsigned long long)(event.time_ns - first.time_ns) / 1000000);
	/* the first may have been late, by a window or two */
	EXPECT_LE(8 * WINDOW_NS, event.time_ns - first.time_ns);
	EXPECT_NE(0, event.what & (SPANHEAP_EVENT_STILL | SPANHEAP_EVENT_LEVEL));
}

TEST_F(hint, revoked_bytes_are_counted)
{
	size_t revoked = 0;

	if (!(self->heap.header->features & SPANHEAP_FEATURE_REVOKE))
		return;
	device_say(&self->heap, 0, 16 * MIB, SPANHEAP_IDLE);
	for (int i = 0; i < 8; i++)
		cgroup_write(GROUP, "memory.reclaim", "8M");
	for (size_t i = 0; i < LENGTH / PAGE; i++)
		revoked += (self->heap.map[i] & SPANHEAP_INTENT_MASK) == SPANHEAP_REVOKED;
	ASSERT_LT(0, revoked);
	EXPECT_EQ(revoked * PAGE, header_hint(self->heap.header).revoked);
	ASSERT_EQ(0, ask(&self->heap, &self->hint));
	EXPECT_EQ(revoked * PAGE, self->hint.revoked);
}

TEST_HARNESS_MAIN
