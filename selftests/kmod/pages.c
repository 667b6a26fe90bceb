// SPDX-License-Identifier: MIT
/*
 * The ledger page for page: the vector of a heap against pagemap and kpageflags,
 * the matrices of nodes against move_pages(2), scopes against each other, what
 * page maps say against what was written into them. Needs root for the witnesses.
 */
#include <stdlib.h>

#include "kselftest_harness.h"

#include "layouts.h"

#define LENGTH		(16 * MIB)
#define PAGES		(LENGTH / PAGE)

FIXTURE(pages) {
	struct device_heap heap;
	uint8_t vec[PAGES];
	uint64_t pagemap[PAGES];
	struct spanheap_ledger ledger;
	bool rewritten[PAGES];
};

FIXTURE_SETUP(pages)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
}

FIXTURE_TEARDOWN(pages)
{
}

static int ask_vector(FIXTURE_DATA(pages) *self)
{
	self->ledger = (struct spanheap_ledger) {
		.size = sizeof(self->ledger), .scope = SPANHEAP_SCOPE_RANGE,
		.addr = self->heap.region.addr, .length = LENGTH,
		.vec = address(self->vec), .vec_len = PAGES,
	};
	return device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger);
}

static unsigned int vec_intent(uint8_t byte)
{
	return byte & SPANHEAP_INTENT_MASK;
}

static unsigned int vec_residency(uint8_t byte)
{
	return byte >> SPANHEAP_VEC_RESIDENCY_SHIFT & 7;
}

/*
 * What the kernel's words amount to. The dirty bit of an entry is not among
 * them: a page that was written after MADV_FREE is in use.
 */
static unsigned int residency_by_kernel(uint64_t entry, bool rewritten)
{
	uint64_t flags;

	if (entry & PM_SWAPPED)
		return SPANHEAP_SWAPPED;
	if (!(entry & PM_PRESENT))
		return SPANHEAP_NONE;
	flags = kpageflags(PM_PFN(entry));
	if (flags & KPF_ZERO_PAGE)
		return SPANHEAP_ZERO;
	if (!(flags & KPF_ANON))
		return flags & KPF_SWAPBACKED ? SPANHEAP_SHMEM : SPANHEAP_FILE;
	if (flags & KPF_SWAPBACKED || rewritten)
		return SPANHEAP_RESIDENT;
	return SPANHEAP_LAZYFREE;
}

/* A bit of everything, in pieces that do not end where huge pages do. */
static void make_mixture(FIXTURE_DATA(pages) *self)
{
	char *at = self->heap.memory;

	madvise(at, LENGTH, MADV_NOHUGEPAGE);
	madvise(at + 8 * MIB, 8 * MIB, MADV_HUGEPAGE);
	memset(at, 1, 6 * MIB);			/* small pages */
	read_pages(at + 6 * MIB, MIB);			/* zero pages */
	memset(at + 8 * MIB, 1, 4 * MIB);		/* two huge pages */
	read_pages(at + 12 * MIB, 2 * MIB);		/* the huge zero page */
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	drain_batches();
	madvise(at + MIB, MIB + 12 * KIB, MADV_FREE);
	device_say(&self->heap, MIB, MIB + 12 * KIB, SPANHEAP_LAZY);
	madvise(at + 10 * MIB, 2 * MIB, MADV_FREE);
	device_say(&self->heap, 10 * MIB, 2 * MIB, SPANHEAP_LAZY);
	madvise(at + 3 * MIB, MIB + 20 * KIB, MADV_DONTNEED);
	device_say(&self->heap, 3 * MIB, MIB + 20 * KIB, SPANHEAP_RELEASED);
	device_say(&self->heap, 5 * MIB + 8 * KIB, 100 * KIB,
		   SPANHEAP_IDLE | 21 << SPANHEAP_EPOCH_SHIFT);
	drain_batches();
	for (size_t i = MIB / PAGE; i < 2 * MIB / PAGE; i += 3) {
		*page_of(at, i) = 2;
		self->rewritten[i] = true;
	}
	madvise(at + 4 * MIB + 100 * KIB, 300 * KIB, MADV_PAGEOUT);
	for (size_t i = 0; i < 30; i += 2)
		(void)*page_of(at + 4 * MIB + 100 * KIB, i);
	drain_batches();
}

