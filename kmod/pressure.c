// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a scan is to take. Called by shrink.c; takes no lock but its own leaf.
 *
 * The kernel asks a shrinker for a share of what it has, not for what is needed,
 * and from 6.4 on does not count in what a shrinker frees when a cgroup is
 * reclaimed: it would drain every idle page. So the module looks for itself. While
 * the node or a cgroup is short, it takes what is missing and a margin. Who asks
 * while nothing is short (memory.reclaim, drop_caches, an allocation of high
 * order) gets a quota.
 */
#include <linux/hash.h>
#include <linux/memcontrol.h>
#include <linux/mmzone.h>
#include <linux/page_counter.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/swap.h>

#include "compat.h"
#include "pressure.h"

/*
 * Pages beyond the need: 4 MiB, a few milliseconds of what a process can touch,
 * during which kswapd need not run again. A cgroup is left a 64th of its size,
 * but not less than one batch of charges.
 */
#define MARGIN		1024UL
#define MARGIN_MIN	64UL

/*
 * Pages for one call that sees no shortage, and for one write that makes many. A
 * reclaimer of 6.12 that is not told of our pages calls some 200 times; what is
 * wanted cannot be seen. Of 20 MiB wanted it gets 16, and never more than wanted
 * of anything above that.
 */
#define QUOTA_CALL	64UL
#define QUOTA_WRITE	(SZ_16M >> PAGE_SHIFT)

/* Pages short of @wanted. */
static unsigned long missing(unsigned long has, unsigned long wanted)
{
	return has < wanted ? wanted - has : 0;
}

/*
 * Free pages of a node count where they are above the marks at which kswapd stops,
 * and not kept back for allocations that need a lower zone.
 */
static unsigned long node_shortage(int nid)
{
	pg_data_t *node = NODE_DATA(nid);
	unsigned long usable = 0, below = 0;
	int top = -1, i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		if (i != ZONE_MOVABLE && populated_zone(&node->node_zones[i]))
			top = i;
	if (top < 0)
		return 0;
	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &node->node_zones[i];
		unsigned long free, mark;

		if (!populated_zone(zone))
			continue;
		free = zone_page_state(zone, NR_FREE_PAGES);
		mark = high_wmark_pages(zone) + (i < top ? zone->lowmem_reserve[top] : 0);
		usable += missing(mark, free);
		if (i == top)
			below = missing(free, mark);
	}
	return missing(usable, MARGIN + below);
}

#ifdef CONFIG_MEMCG
static unsigned long memcg_shortage(struct mem_cgroup *memcg)
{
	unsigned long worst = 0;

	if (mem_cgroup_disabled())
		return 0;
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		unsigned long limit = min(READ_ONCE(memcg->memory.max),
					  READ_ONCE(memcg->memory.high));
		unsigned long usage = page_counter_read(&memcg->memory);
		unsigned long margin = clamp(limit / 64, MARGIN_MIN, MARGIN);

		if (limit < PAGE_COUNTER_MAX)
			worst = max(worst, missing(missing(usage, limit), margin) +
					   missing(limit, usage));
	}
	return worst;
}
#else
static unsigned long memcg_shortage(struct mem_cgroup *memcg)
{
	return 0;
}
#endif

/**
 * pressure_now() - what is short
 * @sc: the scan
 */
struct pressure pressure_now(const struct shrink_control *sc)
{
	return (struct pressure) {
		.node = node_shortage(sc->nid),
		.memcg = memcg_shortage(sc->memcg),
	};
}

/*
 * What writes have got that came while nothing was short. One slot serves many
 * tasks; who takes it from another only starts both anew. A task is known by when
 * it started, too: the struct of a dead one is soon another's.
 */
static DEFINE_SPINLOCK(writes_lock);

static struct write {
	const struct task_struct *task;
	u64 started;
	u64 number;
	unsigned long used;
} writes[16];

/* Counts up at the end of each write: tells one from the next. */
static u64 write_number(void)
{
#ifdef CONFIG_TASK_XACCT
	return current->ioac.syscw;
#else
	return 0;
#endif
}

static struct write *this_write_locked(void)
{
	struct write *write = &writes[hash_ptr(current, 4)];
	u64 number = write_number();

	lockdep_assert_held(&writes_lock);
	if (write->task != current || write->started != current->start_time ||
	    write->number != number)
		*write = (struct write) {
			.task = current,
			.started = current->start_time,
			.number = number,
		};
	return write;
}

/**
 * pressure_quota() - what the caller gets although nothing is short
 *
 * Return: pages, 0 when it has had enough.
 */
unsigned long pressure_quota(void)
{
	unsigned long left;

	if (current_is_kswapd())
		return 0;
	/* It is told what it got, and stops by itself. */
	if (COMPAT_CREDITS_CGROUPS)
		return QUOTA_CALL;
	spin_lock(&writes_lock);
	left = missing(this_write_locked()->used, QUOTA_WRITE);
	spin_unlock(&writes_lock);
	return min(left, QUOTA_CALL);
}

/**
 * pressure_used() - it got that
 * @pages: out of what pressure_quota() gave
 */
void pressure_used(unsigned long pages)
{
	spin_lock(&writes_lock);
	this_write_locked()->used += pages;
	spin_unlock(&writes_lock);
}
