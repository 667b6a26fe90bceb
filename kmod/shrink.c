// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shrinker: picks chunks, coldest pages first, and has them revoked. Called
 * by the kernel when memory is short, in whatever context an allocation is made;
 * owns the module parameter "revoke". See pressure.c for how much is taken.
 *
 * Nothing is done under the lock of a list but taking references. What is read
 * of page maps in one scan is bounded, and what is reported as freed was freed:
 * a process that calls untouched pages idle gains nothing by it.
 */
#include <linux/ktime.h>
#include <linux/list_lru.h>
#include <linux/module.h>
#include <linux/shrinker.h>

#include "chunk.h"
#include "compat.h"
#include "heap.h"
#include "pagemap.h"
#include "pressure.h"
#include "region.h"
#include "revoke.h"
#include "shrink.h"

/* Pages a scan is asked for: enough to pay for picking, few enough to stop in time. */
#define BATCH		256

/* Chunks among which the coldest are looked for; their references are on the stack. */
#define PICKS		32

/* Chunks whose map bytes are read in one scan at most: 128 KiB. */
#define LOOKS		256

/* A chunk that could not be taken is passed over 1, 3, at most 7 times. */
#define MISSES_MAX	3

/* Rounds through the picks, each with less regard to age than the one before. */
#define ROUNDS		3

static bool revoke;
module_param(revoke, bool, 0444);
MODULE_PARM_DESC(revoke, "Take idle pages when memory is short (default N)");

static struct shrinker *shrinker;
static bool ready;

/**
 * struct scan - one scan
 * @picks: chunks with idle pages; a reference to the region of each
 * @nr: their number
 * @room: where to stop
 * @walk: what list_lru still has to walk
 * @idle: pages of all picks by age
 */
struct scan {
	struct chunk *picks[PICKS];
	unsigned int nr;
	unsigned int room;
	unsigned long walk;
	u16 idle[REVOKE_AGES];
};

/* Under the lock of a list. */
static enum lru_status pick(struct list_head *item, struct list_lru_one *list,
			    spinlock_t *lock, void *arg)
{
	struct chunk *chunk = container_of(item, struct chunk, lru);
	struct scan *scan = arg;

	if (chunk->rest) {
		WRITE_ONCE(chunk->rest, chunk->rest - 1);
		return LRU_ROTATE;
	}
	kref_get(&chunk_set_of(chunk)->region->ref);
	scan->picks[scan->nr++] = chunk;
	if (scan->nr == scan->room)
		scan->walk = 0;
	return LRU_ROTATE;
}

static struct revoke_chunk chunk_of(const struct chunk *chunk)
{
	struct chunk_set *set = chunk_set_of((struct chunk *)chunk);

	return (struct revoke_chunk) {
		.region = set->region,
		.map_index = set->index,
		.first = chunk->slot * CHUNK_PAGES,
	};
}

/* Of the picks from @from on, keep those with idle pages. */
static void sift(struct scan *scan, unsigned int from, unsigned int now)
{
	unsigned int i, kept = from;

	for (i = from; i < scan->nr; i++) {
		struct revoke_chunk at = chunk_of(scan->picks[i]);

		if (revoke_count_idle(&at, now, scan->idle))
			scan->picks[kept++] = scan->picks[i];
		else
			region_put(at.region);
	}
	scan->nr = kept;
}

/* Return: how many chunks were looked at. */
static unsigned long collect(struct scan *scan, const struct shrink_control *sc,
			     unsigned int now)
{
	unsigned long total = list_lru_count_one(&chunk_lru, sc->nid, sc->memcg);
	unsigned long looked = 0, left = min_t(unsigned long, total, LOOKS);

	while (left && scan->nr < PICKS) {
		unsigned int from = scan->nr;
		unsigned long walk = min_t(unsigned long, left, PICKS);

		scan->room = PICKS;
		scan->walk = walk;
		list_lru_walk_one(&chunk_lru, sc->nid, sc->memcg, pick, scan, &scan->walk);
		left -= walk;
		looked += scan->nr - from;
		sift(scan, from, now);
	}
	return looked;
}

