// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bells: each heap hangs one a node into a list of its owner's memory cgroup, and
 * reclaim of that cgroup or node rings them. A shrinker that is asked how much it
 * has, says nothing, and notes who is to be told; hint.c does the telling later, in
 * a context of its own. Works with and without revocation.
 *
 * Locks: bells.lock (sleeps; in no reclaim), that of a list inside. Under the lock
 * of a list a heap is referred to, which is right since its bells come down before
 * its file lets go of it.
 */
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "bell.h"
#include "compat.h"
#include "heap.h"
#include "hint.h"

/* Bells rung in one go, some 20 ns each under the lock; the rest when it comes by again. */
#define RINGS	64UL

/**
 * struct bell - a heap on the list of one node
 * @lru: in the list; on old kernels that of the node and cgroup this memory is of
 * @heap: whose
 * @next: that of another node
 */
struct bell {
	struct list_head lru;
	struct heap *heap;
	struct bell *next;
};

static struct list_lru lists;
static struct kmem_cache *cache;
static struct shrinker *shrinker;
static bool ready;

/* Under the lock of a list. */
static enum lru_status ring(struct list_head *item, struct list_lru_one *list,
			    spinlock_t *lock, void *arg)
{
	bool *any = arg;

	if (hint_ring(container_of(item, struct bell, lru)->heap, HINT_PRESSED))
		*any = true;
	return LRU_ROTATE;
}

static unsigned long bell_count(struct shrinker *unused, struct shrink_control *sc)
{
	unsigned long nr;
	bool any = false;

	if (!smp_load_acquire(&ready))	/* pairs with bell_init() */
		return 0;
	nr = list_lru_shrink_count(&lists, sc);
	if (!nr)
		return SHRINK_EMPTY;
	nr = min(nr, RINGS);
	list_lru_walk_one(&lists, sc->nid, sc->memcg, ring, &any, &nr);
	if (any)
		hint_hurry();
	return 0;
}

/* There is never anything to be had. */
static unsigned long bell_scan(struct shrinker *unused, struct shrink_control *sc)
{
	return SHRINK_STOP;
}

static void bells_free(struct bell *bell)
{
	struct bell *next;

	for (; bell; bell = next) {
		next = bell->next;
		kmem_cache_free(cache, bell);
	}
}

/* One a node, charged to the active cgroup. Only the first call makes its lists. */
static struct bell *bells_alloc(struct heap *heap)
{
	struct bell *first, *bell;
	int nid;

	first = kmem_cache_alloc_lru(cache, &lists, GFP_KERNEL_ACCOUNT);
	if (!first)
		return NULL;
	*first = (struct bell) { .heap = heap };
	INIT_LIST_HEAD(&first->lru);
	for_each_node_state(nid, N_MEMORY) {
		if (nid == page_to_nid(virt_to_page(first)))
			continue;
		bell = kmem_cache_alloc_node(cache, GFP_KERNEL_ACCOUNT, nid);
		if (!bell) {
			bells_free(first);
			return NULL;
		}
		*bell = (struct bell) { .heap = heap, .next = first->next };
		INIT_LIST_HEAD(&bell->lru);
		first->next = bell;
	}
	return first;
}

static void take_down_locked(struct bells *bells)
{
	struct bell *bell;

	lockdep_assert_held(&bells->lock);
	for (bell = bells->first; bell; bell = bell->next)
		list_lru_del_obj(&lists, &bell->lru);
	bells_free(bells->first);
	mem_cgroup_put(bells->memcg);
	bells->first = NULL;
	bells->memcg = NULL;
}

/**
 * bell_hang() - hang the bells of a heap where its owner lives now
 * @heap: of the caller, registered or about to be
 *
 * Context: the owner's; may sleep. Nothing to do when they hang there already.
 * Return: 0 or -ENOMEM; then they hang where they did.
 */
int bell_hang(struct heap *heap)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(current->mm), *old;
	struct bells *bells = &heap->hint.bells;
	struct bell *first, *bell;
	int ret = 0;

	mutex_lock(&bells->lock);
	if (bells->first && bells->memcg == memcg)
		goto out;
	old = set_active_memcg(memcg);
	first = bells_alloc(heap);
	set_active_memcg(old);
	if (!first) {
		ret = -ENOMEM;
		goto out;
	}
	take_down_locked(bells);
	swap(bells->memcg, memcg);
	bells->first = first;
	for (bell = first; bell; bell = bell->next)
		list_lru_add_obj(&lists, &bell->lru);
out:
	mutex_unlock(&bells->lock);
	mem_cgroup_put(memcg);
	return ret;
}

/**
 * bell_take_down() - reclaim does not find a heap any more
 * @heap: it may have no bells
 *
 * Context: may sleep.
 */
void bell_take_down(struct heap *heap)
{
	struct bells *bells = &heap->hint.bells;

	mutex_lock(&bells->lock);
	take_down_locked(bells);
	mutex_unlock(&bells->lock);
}

/**
 * bell_init() - set up the lists
 *
 * Return: 0 or -ENOMEM.
 */
int bell_init(void)
{
	int ret = -ENOMEM;

	cache = KMEM_CACHE(bell, 0);
	if (!cache)
		return ret;
	shrinker = compat_shrinker_alloc("spanheap-bell", bell_count, bell_scan, 0);
	if (!shrinker)
		goto out_cache;
	ret = list_lru_init_memcg(&lists, shrinker);
	if (ret)
		goto out_shrinker;
	/* pairs with bell_count() */
	smp_store_release(&ready, true);
	compat_shrinker_register(shrinker);
	return 0;

out_shrinker:
	compat_shrinker_free(shrinker);
out_cache:
	kmem_cache_destroy(cache);
	return ret;
}

/**
 * bell_exit() - take them down; there are no heaps any more
 */
void bell_exit(void)
{
	compat_shrinker_free(shrinker);
	list_lru_destroy(&lists);
	kmem_cache_destroy(cache);
}