TEST_F(pages, vector_agrees_with_the_kernel)
{
	unsigned int seen[SPANHEAP_NR_RESIDENCIES] = { 0 };

	make_mixture(self);
	ASSERT_EQ(0, ask_vector(self));
	ASSERT_EQ(0, pagemap_entries(getpid(), (uintptr_t)self->heap.memory, PAGES,
				     self->pagemap));
	for (size_t i = 0; i < PAGES; i++) {
		unsigned int want = residency_by_kernel(self->pagemap[i], self->rewritten[i]);

		seen[want]++;
		ASSERT_EQ(want, vec_residency(self->vec[i])) {
			TH_LOG("page %zu, flags %llx", i,
			       (unsigned long long)kpageflags(PM_PFN(self->pagemap[i])));
		}
		ASSERT_EQ(self->heap.map[i] & SPANHEAP_INTENT_MASK, vec_intent(self->vec[i]));
	}
	/* the mixture is one */
	EXPECT_LT(0, seen[SPANHEAP_NONE]);
	EXPECT_LT(0, seen[SPANHEAP_RESIDENT]);
	EXPECT_LT(0, seen[SPANHEAP_LAZYFREE]);
	EXPECT_LT(0, seen[SPANHEAP_SWAPPED]);
	EXPECT_LT(0, seen[SPANHEAP_ZERO]);
}

TEST_F(pages, vector_agrees_with_the_matrix)
{
	struct spanheap_matrix sum = {};
	uint64_t huge = 0;

	make_mixture(self);
	ASSERT_EQ(0, ask_vector(self));
	for (size_t i = 0; i < PAGES; i++) {
		sum.bytes[vec_intent(self->vec[i])][vec_residency(self->vec[i])] += PAGE;
		if (self->vec[i] & SPANHEAP_VEC_HUGE &&
		    vec_residency(self->vec[i]) != SPANHEAP_ZERO)
			huge += PAGE;
	}
	EXPECT_EQ(0, memcmp(&sum, &self->ledger.total, sizeof(sum)));
	EXPECT_EQ(4 * MIB, huge);
	EXPECT_EQ(huge, self->ledger.huge);
}

/* The same question with and without the detail must count the same. */
TEST_F(pages, detail_changes_nothing)
{
	static struct spanheap_matrix nodes[1024];
	struct spanheap_ledger plain, detailed;

	make_mixture(self);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &plain, SPANHEAP_SCOPE_HEAP, 0));
	detailed = (struct spanheap_ledger) {
		.size = sizeof(detailed), .scope = SPANHEAP_SCOPE_HEAP,
		.nodes = address(nodes), .nr_nodes = 1024,
	};
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &detailed));
	EXPECT_EQ(0, memcmp(&plain.total, &detailed.total, sizeof(plain.total)));
	ASSERT_EQ(0, ask_vector(self));
	EXPECT_EQ(0, memcmp(&plain.total, &self->ledger.total, sizeof(plain.total)));
	EXPECT_EQ(plain.huge, detailed.huge);
}

TEST_F(pages, scopes_agree)
{
	struct spanheap_ledger heap, region, whole, by_pid;

	make_mixture(self);
	/* everything that the questions themselves touch is touched */
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, device_ledger(self->heap.fd, &whole, SPANHEAP_SCOPE_MM, 0));
		ASSERT_EQ(0, device_ledger(self->heap.fd, &by_pid, SPANHEAP_SCOPE_PID, getpid()));
	}
	ASSERT_EQ(0, device_ledger(self->heap.fd, &heap, SPANHEAP_SCOPE_HEAP, 0));
	region = (struct spanheap_ledger) {
		.size = sizeof(region), .scope = SPANHEAP_SCOPE_REGION,
		.addr = self->heap.region.addr,
	};
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &region));
	ASSERT_EQ(0, device_ledger(self->heap.fd, &whole, SPANHEAP_SCOPE_MM, 0));
	ASSERT_EQ(0, device_ledger(self->heap.fd, &by_pid, SPANHEAP_SCOPE_PID, getpid()));
	EXPECT_EQ(0, memcmp(&heap.total, &region.total, sizeof(heap.total)));
	EXPECT_EQ(0, memcmp(&whole.total, &by_pid.total, sizeof(whole.total)));
	for (unsigned int i = 0; i < SPANHEAP_OUTSIDE; i++)
		EXPECT_EQ(0, memcmp(heap.total.bytes[i], whole.total.bytes[i],
				    sizeof(heap.total.bytes[i])));
	EXPECT_EQ(0, ledger_row(&heap, SPANHEAP_OUTSIDE));
	EXPECT_LT(0, ledger_row(&whole, SPANHEAP_OUTSIDE));
}

TEST_F(pages, rows_add_up_to_the_regions)
{
	struct spanheap_ledger ledger;
	uint64_t sum = 0;

	make_mixture(self);
	/* holes in the mapping, of every kind */
	munmap(self->heap.memory + 2 * MIB, 5 * PAGE);
	munmap(self->heap.memory + 12 * MIB, 2 * MIB);
	mmap(self->heap.memory + 9 * MIB, MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	     -1, 0);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	for (unsigned int i = 0; i < SPANHEAP_OUTSIDE; i++)
		sum += ledger_row(&ledger, i);
	EXPECT_EQ(LENGTH, sum);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_MM, 0));
	for (sum = 0; sum == 0;)
		for (unsigned int i = 0; i < SPANHEAP_OUTSIDE; i++)
			sum += ledger_row(&ledger, i);
	EXPECT_EQ(LENGTH, sum);
}

