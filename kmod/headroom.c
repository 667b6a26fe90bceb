// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of memory that is left: of a node, below the limits of a memory
 * cgroup and of all above it, and the tightest of these for a process. Called by
 * pressure.c (how much to revoke) and hint.c (what to tell). Takes no lock but
 * RCU, reads the kernel's counters as they are, and changes nothing.
 */
#include <linux/memcontrol.h>
#include <linux/mmzone.h>
#include <linux/page_counter.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "headroom.h"

/*
 * Room that there should be at least, in pages: 4 MiB, a few milliseconds of what
 * a process can touch, during which kswapd need not run again. A cgroup is left a
 * 64th of its size, but not less than one batch of charges.
 */
#define MARGIN		(SZ_4M >> PAGE_SHIFT)
#define MARGIN_MIN	64UL

/*
 * Cgroups whose clean pages are added up, for one limit: some 20 ns each. What those
 * beyond have is left out, and headroom looks smaller than it is.
 */
#define CGROUPS		256

/**
 * headroom_of_node() - room on a node
 * @nid: which
 *
 * Free pages count where they are above the marks at which kswapd stops, and not
 * kept back for allocations that need a lower zone.
 */
struct headroom headroom_of_node(int nid)
{
	pg_data_t *node = NODE_DATA(nid);
	struct headroom room = {};
	int top = -1, i;

	for (i = 0; i < MAX_NR_ZONES; i++)
		if (i != ZONE_MOVABLE && populated_zone(&node->node_zones[i]))
			top = i;
	if (top < 0)
		return room;
	room.margin = MARGIN;
	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &node->node_zones[i];
		long above;

		if (!populated_zone(zone))
			continue;
		above = zone_page_state(zone, NR_FREE_PAGES);
		above -= high_wmark_pages(zone) + (i < top ? zone->lowmem_reserve[top] : 0);
		if (above > 0 || i == top)
			room.free += above;
	}
	room.clean = max(atomic_long_read(&node->vm_stat[NR_INACTIVE_FILE]), 0L);
	return room;
}

/* Room on all nodes that a process may use. */
static struct headroom headroom_of_nodes(const nodemask_t *allowed)
{
	struct headroom sum = { .margin = MARGIN };
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct headroom room;

		if (!node_isset(nid, *allowed))
			continue;
		room = headroom_of_node(nid);
		sum.free += room.free;
		sum.clean += room.clean;
	}
	return sum;
}

static bool tighter(const struct headroom *a, const struct headroom *b)
{
	return a->free + (long)a->clean < b->free + (long)b->clean;
}

#ifdef CONFIG_MEMCG
/* Room below the limit of one cgroup, without clean pages; false: it has no limit. */
static bool headroom_of_limit(struct mem_cgroup *memcg, struct headroom *room)
{
	unsigned long limit = min(READ_ONCE(memcg->memory.max), READ_ONCE(memcg->memory.high));

	if (limit >= PAGE_COUNTER_MAX)
		return false;
	*room = (struct headroom) {
		.free = (long)limit - (long)page_counter_read(&memcg->memory),
		.margin = clamp(limit / 64, MARGIN_MIN, (unsigned long)MARGIN),
	};
	return true;
}

/**
 * headroom_shortage_of_memcg() - what is missing below limits
 * @memcg: a cgroup, held, or NULL
 *
 * Return: pages, the most that any limit from @memcg up asks for.
 */
unsigned long headroom_shortage_of_memcg(struct mem_cgroup *memcg)
{
	unsigned long worst = 0;
	struct headroom room;

	if (mem_cgroup_disabled())
		return 0;
	for (; memcg; memcg = parent_mem_cgroup(memcg))
		if (headroom_of_limit(memcg, &room))
			worst = max(worst, headroom_shortage(&room));
	return worst;
}

static unsigned long clean_pages_on(const struct mem_cgroup_per_node *on)
{
	unsigned long sum = 0;
	int zone;

	for (zone = 0; zone < MAX_NR_ZONES; zone++)
		sum += READ_ONCE(on->lru_zone_size[zone][LRU_INACTIVE_FILE]);
	return sum;
}

/* Of a cgroup and all below it. */
static unsigned long clean_pages(struct mem_cgroup *top)
{
	struct cgroup_subsys_state *css;
	unsigned int left = CGROUPS;
	unsigned long sum = 0;

	rcu_read_lock();
	css_for_each_descendant_pre(css, &top->css) {
		struct mem_cgroup *memcg = mem_cgroup_from_css(css);
		int nid;

		for_each_node_state(nid, N_MEMORY)
			sum += clean_pages_on(memcg->nodeinfo[nid]);
		if (!--left)
			break;
	}
	rcu_read_unlock();
	return sum;
}

static struct headroom tightest(struct mm_struct *mm, struct headroom best)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mm), *at;

	if (!memcg)
		return best;
	for (at = memcg; at; at = parent_mem_cgroup(at)) {
		struct headroom room;

		/* what is loose without clean pages is no tighter with them */
		if (!headroom_of_limit(at, &room) || !tighter(&room, &best))
			continue;
		room.clean = clean_pages(at);
		if (tighter(&room, &best))
			best = room;
	}
	mem_cgroup_put(memcg);
	return best;
}

static nodemask_t allowed_nodes(struct mm_struct *mm)
{
	nodemask_t allowed = node_states[N_MEMORY];
	struct task_struct *task;

	rcu_read_lock();
	task = rcu_dereference(mm->owner);
	if (task)
		allowed = task->mems_allowed;
	rcu_read_unlock();
	return allowed;
}
#else
unsigned long headroom_shortage_of_memcg(struct mem_cgroup *memcg)
{
	return 0;
}

static struct headroom tightest(struct mm_struct *mm, struct headroom best)
{
	return best;
}

static nodemask_t allowed_nodes(struct mm_struct *mm)
{
	return node_states[N_MEMORY];
}
#endif

/**
 * headroom_of_mm() - room that a process has
 * @mm: its mm, which may be dead: then what anybody has
 *
 * Return: the tightest of the nodes that its cpuset allows, taken together, and of
 * each limit of a memory cgroup above it. Policies of single mappings are not seen.
 *
 * Context: any in which RCU may be read.
 */
struct headroom headroom_of_mm(struct mm_struct *mm)
{
	nodemask_t allowed = allowed_nodes(mm);

	return tightest(mm, headroom_of_nodes(&allowed));
}
