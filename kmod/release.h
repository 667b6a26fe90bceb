/* SPDX-License-Identifier: GPL-2.0-only */
/* Batched release: the owner gives back many ranges by one call. */
#ifndef SPANHEAP_RELEASE_H
#define SPANHEAP_RELEASE_H

#include <linux/spanheap.h>

struct heap;

u64 release_features(void);
int release_ranges(struct heap *heap, struct spanheap_release_ranges *args);

#endif /* SPANHEAP_RELEASE_H */
