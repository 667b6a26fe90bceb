// SPDX-License-Identifier: GPL-2.0-only
/*
 * All heaps of the machine, summed up. Called by ioctl.c; revoke.c tells what it has
 * taken. What costs a step a heap everyone may ask. What walks page tables takes the
 * mmap locks of other people's processes and is the administrator's; it is the sum
 * of exact ledgers, taken one after the other, and ends with a fatal signal.
 *
 * Locks: those of the ledger; none of its own.
 */
#include <linux/capability.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "heap.h"
#include "ledger.h"
#include "tally.h"
#include "totals.h"

static atomic64_t revoked[MAX_NUMNODES];

/**
 * totals_revoked() - pages have been taken
 * @nid: on this node
 * @pages: so many
 *
 * Context: any.
 */
void totals_revoked(int nid, unsigned long pages)
{
	atomic64_add(pages, &revoked[nid]);
}

static void add_sizes(struct spanheap_totals *args, struct heap *heap)
{
	struct owner *owner = heap_owner(heap);

	if (!owner)
		return;
	spin_lock(&owner->lock);
	args->heaps++;
	args->regions += heap->nr_regions;
	args->bytes += heap->bytes;
	spin_unlock(&owner->lock);
}

static int add_heaps(struct spanheap_totals *args, struct tally *tally)
{
	struct heap *heap;
	int ret = 0;
	u64 id = 0;

	while (!ret && (heap = heap_get_next(&id))) {
		add_sizes(args, heap);
		if (args->flags & SPANHEAP_TOTALS_WALK)
			ret = ledger_add_heap(heap, tally);
		heap_put(heap);
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

static int answer(struct spanheap_totals *args, struct tally *tally)
{
	struct spanheap_node_totals __user *to = u64_to_user_ptr(args->nodes);
	struct spanheap_node_totals *node;
	unsigned int nid;
	int ret = 0;

	ledger_to_bytes(&args->memory, tally);
	args->skipped = tally->skipped << PAGE_SHIFT;
	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		node->revoked = atomic64_read(&revoked[nid]) << PAGE_SHIFT;
		args->revoked += node->revoked;
		if (!args->nodes || ret)
			continue;
		ledger_node_to_bytes(&node->memory, &tally->nodes[nid]);
		if (copy_to_user(&to[nid], node, sizeof(*node)))
			ret = -EFAULT;
	}
	args->nr_nodes = args->nodes ? nr_node_ids : 0;
	kfree(node);
	return ret;
}

/**
 * totals_ask() - sum up all heaps
 * @args: the question, and the answer
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for flags, padding, or an array of nodes without a length;
 * -ENOSPC when the array is too short; -EPERM when a walk is asked for by somebody
 * without CAP_SYS_ADMIN; -EFAULT; -ENOMEM; -EINTR after a fatal signal.
 */
int totals_ask(struct spanheap_totals *args)
{
	struct tally *tally;
	int ret;

	if (args->flags & ~SPANHEAP_TOTALS_WALK || args->pad || !args->nodes != !args->nr_nodes)
		return -EINVAL;
	if (args->nodes && args->nr_nodes < nr_node_ids)
		return -ENOSPC;
	if (args->flags & SPANHEAP_TOTALS_WALK && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	args->heaps = 0;
	args->regions = 0;
	args->bytes = 0;
	args->revoked = 0;
	tally = tally_alloc(args->nodes);
	if (!tally)
		return -ENOMEM;
	ret = add_heaps(args, tally);
	if (!ret)
		ret = answer(args, tally);
	tally_free(tally);
	return ret;
}
