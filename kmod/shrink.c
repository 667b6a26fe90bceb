// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shrinker: has pages revoked, the coldest of the lowest priority first. Called
 * by the kernel when memory is short, in whatever context an allocation is made;
 * owns the module parameter "revoke". See pressure.c for how much is taken and
 * pick.c for which.
 *
 * What is reported as freed was freed: a process that calls untouched pages idle
 * gains nothing by it.
 */
#include <linux/ktime.h>
#include <linux/list_lru.h>
#include <linux/module.h>
#include <linux/shrinker.h>

#include "chunk.h"
#include "compat.h"
#include "pick.h"
#include "pressure.h"
#include "revoke.h"
#include "shrink.h"

/* Pages a scan is asked for: enough to pay for picking, few enough to stop in time. */
#define BATCH		256

/* When nothing else is left, chunks in vain that often have their huge pages cut up. */
#define LAST_RESORT	2

static bool revoke = true;
module_param(revoke, bool, 0444);
MODULE_PARM_DESC(revoke, "Take idle pages when memory is short (default Y)");

static struct shrinker *shrinker;
static bool ready;

/**
 * struct visits - what has become of the picks of a scan, a bit for each
 * @tried: visited
 * @hit: and gave something
 */
struct visits {
	u32 tried;
	u32 hit;
};

/*
 * Take pages up to @rank from chunks that were in vain @misses times before; from
 * those that were in vain in this scan only when it is to be tried @again.
 */
static void take_up_to(const struct picks *picks, struct revoke_order *order,
		       struct visits *visits, unsigned int rank, unsigned int misses, bool again)
{
	unsigned int i;

	for (i = 0; i < picks->nr && order->taken < order->wanted; i++) {
		const struct pick *pick = &picks->at[i];
		struct revoke_chunk at = pick_place(pick);
		u32 bit = 1U << i;

		if (pick->rank > rank || pick->misses < misses ||
		    (visits->tried & ~visits->hit & bit && !again))
			continue;
		order->min_age = pick_min_age(pick, rank);
		if (revoke_pages(order, &at))
			visits->hit |= bit;
		visits->tried |= bit;
	}
}

static void take(struct picks *picks, struct revoke_order *order)
{
	unsigned int rank = pick_rank(picks, order->wanted), i;
	struct visits visits = {};

	/* first what goes all, then that of which a part may be enough */
	if (rank)
		take_up_to(picks, order, &visits, rank - 1, 0, false);
	take_up_to(picks, order, &visits, rank, 0, false);
	/* not all of these could be taken: younger ones have to do */
	take_up_to(picks, order, &visits, picks->bound, 0, true);
	if (!order->taken) {
		order->cut = true;
		take_up_to(picks, order, &visits, picks->bound, LAST_RESORT, true);
	}
	for (i = 0; i < picks->nr; i++)
		pick_done(&picks->at[i], visits.tried & 1U << i, visits.hit & 1U << i);
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
	struct picks picks = {};

	if (!order.wanted)
		return SHRINK_STOP;
	pick_chunks(&picks, sc, order.now);
	take(&picks, &order);
	compat_account_reclaimed(order.freed);
	if (!shortage) {
		pressure_used(order.taken);
		return SHRINK_STOP;
	}
	/* Looking in vain counts as work, so that it comes to an end. */
	if (!order.freed)
		sc->nr_scanned = max(sc->nr_to_scan, picks.looked * CHUNK_PAGES);
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
 * Return: SPANHEAP_FEATURE_REVOKE and what comes with it, or 0 when it was not
 * asked for, or this kernel exports nothing to unmap with.
 */
u64 shrink_features(void)
{
	return COMPAT_CAN_ZAP && revoke ?
	       SPANHEAP_FEATURE_REVOKE | SPANHEAP_FEATURE_PRIORITY |
	       SPANHEAP_FEATURE_WAIT : 0;
}
