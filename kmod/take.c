// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking so many pages from the chunks of one list: the coldest of the lowest
 * priority first. Called by shrink.c and guard.c; picks by pick.c, takes by revoke.c,
 * and holds nothing when it returns.
 */
#include <linux/mm.h>
#include <linux/shrinker.h>

#include "chunk.h"
#include "pick.h"
#include "revoke.h"
#include "take.h"

/* When nothing else is left, chunks in vain that often have their huge pages cut up. */
#define LAST_RESORT	2

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

/**
 * take_pages() - take pages from the chunks of one list
 * @sc: which list: its node and cgroup
 * @order: how many and which; filled in
 *
 * Context: as a shrinker.
 * Return: chunks that were looked at.
 */
unsigned int take_pages(const struct shrink_control *sc, struct revoke_order *order)
{
	struct picks picks = {};

	pick_chunks(&picks, sc, order->now);
	take(&picks, order);
	return picks.looked;
}
