/* SPDX-License-Identifier: MIT */
/*
 * A heap in a memory cgroup of the test's own, to be squeezed: what the tests of
 * revocation share. Needs root.
 */
#ifndef SELFTESTS_KMOD_SQUEEZE_H
#define SELFTESTS_KMOD_SQUEEZE_H

#include <linux/mempolicy.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "layouts.h"

#define LENGTH		(48 * MIB)
#define PAGES		(LENGTH / PAGE)
#define GROUP		"spanheap-revoke"

FIXTURE(revoke) {
	struct device_heap heap;
	uint64_t pagemap[PAGES];
};

FIXTURE_SETUP(revoke)
{
	const char *reason = device_cannot_revoke();

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, cgroup_enter(GROUP));
	cgroup_write(GROUP, "memory.swap.max", "0");
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
	madvise(self->heap.memory, LENGTH, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(revoke)
{
	cgroup_leave(GROUP);
}

static inline unsigned int epoch_ago(unsigned int epochs)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)(now.tv_sec / SPANHEAP_EPOCH_SECONDS - epochs) << SPANHEAP_EPOCH_SHIFT & 0xff;
}

/* What page @i of a heap holds, at its beginning and at its end. */
static inline uint64_t mark_of(size_t i)
{
	return i * 0x9e3779b97f4a7c15ull | 1;
}

static inline void fill(char *memory, size_t first, size_t nr)
{
	for (size_t i = first; i < first + nr; i++) {
		uint64_t *page = (uint64_t *)(memory + i * PAGE);

		page[0] = mark_of(i);
		page[PAGE / 8 - 1] = ~mark_of(i);
	}
}

static inline bool is_filled(const char *memory, size_t i)
{
	const uint64_t *page = (const uint64_t *)(memory + i * PAGE);

	return page[0] == mark_of(i) && page[PAGE / 8 - 1] == ~mark_of(i);
}

static inline bool is_zero(const char *memory, size_t i)
{
	const uint64_t *page = (const uint64_t *)(memory + i * PAGE);

	for (size_t w = 0; w < PAGE / 8; w++)
		if (page[w])
			return false;
	return true;
}

static inline unsigned int said(const struct device_heap *heap, size_t i)
{
	return heap->map[i] & SPANHEAP_INTENT_MASK;
}

static inline size_t count_said(const struct device_heap *heap, size_t first, size_t nr, unsigned int intent)
{
	size_t n = 0;

	for (size_t i = first; i < first + nr; i++)
		n += said(heap, i) == intent;
	return n;
}

/* Reclaim as hard as can be asked for. */
static inline void squeeze(void)
{
	for (int i = 0; i < 8; i++)
		cgroup_write(GROUP, "memory.reclaim", "64M");
}

/* Nodes are reclaimed one by one, each from its own coldest page on. */
static inline void stay_on_one_node(void)
{
	unsigned long mask = 1;

	syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask));
}

static inline int eat(void *arg)
{
	size_t length = *(size_t *)arg;
	char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return 1;
	memset(at, 1, length);
	return 0;
}

#endif /* SELFTESTS_KMOD_SQUEEZE_H */
