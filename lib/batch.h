/* SPDX-License-Identifier: MIT */
/*
 * Pages on their way back to the system, many ranges at a time: by one call where
 * the module takes ranges, else by an madvise each. Filled by giveback.c.
 */
#ifndef SPANHEAP_LIB_BATCH_H
#define SPANHEAP_LIB_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "heap.h"

/* Enough that the call no longer matters beside what it does. */
#define BATCH_RANGES	32

/* But nobody else can have these pages meanwhile: 4 MiB, as much as one run. */
#define BATCH_PAGES	((size_t)1024)

/**
 * struct batch - what waits to be released
 * @runs: where it lies; out of the page heap until then
 * @nr_runs: their number
 * @pieces: pages, all of them IN_USE
 * @nr: their number
 * @pages: in all
 */
struct batch {
	struct heap_run runs[BATCH_RANGES];
	size_t nr_runs;
	struct {
		struct reserve *r;
		size_t first;
		size_t nr;
	} pieces[BATCH_RANGES];
	size_t nr;
	size_t pages;
};

static inline bool batch_is_full(const struct batch *b)
{
	return b->nr == BATCH_RANGES || b->nr_runs == BATCH_RANGES || b->pages >= BATCH_PAGES;
}

/** batch_add() - pages that are IN_USE, to a batch that is not full */
void batch_add(struct batch *b, struct reserve *r, size_t first, size_t nr);

/** batch_keep() - a run that has pieces in the batch: put when they have gone */
void batch_keep(struct batch *b, const struct heap_run *run);

/**
 * batch_flush() - release all, put the runs
 *
 * Return: pages released; the others are IN_USE.
 */
size_t batch_flush(struct batch *b);

#endif /* SPANHEAP_LIB_BATCH_H */
