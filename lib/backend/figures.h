/* SPDX-License-Identifier: MIT */
/*
 * From what a backend has counted to the ledger in words. Pure functions.
 */
#ifndef SPANHEAP_LIB_BACKEND_FIGURES_H
#define SPANHEAP_LIB_BACKEND_FIGURES_H

#include <stdint.h>
#include <linux/spanheap.h>
#include <spanheap.h>

/** figures_from_matrix() - the nine figures of a matrix, every one exact */
void figures_from_matrix(const struct spanheap_matrix *matrix,
			 struct spanheap_figures *out);

/**
 * struct smaps_sums - what /proc/PID/smaps says of a process, in bytes
 */
struct smaps_sums {
	uint64_t rss;
	uint64_t lazyfree;
	uint64_t swap;
};

/**
 * figures_from_smaps() - the figures as far as smaps can tell them
 * @intents: bytes per intent as the process itself has them in its books, or
 *	NULL for another process: then in_use, idle, taken, freed and revoked
 *	are not known, and 0
 *
 * With @intents the figures are estimates: the books know what was given to the
 * program, not what of it was ever touched.
 */
void figures_from_smaps(const struct smaps_sums *smaps, const uint64_t *intents,
			struct spanheap_figures *out);

#endif /* SPANHEAP_LIB_BACKEND_FIGURES_H */