/* Two huge pages of address space round a region of one. */
TEST_F(pages, range_need_not_be_a_region)
{
	size_t length = 3 * HUGE_PAGE, last = length / PAGE - 1;
	uint8_t vec[3 * HUGE_PAGE / PAGE];
	char *at = device_reserve(length);
	struct spanheap_region region = {
		.size = sizeof(region), .addr = address(at + HUGE_PAGE), .length = HUGE_PAGE,
	};
	struct spanheap_ledger ledger = {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_RANGE,
		.addr = address(at), .length = length,
		.vec = address(vec), .vec_len = sizeof(vec),
	};
	volatile uint8_t *map;

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));
	map = device_mmap(self->heap.fd, NULL, region.map_length, MAP_SHARED, region.map_offset);
	ASSERT_NE(MAP_FAILED, map);
	map[0] = SPANHEAP_IDLE;
	ASSERT_EQ(0, mprotect(at, length, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, madvise(at, length, MADV_NOHUGEPAGE));
	munmap(at + length - PAGE, PAGE);
	at[0] = 1;
	at[HUGE_PAGE] = 1;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &ledger));
	EXPECT_EQ(SPANHEAP_OUTSIDE, vec_intent(vec[0]));
	EXPECT_EQ(SPANHEAP_RESIDENT, vec_residency(vec[0]));
	EXPECT_EQ(SPANHEAP_OUTSIDE, vec_intent(vec[1]));
	EXPECT_EQ(SPANHEAP_NONE, vec_residency(vec[1]));
	EXPECT_EQ(SPANHEAP_IDLE, vec_intent(vec[HUGE_PAGE / PAGE]));
	EXPECT_EQ(SPANHEAP_RESIDENT, vec_residency(vec[HUGE_PAGE / PAGE]));
	EXPECT_EQ(SPANHEAP_UNUSED, vec_intent(vec[HUGE_PAGE / PAGE + 1]));
	EXPECT_EQ(SPANHEAP_UNUSED, vec_intent(vec[2 * HUGE_PAGE / PAGE - 1]));
	EXPECT_EQ(SPANHEAP_OUTSIDE, vec_intent(vec[2 * HUGE_PAGE / PAGE]));
	EXPECT_EQ(SPANHEAP_OUTSIDE, vec_intent(vec[last]));
	EXPECT_EQ(PAGE, ledger.total.bytes[SPANHEAP_OUTSIDE][SPANHEAP_RESIDENT]);
}

TEST_F(pages, huge_pages_under_prot_none)
{
	make_mixture(self);
	ASSERT_EQ(0, mprotect(self->heap.memory + 8 * MIB, 4 * MIB, PROT_NONE));
	ASSERT_EQ(0, ask_vector(self));
	ASSERT_EQ(0, pagemap_entries(getpid(), (uintptr_t)self->heap.memory, PAGES,
				     self->pagemap));
	for (size_t i = 8 * MIB / PAGE; i < 12 * MIB / PAGE; i++)
		ASSERT_EQ(residency_by_kernel(self->pagemap[i], false),
			  vec_residency(self->vec[i]));
}

/* Bytes that no owner may write. */
TEST_F(pages, reserved_codes_are_told)
{
	make_mixture(self);
	for (size_t i = 0; i < 5; i++)
		self->heap.map[i] = 7 | i << SPANHEAP_EPOCH_SHIFT;
	device_say(&self->heap, 8 * MIB, 2 * MIB, 0xff);
	device_say(&self->heap, 14 * MIB, MIB, 7);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &self->ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(5 * PAGE + 3 * MIB, self->ledger.bad_intent);
	EXPECT_EQ(0, ledger_row(&self->ledger, SPANHEAP_OUTSIDE));
	ASSERT_EQ(0, ask_vector(self));
	EXPECT_EQ(5 * PAGE + 3 * MIB, self->ledger.bad_intent);
	EXPECT_EQ(SPANHEAP_IN_USE, vec_intent(self->vec[2]));
}

TEST_F(pages, epochs_do_not_matter)
{
	for (size_t i = 0; i < PAGES; i++)
		self->heap.map[i] = SPANHEAP_IDLE | i << SPANHEAP_EPOCH_SHIFT;
	memset(self->heap.memory, 1, LENGTH);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &self->ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(LENGTH, self->ledger.total.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT]);
}

/*
 * A few pages after MADV_FREE wait in a per-CPU batch. smaps calls them in use;
 * the ledger believes their owner, and tells how many they are.
 */
