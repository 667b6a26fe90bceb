/* SPDX-License-Identifier: GPL-2.0-only */
/* The list of heaps, and descriptors to look at one. */
#ifndef SPANHEAP_HEAPS_H
#define SPANHEAP_HEAPS_H

#include <linux/spanheap.h>

int heaps_list(struct spanheap_heaps *args);
int heaps_observe(struct spanheap_observe *args);

#endif /* SPANHEAP_HEAPS_H */
