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
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/swap.h>

#include "compat.h"
#include "headroom.h"
#include "pressure.h"

/*
 * Pages for one call that sees no shortage, and for one write that makes many. A
 * reclaimer of 6.12 that is not told of our pages calls some 200 times; what is
 * wanted cannot be seen. Of 20 MiB wanted it gets 16, and never more than wanted
 * of anything above that.
 */
#define QUOTA_CALL	64UL
#define QUOTA_WRITE	(SZ_16M >> PAGE_SHIFT)

/*
 * What kswapd leaves free of a node beyond its marks: 16 MiB, or a 16th of a smaller
 * node. It comes to shrinkers after it has swapped out some pages, hundreds with the
 * lists of 6.12, however much there is to be had here: so it is to come seldom.
 */
#define KSWAPD_MARGIN	(SZ_16M >> PAGE_SHIFT)

/* Pages short of @wanted. */
static unsigned long missing(unsigned long has, unsigned long wanted)
{
	return has < wanted ? wanted - has : 0;
}

static unsigned long kswapd_margin(int nid)
{
	return min((unsigned long)KSWAPD_MARGIN, node_present_pages(nid) / 16);
}

/**
 * pressure_of_node() - what a node is short of, for who runs ahead of kswapd
 * @nid: which
 *
 * Return: pages.
 */
unsigned long pressure_of_node(int nid)
{
	struct headroom room = headroom_of_node(nid);

	room.margin = max(room.margin, kswapd_margin(nid));
	return headroom_shortage(&room);
}

/**
 * pressure_now() - what is short
 * @sc: the scan
 */
struct pressure pressure_now(const struct shrink_control *sc)
{
	struct headroom node = headroom_of_node(sc->nid);

	return (struct pressure) {
		.node = current_is_kswapd() ? pressure_of_node(sc->nid) :
			headroom_shortage(&node),
		.memcg = headroom_shortage_of_memcg(sc->memcg),
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
