// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shrinker: has pages revoked, the coldest of the lowest priority first. Called
 * by the kernel when memory is short, in whatever context an allocation is made;
 * owns the module parameter "revoke". See pressure.c for how much is taken, take.c
 * for from where.
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
#include "guard.h"
#include "pressure.h"
#include "revoke.h"
#include "shrink.h"
#include "take.h"

/* Pages a scan is asked for: enough to pay for picking, few enough to stop in time. */
#define BATCH		256

static bool revoke = true;
module_param(revoke, bool, 0444);
MODULE_PARM_DESC(revoke, "Take idle pages when memory is short (default Y)");

static struct shrinker *shrinker;
static bool ready;

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
	unsigned int looked;

	if (pressure.node)
		guard_alert(sc->nid);
	if (!order.wanted)
		return SHRINK_STOP;
	looked = take_pages(sc, &order);
	compat_account_reclaimed(order.freed);
	if (!shortage) {
		pressure_used(order.taken);
		return SHRINK_STOP;
	}
	/* Looking in vain counts as work, so that it comes to an end. */
	if (!order.freed)
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
	guard_stop();
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
