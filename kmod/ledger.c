// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ledger: checks what is asked, finds the mm and the ranges, has them walked
 * and turns the tally into bytes. Called by ioctl.c in process context. Copies
 * to the caller with no lock held, as the caller may be the one looked at.
 */
#include <linux/ktime.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "access.h"
#include "counters.h"
#include "heap.h"
#include "intents.h"
#include "ledger.h"
#include "region.h"
#include "tally.h"
#include "walk.h"

/* The vector goes through a page of our own: so many addresses at a time. */
#define VEC_BATCH	(PAGE_SIZE << PAGE_SHIFT)

static bool scope_has_range(u32 scope)
{
	return scope == SPANHEAP_SCOPE_RANGE;
}

static bool scope_has_address(u32 scope)
{
	return scope == SPANHEAP_SCOPE_RANGE || scope == SPANHEAP_SCOPE_REGION;
}

static bool scope_is_whole_mm(u32 scope)
{
	return scope == SPANHEAP_SCOPE_MM || scope == SPANHEAP_SCOPE_PID;
}

static int check_args(const struct spanheap_ledger *args)
{
	if (args->scope > SPANHEAP_SCOPE_PID || args->flags || args->pad)
		return -EINVAL;
	if (args->pid && args->scope != SPANHEAP_SCOPE_PID)
		return -EINVAL;
	if (args->pid <= 0 && args->scope == SPANHEAP_SCOPE_PID)
		return -EINVAL;
	if (args->addr && !scope_has_address(args->scope))
		return -EINVAL;
	if (args->length && !scope_has_range(args->scope))
		return -EINVAL;
	if ((args->vec || args->vec_len) && !scope_has_address(args->scope))
		return -EINVAL;
	if (!args->vec != !args->vec_len || !args->nodes != !args->nr_nodes)
		return -EINVAL;
	if (args->nodes && args->nr_nodes < nr_node_ids)
		return -ENOSPC;
	return 0;
}

/* The mm that is asked about, to be put by mmput(), or an error pointer. */
static struct mm_struct *ledger_mm(struct heap *heap, const struct spanheap_ledger *args)
{
	struct owner *owner;

	if (args->scope == SPANHEAP_SCOPE_PID)
		return access_mm(args->pid);
	owner = heap_owner(heap);
	if (!owner)
		return ERR_PTR(-ENXIO);
	return mmget_not_zero(owner->mm) ? owner->mm : ERR_PTR(-ESRCH);
}

/* One range, the vector in batches. */
static int ask_range(struct walk *walk, const struct spanheap_ledger *args,
		     unsigned long start, unsigned long end)
{
	u8 __user *to = u64_to_user_ptr(args->vec);
	struct tally *tally = walk->tally;
	unsigned long stop;
	int ret = 0;

	if (!args->vec)
		return walk_range(walk, start, end);
	if (args->vec_len < (end - start) >> PAGE_SHIFT)
		return -ENOSPC;

	tally->vec = (u8 *)__get_free_page(GFP_KERNEL);
	if (!tally->vec)
		return -ENOMEM;
	walk->gaps = true;
	for (; !ret && start < end; start = stop) {
		unsigned long nr;

		stop = start + min(end - start, VEC_BATCH);
		nr = (stop - start) >> PAGE_SHIFT;
		tally->vec_start = start;
		ret = walk_range(walk, start, stop);
		if (!ret && copy_to_user(to, tally->vec, nr))
			ret = -EFAULT;
		to += nr;
	}
	free_page((unsigned long)tally->vec);
	tally->vec = NULL;
	return ret;
}

static int ask_regions(struct walk *walk, const struct spanheap_ledger *args)
{
	const struct intents *intents = walk->intents;
	const struct region *region;
	int ret = -ENOENT;
	unsigned int i;

	if (args->scope == SPANHEAP_SCOPE_HEAP)
		ret = 0;
	for (i = 0; i < intents->nr; i++) {
		region = intents->regions[i];
		if (args->scope == SPANHEAP_SCOPE_REGION && region->start != args->addr)
			continue;
		ret = ask_range(walk, args, region->start, region->end);
		if (ret)
			break;
	}
	return ret;
}

static int ask_scope(struct walk *walk, const struct spanheap_ledger *args)
{
	unsigned long top = walk->mm->task_size;

	if (scope_is_whole_mm(args->scope))
		return walk_range(walk, 0, top);
	if (!scope_has_range(args->scope))
		return ask_regions(walk, args);
	if (!args->length || !PAGE_ALIGNED(args->addr) || !PAGE_ALIGNED(args->length) ||
	    args->addr >= top || args->length > top - args->addr)
		return -EINVAL;
	return ask_range(walk, args, args->addr, args->addr + args->length);
}

/**
 * ledger_to_bytes() - the matrix of a tally
 * @to: filled in, in bytes
 * @tally: what was counted
 */