/* The age from which on there are @wanted idle pages among the picks. */
static unsigned int cold_age(const struct scan *scan, unsigned long wanted)
{
	unsigned int age = REVOKE_AGES;
	unsigned long sum = 0;

	while (age && sum < wanted)
		sum += scan->idle[--age];
	return age;
}

static void remember(struct chunk *chunk, bool hit)
{
	u8 misses = hit ? 0 : min(chunk->misses + 1, MISSES_MAX);

	WRITE_ONCE(chunk->misses, misses);
	WRITE_ONCE(chunk->rest, (1 << misses) - 1);
}

static void take(struct scan *scan, struct revoke_order *order)
{
	u32 hit = 0, tried = 0;
	unsigned int round, i;

	order->min_age = cold_age(scan, order->wanted);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < scan->nr && order->taken < order->wanted; i++) {
			struct revoke_chunk at = chunk_of(scan->picks[i]);

			if (revoke_pages(order, &at))
				hit |= 1U << i;
			tried |= 1U << i;
		}
		if (!order->min_age || order->taken >= order->wanted)
			break;
		order->min_age = round + 2 < ROUNDS ? order->min_age / 2 : 0;
	}
	for (i = 0; i < scan->nr; i++) {
		if (tried & 1U << i)
			remember(scan->picks[i], hit & 1U << i);
		region_put(chunk_set_of(scan->picks[i])->region);
	}
}

static unsigned long shrink_count(struct shrinker *unused, struct shrink_control *sc)
{
	unsigned long nr;

	if (!smp_load_acquire(&ready))	/* pairs with shrink_init() */
		return 0;
	nr = list_lru_shrink_count(&chunk_lru, sc);
	return nr ? nr * CHUNK_PAGES : SHRINK_EMPTY;
}

static unsigned long shrink_scan(struct shrinker *unused, struct shrink_control *sc)
{
	struct pressure pressure = pressure_now(sc);
	unsigned long shortage = max(pressure.node, pressure.memcg);
	struct revoke_order order = {
		.cause = pressure.node ? REVOKE_FOR_NODE :
			 pressure.memcg ? REVOKE_FOR_MEMCG : REVOKE_FOR_QUOTA,
		.nid = sc->nid,
		/* a page of any cgroup helps a node that is short */
		.memcg = pressure.node ? NULL : sc->memcg,
		.now = revoke_epoch(ktime_get_seconds()),
		.wanted = shortage ? min(shortage, sc->nr_to_scan) : pressure_quota(),
	};
	struct scan scan = {};
	unsigned long looked;

	if (!order.wanted)
		return SHRINK_STOP;
	looked = collect(&scan, sc, order.now);
	take(&scan, &order);
	compat_account_reclaimed(order.freed);
	if (!shortage) {
		pressure_used(order.taken);
		return SHRINK_STOP;
	}
	/* Looking in vain counts as work, so that it comes to an end. */
	if (!order.taken)
		sc->nr_scanned = max(sc->nr_to_scan, looked * CHUNK_PAGES);
	return order.freed;
}

/**
 * shrink_init() - start revoking, if that was asked for
 *
 * Return: 0 or -ENOMEM.
 */
int shrink_init(void)
{
	int ret;

	if (!shrink_features())
		return 0;
	shrinker = compat_shrinker_alloc("spanheap", shrink_count, shrink_scan, BATCH);
	if (!shrinker)
		return -ENOMEM;
	ret = chunks_init(shrinker);
	if (ret) {
		compat_shrinker_free(shrinker);
		return ret;
	}
	/* pairs with shrink_count() */
	smp_store_release(&ready, true);
	compat_shrinker_register(shrinker);
	return 0;
}

/**
 * shrink_exit() - the module goes; there are no heaps any more
 */
void shrink_exit(void)
{
	if (!shrinker)
		return;
	compat_shrinker_free(shrinker);
	chunks_exit();
}

/**
 * shrink_features() - what is in force
 *
 * Return: SPANHEAP_FEATURE_REVOKE, or 0 when it was not asked for, or this kernel
 * exports nothing to unmap with.
 */
u64 shrink_features(void)
{
	return COMPAT_CAN_ZAP && revoke ? SPANHEAP_FEATURE_REVOKE : 0;
}
