// SPDX-License-Identifier: MIT
/*
 * The tracepoints, read through tracefs: they come, and with figures that pagemap
 * and the page map agree with. Needs root.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "layouts.h"
#include "tracefs.h"

#define LENGTH		(32 * MIB)
#define PAGES		(LENGTH / PAGE)
#define GROUP		"spanheap-trace"
#define NODES		8

FIXTURE(trace) {
	struct device_heap heap;
	uint64_t pagemap[PAGES];
	bool revokes;
};

FIXTURE_SETUP(trace)
{
	struct spanheap_features features = { .size = sizeof(features) };

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, cgroup_enter(GROUP));
	cgroup_write(GROUP, "memory.swap.max", "0");
	ASSERT_EQ(0, tracefs_start());
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &features));
	self->revokes = features.features & SPANHEAP_FEATURE_REVOKE;
	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(trace)
{
	tracefs_stop();
	cgroup_leave(GROUP);
}

/* What the revoke events of one heap add up to. */
struct sums {
	uint64_t heap;
	uint64_t taken[NODES];
	uint64_t freed[NODES];
	uint64_t overshoot;
	unsigned int quota;
	unsigned int memcg;
	unsigned int other;
};

static void add_up(const char *fields, void *arg)
{
	unsigned long long heap, wanted, taken, freed;
	struct sums *sums = arg;
	unsigned int node;
	char cause[16];

	if (sscanf(fields, "heap=%llu node=%u cause=%15s wanted=%llu taken=%llu freed=%llu",
		   &heap, &node, cause, &wanted, &taken, &freed) != 6 || node >= NODES) {
		sums->other++;
		return;
	}
	if (heap != sums->heap)
		return;
	sums->taken[node] += taken;
	sums->freed[node] += freed;
	if (taken > wanted + 32 * PAGE)
		sums->overshoot += taken - wanted;
	if (!strcmp(cause, "quota"))
		sums->quota++;
	else if (!strcmp(cause, "memcg"))
		sums->memcg++;
	else
		sums->other++;
}

static void count_heap(const char *fields, void *arg)
{
	unsigned long long heap;
	uint64_t *wanted = arg;

	if (sscanf(fields, "heap=%llu", &heap) == 1 && heap == wanted[0])
		wanted[1]++;
}

TEST_F(trace, register_comes_once)
{
	uint64_t heap[2] = { self->heap.reg.heap_id, 0 };
	struct spanheap_register again = { .size = sizeof(again) };

	EXPECT_TRUE(tracefs_each("spanheap_register", count_heap, heap));
	EXPECT_EQ(1, heap[1]);
	EXPECT_EQ(-EBUSY, device_do(self->heap.fd, SPANHEAP_IOC_REGISTER, &again));
	heap[1] = 0;
	tracefs_each("spanheap_register", count_heap, heap);
	EXPECT_EQ(1, heap[1]);
}

/* Pages that are held while they wait for the LRU lists, 31 at most on each processor. */
#define ON_THEIR_WAY	((uint64_t)2 * 31)

static void fill_idle(struct device_heap *heap)
{
	memset(heap->memory, 1, heap->length);
	device_say(heap, 0, heap->length, SPANHEAP_IDLE);
}

static uint64_t sum_of(const uint64_t figures[NODES])
{
	uint64_t sum = 0;

	for (int i = 0; i < NODES; i++)
		sum += figures[i];
	return sum;
}

/* Bytes of the heap that page tables have no more. */
static uint64_t gone(struct device_heap *heap, uint64_t *pagemap)
{
	uint64_t absent = 0;

	if (pagemap_entries(getpid(), (uintptr_t)heap->memory, PAGES, pagemap))
		return 0;
	for (size_t i = 0; i < PAGES; i++)
		absent += pagemap[i] & PM_PRESENT ? 0 : PAGE;
	return absent;
}

static uint64_t revoked(struct device_heap *heap)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PAGES; i++)
		sum += (heap->map[i] & SPANHEAP_INTENT_MASK) == SPANHEAP_REVOKED ? PAGE : 0;
	return sum;
}

TEST_F(trace, reclaim_is_told_as_it_was)
{
	struct sums sums = { .heap = self->heap.reg.heap_id };
	struct spanheap_ledger ledger;
	struct spanheap_matrix nodes[NODES] = {};

	if (!self->revokes)
		SKIP(return, "the module does not revoke");
	fill_idle(&self->heap);
	cgroup_write(GROUP, "memory.reclaim", "8M");
	ASSERT_TRUE(tracefs_each("spanheap_revoke", add_up, &sums));
	EXPECT_LT(0, sum_of(sums.taken));
	EXPECT_EQ(gone(&self->heap, self->pagemap), sum_of(sums.taken));
	EXPECT_EQ(revoked(&self->heap), sum_of(sums.taken));
	EXPECT_GE(sum_of(sums.taken), sum_of(sums.freed));
	EXPECT_LE(sum_of(sums.taken) - ON_THEIR_WAY * PAGE, sum_of(sums.freed));
	EXPECT_LT(0, sums.quota);
	EXPECT_EQ(0, sums.memcg);
	EXPECT_EQ(0, sums.other);
	EXPECT_EQ(0, sums.overshoot);

	/* what is left of each node, and what has gone, is what there was */
	ledger = (struct spanheap_ledger) {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_HEAP,
		.nodes = address(nodes), .nr_nodes = NODES,
	};
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &ledger));
	EXPECT_EQ(LENGTH, ledger.total.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT] +
			  sum_of(sums.taken));
	for (int i = ledger.nr_nodes; i < NODES; i++)
		EXPECT_EQ(0, sums.taken[i]);
}

