// SPDX-License-Identifier: MIT
/*
 * The words of the ledger, derived from what was counted. Called by the
 * backends; pure.
 */
#include <string.h>

#include "figures.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A page on its way between two nodes is in RSS and belongs to its intent. */
static uint64_t resident(const struct spanheap_matrix *m, unsigned int intent)
{
	return m->bytes[intent][SPANHEAP_RESIDENT] +
	       m->bytes[intent][SPANHEAP_MIGRATING];
}

static uint64_t column(const struct spanheap_matrix *m, unsigned int residency)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		sum += m->bytes[i][residency];
	return sum;
}

void figures_from_matrix(const struct spanheap_matrix *m, struct spanheap_figures *out)
{
	memset(out, 0, sizeof(*out));
	out->lazyfree = column(m, SPANHEAP_LAZYFREE);
	out->rss = column(m, SPANHEAP_RESIDENT) + out->lazyfree +
		   column(m, SPANHEAP_MIGRATING) + column(m, SPANHEAP_FILE) +
		   column(m, SPANHEAP_SHMEM);
	out->in_use = resident(m, SPANHEAP_IN_USE);
	out->idle = resident(m, SPANHEAP_IDLE);
	out->taken = m->bytes[SPANHEAP_LAZY][SPANHEAP_NONE];
	out->freed = m->bytes[SPANHEAP_RELEASED][SPANHEAP_NONE];
	out->revoked = m->bytes[SPANHEAP_REVOKED][SPANHEAP_NONE];
	out->swapped = column(m, SPANHEAP_SWAPPED);
	out->other = out->rss - out->in_use - out->idle - out->lazyfree;
}

void figures_from_smaps(const struct smaps_sums *smaps, const uint64_t *intents,
			struct spanheap_figures *out)
{
	uint64_t rest;

	memset(out, 0, sizeof(*out));
	out->rss = smaps->rss;
	out->swapped = smaps->swap;
	out->lazyfree = min_u64(smaps->lazyfree, smaps->rss);
	rest = out->rss - out->lazyfree;
	if (intents) {
		out->idle = min_u64(intents[SPANHEAP_IDLE], rest);
		rest -= out->idle;
		out->in_use = min_u64(intents[SPANHEAP_IN_USE], rest);
		rest -= out->in_use;
		out->taken = intents[SPANHEAP_LAZY] -
			     min_u64(intents[SPANHEAP_LAZY], out->lazyfree);
		out->freed = intents[SPANHEAP_RELEASED];
		out->revoked = intents[SPANHEAP_REVOKED];
	}
	out->other = rest;
}