void ledger_to_bytes(struct spanheap_matrix *to, const struct tally *tally)
{
	unsigned int i, r;

	for (i = 0; i < SPANHEAP_NR_INTENTS; i++)
		for (r = 0; r < SPANHEAP_NR_RESIDENCIES; r++)
			to->bytes[i][r] = tally->pages[r][i] << PAGE_SHIFT;
}

/**
 * ledger_node_to_bytes() - the matrix of one node
 * @to: filled in, in bytes; may be @pages
 * @pages: in pages
 */
void ledger_node_to_bytes(struct spanheap_matrix *to, const struct spanheap_matrix *pages)
{
	unsigned int i, r;

	for (i = 0; i < SPANHEAP_NR_INTENTS; i++)
		for (r = 0; r < SPANHEAP_NR_RESIDENCIES; r++)
			to->bytes[i][r] = pages->bytes[i][r] << PAGE_SHIFT;
}

static int answer(struct spanheap_ledger *args, struct tally *tally)
{
	unsigned int nid;

	ledger_to_bytes(&args->total, tally);
	args->batched = tally->batched << PAGE_SHIFT;
	args->hugetlb = tally->hugetlb << PAGE_SHIFT;
	args->huge = tally->huge << PAGE_SHIFT;
	args->skipped = tally->skipped << PAGE_SHIFT;
	args->bad_intent = tally->bad_intent << PAGE_SHIFT;
	args->migrating_anon = tally->migrating_anon << PAGE_SHIFT;
	args->poisoned = tally->poisoned << PAGE_SHIFT;
	if (!tally->nodes)
		return 0;
	for (nid = 0; nid < nr_node_ids; nid++)
		ledger_node_to_bytes(&tally->nodes[nid], &tally->nodes[nid]);
	args->nr_nodes = nr_node_ids;
	if (copy_to_user(u64_to_user_ptr(args->nodes), tally->nodes,
			 array_size(nr_node_ids, sizeof(*tally->nodes))))
		return -EFAULT;
	return 0;
}

static int ask_mm(struct heap *heap, struct spanheap_ledger *args, struct mm_struct *mm,
		  struct tally *tally)
{
	bool own_only = args->scope == SPANHEAP_SCOPE_HEAP ||
			args->scope == SPANHEAP_SCOPE_REGION;
	struct owner *owner = owner_find(mm);
	struct intents intents;
	struct walk walk = { .mm = mm, .intents = &intents, .tally = tally };
	int ret;

	ret = intents_open(&intents, owner, own_only ? heap : NULL);
	if (ret)
		goto out_owner;
	args->rss = 0;
	args->swap = 0;
	args->start_ns = ktime_get_ns();
	ret = ask_scope(&walk, args);
	args->end_ns = ktime_get_ns();
	if (!ret && scope_is_whole_mm(args->scope)) {
		args->rss = counters_rss(mm);
		args->swap = counters_swap(mm);
	}
	intents_close(&intents);
out_owner:
	owner_put(owner);
	return ret;
}

/**
 * ledger_add_heap() - count all of a heap
 * @heap: which; nothing is counted when its process is gone
 * @tally: added to
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -EINTR after a fatal signal.
 */
int ledger_add_heap(struct heap *heap, struct tally *tally)
{
	static const struct spanheap_ledger args = { .scope = SPANHEAP_SCOPE_HEAP };
	struct owner *owner = heap_owner(heap);
	struct intents intents;
	struct walk walk = { .intents = &intents, .tally = tally };
	int ret;

	if (!owner || !mmget_not_zero(owner->mm))
		return 0;
	walk.mm = owner->mm;
	ret = intents_open(&intents, owner, heap);
	if (!ret) {
		ret = ask_scope(&walk, &args);
		intents_close(&intents);
	}
	mmput(owner->mm);
	return ret;
}

/**
 * ledger_ask() - answer a question
 * @heap: of the file that was asked; need not be registered for SCOPE_PID
 * @args: the question, and the answer
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for what makes no sense; -ENXIO when the file is no heap;
 * -ENOENT when there is no such region; -ESRCH when the process is gone, or none;
 * -EPERM when it may not be looked at; -ENOSPC when the vector or the nodes do
 * not fit; -EFAULT; -ENOMEM; -EINTR after a fatal signal.
 */
int ledger_ask(struct heap *heap, struct spanheap_ledger *args)
{
	struct mm_struct *mm;
	struct tally *tally;
	int ret;

	ret = check_args(args);
	if (ret)
		return ret;
	tally = tally_alloc(args->nodes);
	if (!tally)
		return -ENOMEM;
	mm = ledger_mm(heap, args);
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto out;
	}
	ret = ask_mm(heap, args, mm, tally);
	mmput(mm);
	if (!ret)
		ret = answer(args, tally);
out:
	tally_free(tally);
	return ret;
}