/* Pages come from the node that they lie on, and the event says which. */
TEST_F(trace, nodes_are_told)
{
	struct sums sums = { .heap = self->heap.reg.heap_id };
	struct spanheap_matrix nodes[NODES] = {};
	struct spanheap_ledger ledger = {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_HEAP,
		.nodes = address(nodes), .nr_nodes = NODES,
	};
	uint64_t before[NODES];

	if (!self->revokes)
		SKIP(return, "the module does not revoke");
	fill_idle(&self->heap);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &ledger));
	for (int i = 0; i < NODES; i++)
		before[i] = nodes[i].bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT];
	for (int i = 0; i < 4; i++)
		cgroup_write(GROUP, "memory.reclaim", "8M");
	ledger.nr_nodes = NODES;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &ledger));
	ASSERT_TRUE(tracefs_each("spanheap_revoke", add_up, &sums));
	for (int i = 0; i < NODES; i++)
		EXPECT_EQ(before[i] - nodes[i].bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT],
			  sums.taken[i]);
}

/* Reclaim goes on for a while when the limit has room again: that is a quota's. */
TEST_F(trace, limit_of_a_cgroup_is_a_cause)
{
	struct sums sums = { .heap = self->heap.reg.heap_id };
	char *more;

	if (!self->revokes)
		SKIP(return, "the module does not revoke");
	fill_idle(&self->heap);
	ASSERT_EQ(0, cgroup_write(GROUP, "memory.max", "48M"));
	more = mmap(NULL, 24 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(more, 1, 24 * MIB);
	ASSERT_TRUE(tracefs_each("spanheap_revoke", add_up, &sums));
	EXPECT_LT(0, sums.memcg);
	EXPECT_EQ(0, sums.other);
	EXPECT_EQ(gone(&self->heap, self->pagemap), sum_of(sums.taken));
	cgroup_write(GROUP, "memory.max", "max");
}

/* A page that somebody else holds, too, is taken and not freed. */
TEST_F(trace, what_a_pipe_holds_is_not_freed)
{
	struct sums sums = { .heap = self->heap.reg.heap_id };
	struct iovec iov = { self->heap.memory, 16 * PAGE };
	uint64_t absent;
	int ends[2];

	if (!self->revokes)
		SKIP(return, "the module does not revoke");
	fill_idle(&self->heap);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(16 * PAGE, vmsplice(ends[1], &iov, 1, 0));
	for (int i = 0; i < 8; i++)
		cgroup_write(GROUP, "memory.reclaim", "16M");
	ASSERT_TRUE(tracefs_each("spanheap_revoke", add_up, &sums));
	absent = gone(&self->heap, self->pagemap);
	EXPECT_EQ(absent, sum_of(sums.taken));
	EXPECT_LT(LENGTH - 32 * PAGE, absent);
	EXPECT_GE(absent - 16 * PAGE, sum_of(sums.freed));
	EXPECT_LE(absent - (16 + ON_THEIR_WAY) * PAGE, sum_of(sums.freed));
}

/* An event of this process or heap whose figures are as they should be. */
struct sought {
	unsigned long long key;
	unsigned long long figures[3];
	unsigned int found;
};

static void find_order(const char *fields, void *arg)
{
	struct sought *sought = arg;
	unsigned long long pid, figures[3];

	if (sscanf(fields, "pid=%llu wanted=%llu taken=%llu asked=%llu", &pid, &figures[0],
		   &figures[1], &figures[2]) == 4 && pid == sought->key)
		sought->found += !memcmp(figures, sought->figures, sizeof(figures));
}

static void find_hint(const char *fields, void *arg)
{
	struct sought *sought = arg;
	unsigned long long heap, figures[3];

	if (sscanf(fields, "heap=%llu level=%llu wanted=%llu headroom=%llu", &heap, &figures[0],
		   &figures[1], &figures[2]) == 4 && heap == sought->key)
		sought->found += !memcmp(figures, sought->figures, sizeof(figures));
}

/* A third of what is ordered is idle, and goes; the rest comes as a hint. */
TEST_F(trace, order_and_hint_are_told)
{
	struct spanheap_order order = {
		.size = sizeof(order), .pid = getpid(), .bytes = 12 * MIB,
	};
	struct sought sought = { .key = getpid() };
	struct spanheap_event event;

	memset(self->heap.memory, 1, LENGTH);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	device_say(&self->heap, 0, 4 * MIB, SPANHEAP_IDLE);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ORDER, &order));
	sought.figures[0] = 12 * MIB;
	sought.figures[1] = gone(&self->heap, self->pagemap);
	sought.figures[2] = 12 * MIB - sought.figures[1];
	EXPECT_EQ(self->revokes ? 4 * MIB : 0, sought.figures[1]);
	ASSERT_TRUE(tracefs_each("spanheap_order", find_order, &sought));
	EXPECT_EQ(1, sought.found);

	ASSERT_EQ(sizeof(event), read(self->heap.fd, &event, sizeof(event)));
	EXPECT_EQ(12 * MIB - sought.figures[1], event.ordered);
	sought = (struct sought) {
		.key = self->heap.reg.heap_id,
		.figures = { event.level, event.wanted, event.headroom },
	};
	ASSERT_TRUE(tracefs_each("spanheap_hint", find_hint, &sought));
	EXPECT_EQ(1, sought.found);
}

TEST_HARNESS_MAIN