TEST_F(pages, pages_in_batches)
{
	struct spanheap_ledger ledger;
	struct smaps smaps;

	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
	memset(self->heap.memory, 1, MIB);
	device_say(&self->heap, 0, MIB, SPANHEAP_IN_USE);
	drain_batches();
	ASSERT_EQ(0, madvise(self->heap.memory, 7 * PAGE, MADV_FREE));
	device_say(&self->heap, 0, 7 * PAGE, SPANHEAP_LAZY);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_PID, getpid()));
	ASSERT_EQ(0, smaps_read(getpid(), &smaps));
	EXPECT_EQ(7 * PAGE, ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_LAZYFREE]);
	EXPECT_EQ(7 * PAGE, ledger.batched);
	EXPECT_EQ(smaps.lazyfree + ledger.batched,
		  ledger_column(&ledger, SPANHEAP_LAZYFREE));
	drain_batches();
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_PID, getpid()));
	ASSERT_EQ(0, smaps_read(getpid(), &smaps));
	EXPECT_EQ(7 * PAGE, ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_LAZYFREE]);
	EXPECT_EQ(0, ledger.batched);
	EXPECT_EQ(smaps.lazyfree, ledger_column(&ledger, SPANHEAP_LAZYFREE));
}

/* An owner who calls pages LAZY that it never freed is not believed. */
TEST_F(pages, lies_about_lazy_pages)
{
	struct spanheap_ledger ledger;

	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
	memset(self->heap.memory, 1, 2 * MIB);
	drain_batches();
	madvise(self->heap.memory, MIB, MADV_PAGEOUT);
	read_pages(self->heap.memory, MIB);
	drain_batches();
	device_say(&self->heap, 0, 2 * MIB, SPANHEAP_LAZY);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(2 * MIB, ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_RESIDENT]);
	EXPECT_EQ(0, ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_LAZYFREE]);
}

TEST_F(pages, nodes_agree_with_move_pages)
{
	static struct spanheap_matrix nodes[1024];
	static void *pages[PAGES];
	static int status[PAGES];
	uint64_t want[1024] = { 0 };
	unsigned long mask;

	make_mixture(self);
	/* half of it on each node, when there are two */
	for (mask = 1; mask <= 2; mask++)
		syscall(SYS_mbind, self->heap.memory + (mask - 1) * LENGTH / 2, LENGTH / 2,
			2 /* MPOL_BIND */, &mask, 8UL, 2 /* MPOL_MF_MOVE */);
	for (size_t i = 0; i < PAGES; i++)
		pages[i] = self->heap.memory + i * PAGE;
	self->ledger = (struct spanheap_ledger) {
		.size = sizeof(self->ledger), .scope = SPANHEAP_SCOPE_HEAP,
		.nodes = address(nodes), .nr_nodes = 1024,
	};
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	ASSERT_EQ(0, pagemap_entries(getpid(), (uintptr_t)self->heap.memory, PAGES,
				     self->pagemap));
	ASSERT_EQ(0, syscall(SYS_move_pages, 0, (unsigned long)PAGES, pages, NULL, status, 0));
	for (size_t i = 0; i < PAGES; i++) {
		unsigned int residency = residency_by_kernel(self->pagemap[i], false);

		if (status[i] >= 0 && residency != SPANHEAP_ZERO)
			want[status[i]] += PAGE;
	}
	for (unsigned int n = 0; n < self->ledger.nr_nodes; n++) {
		uint64_t got = 0;

		for (unsigned int i = 0; i < SPANHEAP_NR_INTENTS; i++)
			got += nodes[n].bytes[i][SPANHEAP_RESIDENT] +
			       nodes[n].bytes[i][SPANHEAP_LAZYFREE];
		EXPECT_EQ(want[n], got) {
			TH_LOG("node %u", n);
		}
		if (self->ledger.nr_nodes > 1 && n < 2)
			EXPECT_LT(0, got);
	}
}

/* A file that is swapped, mapped privately and outside: the row OUTSIDE. */
TEST_F(pages, vector_of_other_memory)
{
	char *shm = mapped(file("/dev/shm"), PROT_READ | PROT_WRITE, MAP_SHARED);
	uint8_t vec[SIZE / PAGE];
	struct spanheap_ledger ledger = {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_RANGE,
		.addr = address(shm), .length = SIZE,
		.vec = address(vec), .vec_len = sizeof(vec),
	};

	memset(shm, 1, SIZE / 2);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &ledger));
	for (size_t i = 0; i < SIZE / PAGE; i++) {
		ASSERT_EQ(SPANHEAP_OUTSIDE, vec_intent(vec[i]));
		ASSERT_EQ(i < SIZE / PAGE / 2 ? SPANHEAP_SHMEM : SPANHEAP_NONE,
			  vec_residency(vec[i]));
	}
}

TEST_HARNESS_MAIN
