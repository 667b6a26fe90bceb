// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard: while a node is under pressure, takes idle pages before kswapd has to
 * run again. Reclaim shrinks its LRU lists first and comes to shrinkers later, so
 * that each run of it swaps some hundred pages out however much there is to be had
 * here. Woken by shrink.c when reclaim finds a node short; looks at its free pages
 * every few milliseconds, and goes to sleep when there has been nothing to take for
 * a while. Runs in a worker; holds no lock but those of what it calls.
 */
#include <linux/memcontrol.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/ktime.h>
#include <linux/workqueue.h>

#include "guard.h"
#include "heap.h"
#include "pressure.h"
#include "revoke.h"
#include "take.h"

/*
 * How often it looks: 4 ms, in which one thread touches some 8 MiB, half of the
 * margin. A look is a few counters of each zone. Looks in vain get rarer.
 */
#define PERIOD_MS	4
#define PERIOD_MAX_MS	64

/* Pressure is over when there was nothing to take for so long. */
#define QUIET_MS	2000

/* Pages at a time: between two of these it looks whether that was enough. */
#define BATCH		1024UL

/* Heaps that one look may go through: some have nothing that is idle. */
#define HEAPS		64

static void guard_look(struct work_struct *work);

static DECLARE_DELAYED_WORK(guard, guard_look);
static nodemask_t watched;

/* The worker's own. */
static unsigned long last_taken;
static unsigned int period_ms = PERIOD_MS;
static u64 next_heap;

/* From the cgroup that the owner of @heap is in. */
static unsigned long take_near(struct heap *heap, int nid, unsigned long wanted)
{
	struct owner *owner = heap_owner(heap);
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nid = nid };
	struct revoke_order order = {
		.cause = REVOKE_FOR_NODE,
		.nid = nid,
		.now = revoke_epoch(ktime_get_seconds()),
		.wanted = min(wanted, BATCH),
	};

	if (!owner)
		return 0;
	sc.memcg = get_mem_cgroup_from_mm(owner->mm);
	take_pages(&sc, &order);
	mem_cgroup_put(sc.memcg);
	return order.taken;
}

/* One heap after the other, each time from where it left off; at most once in vain. */
static bool relieve(int nid)
{
	bool any = false, hit = true;
	unsigned int heaps = HEAPS;
	unsigned long wanted;

	while ((wanted = pressure_of_node(nid)) && heaps--) {
		struct heap *heap = heap_get_next(&next_heap);

		if (!heap) {
			if (!hit)
				break;
			hit = false;
			next_heap = 0;
			continue;
		}
		if (take_near(heap, nid, wanted))
			hit = any = true;
		heap_put(heap);
		cond_resched();
	}
	return any;
}

static void guard_look(struct work_struct *work)
{
	bool short_of = false, any = false;
	int nid;

	for_each_node_mask(nid, watched) {
		if (!pressure_of_node(nid))
			continue;
		short_of = true;
		any |= relieve(nid);
	}
	if (any)
		last_taken = jiffies;
	if (time_after(jiffies, last_taken + msecs_to_jiffies(QUIET_MS))) {
		nodes_clear(watched);
		return;
	}
	period_ms = short_of && !any ? min(period_ms * 2, PERIOD_MAX_MS) : PERIOD_MS;
	queue_delayed_work(system_unbound_wq, &guard, msecs_to_jiffies(period_ms));
}

/**
 * guard_alert() - reclaim finds a node short
 * @nid: which
 *
 * Context: any.
 */
void guard_alert(int nid)
{
	if (node_isset(nid, watched))
		return;
	node_set(nid, watched);
	WRITE_ONCE(last_taken, jiffies);
	queue_delayed_work(system_unbound_wq, &guard, msecs_to_jiffies(PERIOD_MS));
}

/**
 * guard_stop() - the module goes; nobody calls guard_alert() any more
 */
void guard_stop(void)
{
	cancel_delayed_work_sync(&guard);
}
