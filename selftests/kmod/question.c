// SPDX-License-Identifier: MIT
/*
 * The ABI of the ledger: what can be asked, and every error of it. Built for 64
 * and for 32 bits.
 */
#include <limits.h>
#include <stddef.h>

#include "kselftest_harness.h"

#include "refused.h"

#define REFUSED_LEDGER(error, field, bad) \
	REFUSED_FIELD(error, SPANHEAP_IOC_LEDGER, &self->ledger, field, bad)

FIXTURE(question) {
	struct device_heap heap;
	struct spanheap_features features;
	struct spanheap_ledger ledger;
};

FIXTURE_SETUP(question)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	self->features = (struct spanheap_features) { .size = sizeof(self->features) };
	self->ledger = (struct spanheap_ledger) {
		.size = sizeof(self->ledger), .scope = SPANHEAP_SCOPE_HEAP,
	};
}

FIXTURE_TEARDOWN(question)
{
}

TEST_F(question, ledger_tells)
{
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(REGION_LENGTH, self->ledger.total.bytes[SPANHEAP_UNUSED][SPANHEAP_NONE]);
	EXPECT_EQ(REGION_LENGTH, ledger_column(&self->ledger, SPANHEAP_NONE));
	EXPECT_EQ(0, ledger_rss(&self->ledger));
	EXPECT_EQ(0, self->ledger.rss);
	EXPECT_LT(0, self->ledger.start_ns);
	EXPECT_LE(self->ledger.start_ns, self->ledger.end_ns);
}

TEST_F(question, ledger_of_no_heap)
{
	int fd = device_open();

	EXPECT_EQ(-ENXIO, device_do(fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
}

TEST_F(question, ledger_by_pid_needs_no_heap)
{
	struct spanheap_ledger ledger;

	EXPECT_EQ(0, device_ledger(device_open(), &ledger, SPANHEAP_SCOPE_PID, getpid()));
}

TEST_F(question, ledger_of_an_unknown_scope)
{
	REFUSED_LEDGER(EINVAL, scope, SPANHEAP_SCOPE_PID + 1);
}

TEST_F(question, ledger_with_flags)
{
	REFUSED_LEDGER(EINVAL, flags, 1);
}

TEST_F(question, ledger_with_padding)
{
	REFUSED_LEDGER(EINVAL, pad, 1);
}

TEST_F(question, ledger_of_a_heap_with_a_pid)
{
	REFUSED_LEDGER(EINVAL, pid, getpid());
}

TEST_F(question, ledger_of_a_heap_with_an_address)
{
	REFUSED_LEDGER(EINVAL, addr, self->heap.region.addr);
}

TEST_F(question, ledger_of_a_heap_with_a_length)
{
	REFUSED_LEDGER(EINVAL, length, PAGE);
}

TEST_F(question, ledger_at_a_bad_address_of_the_struct)
{
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, NULL));
}

TEST_F(question, ledger_of_pid_zero)
{
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	REFUSED_LEDGER(EINVAL, pid, 0);
	REFUSED_LEDGER(EINVAL, pid, -1);
}

TEST_F(question, ledger_of_a_pid_that_is_nobodys)
{
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	REFUSED_LEDGER(ESRCH, pid, INT_MAX);
}

TEST_F(question, ledger_of_a_zombie)
{
	pid_t zombie = fork();
	siginfo_t info;

	if (!zombie)
		_exit(0);
	ASSERT_EQ(0, waitid(P_PID, zombie, &info, WEXITED | WNOWAIT));
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	REFUSED_LEDGER(ESRCH, pid, zombie);
}

/* A range of the whole region with a vector and nodes. */
static void full_range(struct device_heap *heap, struct spanheap_ledger *ledger)
{
	static uint8_t vec[REGION_LENGTH / PAGE];
	static struct spanheap_matrix nodes[1024];

	*ledger = (struct spanheap_ledger) {
		.size = sizeof(*ledger), .scope = SPANHEAP_SCOPE_RANGE,
		.addr = heap->region.addr, .length = REGION_LENGTH,
		.vec = address(vec), .vec_len = sizeof(vec),
		.nodes = address(nodes), .nr_nodes = 1024,
	};
}

TEST_F(question, range_tells)
{
	full_range(&self->heap, &self->ledger);
	memset(self->heap.memory, 1, PAGE);
	device_say(&self->heap, 0, PAGE, SPANHEAP_IN_USE);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(PAGE, ledger_row(&self->ledger, SPANHEAP_IN_USE));
	EXPECT_EQ(REGION_LENGTH - PAGE, ledger_row(&self->ledger, SPANHEAP_UNUSED));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &self->features));
	EXPECT_EQ(self->features.nr_nodes, self->ledger.nr_nodes);
}

TEST_F(question, range_of_nothing)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, length, 0);
}

TEST_F(question, range_at_a_misaligned_address)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, addr, self->ledger.addr + 1);
}

TEST_F(question, range_of_a_misaligned_length)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, length, PAGE + 1);
}

TEST_F(question, range_beyond_the_address_space)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, addr, 1ULL << 62);
}

TEST_F(question, range_that_wraps)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, length, -PAGE);
}

TEST_F(question, vector_of_a_heap)
{
	uint8_t vec[REGION_LENGTH / PAGE];

	REFUSED(EINVAL, SPANHEAP_IOC_LEDGER, &self->ledger,
		(self->ledger.vec = address(vec), self->ledger.vec_len = sizeof(vec)),
		(self->ledger.vec = 0, self->ledger.vec_len = 0));
}

TEST_F(question, vector_without_length)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, vec_len, 0);
}

TEST_F(question, length_without_vector)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, vec, 0);
}

TEST_F(question, vector_too_short)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(ENOSPC, vec_len, REGION_LENGTH / PAGE - 1);
}

TEST_F(question, vector_at_a_bad_address)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EFAULT, vec, PAGE);
}

TEST_F(question, nodes_without_number)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, nr_nodes, 0);
}

TEST_F(question, number_without_nodes)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, nodes, 0);
}

TEST_F(question, nodes_too_few)
{
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &self->features));
	if (self->features.nr_nodes < 2)
		SKIP(return, "one NUMA node only");
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(ENOSPC, nr_nodes, self->features.nr_nodes - 1);
}

TEST_F(question, nodes_at_a_bad_address)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EFAULT, nodes, PAGE);
}

TEST_F(question, region_that_is_none)
{
	self->ledger.scope = SPANHEAP_SCOPE_REGION;
	self->ledger.addr = self->heap.region.addr;
	REFUSED_LEDGER(ENOENT, addr, self->ledger.addr + PAGE);
}

TEST_F(question, region_with_a_length)
{
	self->ledger.scope = SPANHEAP_SCOPE_REGION;
	self->ledger.addr = self->heap.region.addr;
	REFUSED_LEDGER(EINVAL, length, REGION_LENGTH);
}

TEST_F(question, short_ledger_gets_what_it_knows)
{
	self->ledger.size = offsetof(struct spanheap_ledger, rss);
	self->ledger.scope = SPANHEAP_SCOPE_MM;
	self->ledger.rss = 42;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_LT(0, ledger_rss(&self->ledger));
	EXPECT_EQ(42, self->ledger.rss);
}

TEST_HARNESS_MAIN
