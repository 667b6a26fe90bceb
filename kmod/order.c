// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orders to a process: give back so many bytes now. What is idle goes at once, the
 * coldest first, of any node and cgroup; what is missing then, the owner is asked for
 * by a hint. Called by ioctl.c, in the context of whoever gives the order: nothing of
 * the target is waited for, and no lock held but for looking up regions.
 */
#include <linux/ktime.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "access.h"
#include "chunk.h"
#include "heap.h"
#include "hint.h"
#include "order.h"
#include "pagemap.h"
#include "region.h"
#include "revoke.h"
#include "shrink.h"
#include "trace.h"

/* Rounds through the heap, each with less regard to age than the one before. */
#define ROUNDS		3

/* Something done with a chunk: whether that is enough. */
typedef bool (*visit_fn)(const struct revoke_chunk *chunk, void *arg);

/* The first live region that ends above an address, held. */
static struct region *region_above(struct owner *owner, unsigned long addr)
{
	struct region *region;

	spin_lock(&owner->lock);
	region = region_first_locked(owner, addr);
	if (region)
		kref_get(&region->ref);
	spin_unlock(&owner->lock);
	return region;
}

/* Return: 1 when that was enough, 0 at the end, -EINTR. */
static int visit_region(struct region *region, visit_fn visit, void *arg)
{
	struct revoke_chunk chunk = { .region = region };

	for (; chunk.map_index < region->map->nr_pages; chunk.map_index++) {
		if (!pagemap_read(region->map, chunk.map_index))
			continue;
		for (chunk.first = 0; chunk.first < PAGE_SIZE; chunk.first += CHUNK_PAGES)
			if (visit(&chunk, arg))
				return 1;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int visit_all(struct owner *owner, visit_fn visit, void *arg)
{
	unsigned long addr = 0;
	struct region *region;
	int ret = 0;

	while (!ret) {
		region = region_above(owner, addr);
		if (!region)
			break;
		addr = region->end;
		ret = visit_region(region, visit, arg);
		region_put(region);
	}
	return ret;
}

/**
 * struct census - idle pages of a process
 * @now: the epoch it is
 * @by_age: how many
 */
struct census {
	unsigned int now;
	u64 by_age[REVOKE_AGES];
};

static bool count(const struct revoke_chunk *chunk, void *arg)
{
	struct census *census = arg;
	u16 idle[REVOKE_AGES] = {};
	unsigned int age;

	if (revoke_count_idle(chunk, census->now, idle))
		for (age = 0; age < REVOKE_AGES; age++)
			census->by_age[age] += idle[age];
	return false;
}

/* Node by node, so that what is taken can be told of the node it lay on. */
static bool take(const struct revoke_chunk *chunk, void *arg)
{
	struct revoke_order *order = arg;

	for_each_node_state(order->nid, N_MEMORY) {
		revoke_pages(order, chunk);
		if (order->taken >= order->wanted)
			return true;
	}
	return false;
}

/* The age from which on there are @wanted idle pages. */
static unsigned int cold_age(const struct census *census, u64 wanted)
{
	unsigned int age = REVOKE_AGES;
	u64 sum = 0;

	while (age && sum < wanted)
		sum += census->by_age[--age];
	return age;
}

/* Take idle pages: 0 or -EINTR. */
static int take_idle(struct owner *owner, struct revoke_order *order)
{
	struct census census = { .now = order->now };
	unsigned int round;
	int ret;

	if (!(shrink_features() & SPANHEAP_FEATURE_REVOKE))
		return 0;
	ret = visit_all(owner, count, &census);
	if (ret)
		return ret;
	order->min_age = cold_age(&census, order->wanted);
	for (round = 0; round < ROUNDS; round++) {
		ret = visit_all(owner, take, order);
		if (ret || !order->min_age)
			break;
		order->min_age = round + 2 < ROUNDS ? order->min_age / 2 : 0;
	}
	return min(ret, 0);
}

/* The heap that has most memory, held: it is asked for the rest. */
static struct heap *largest_heap(struct owner *owner)
{
	struct heap *heap, *largest = NULL;

	spin_lock(&owner->lock);
	list_for_each_entry(heap, &owner->heaps, of_owner)
		if (!largest || heap->bytes > largest->bytes)
			largest = heap;
	if (largest)
		kref_get(&largest->ref);
	spin_unlock(&owner->lock);
	return largest;
}

static int give(struct owner *owner, struct spanheap_order *args)
{
	struct revoke_order order = {
		.cause = REVOKE_FOR_ORDER,
		.now = revoke_epoch(ktime_get_seconds()),
		.wanted = DIV_ROUND_UP_ULL(args->bytes, PAGE_SIZE),
	};
	struct heap *heap = largest_heap(owner);
	int ret;

	if (!heap)
		return -ENOENT;
	ret = take_idle(owner, &order);
	if (!ret) {
		args->taken = (u64)order.taken << PAGE_SHIFT;
		args->asked = args->bytes > args->taken ? args->bytes - args->taken : 0;
		if (args->asked)
			hint_order(heap, args->asked);
		trace_spanheap_order(args->pid, args->bytes, args->taken, args->asked);
	}
	heap_put(heap);
	return ret;
}

/**
 * order_give() - have a process give back memory
 * @args: checked and filled in
 *
 * Context: may sleep; killable.
 * Return: 0; -EINVAL for flags, padding, nothing, or more than can be; -ENOENT when the
 * process has no heap; -ESRCH when there is no such process; -EPERM; -EINTR.
 */
int order_give(struct spanheap_order *args)
{
	struct mm_struct *mm;
	struct owner *owner;
	int ret;

	if (args->flags || args->pid <= 0 || !args->bytes || args->bytes > LLONG_MAX)
		return -EINVAL;
	mm = access_mm_to_order(args->pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	owner = owner_find(mm);
	ret = owner ? give(owner, args) : -ENOENT;
	owner_put(owner);
	mmput(mm);
	return ret;
}
