/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounds of what one heap may ask for: module parameters, read by region.c. */
#ifndef SPANHEAP_LIMITS_H
#define SPANHEAP_LIMITS_H

#include <linux/types.h>

u64 limit_region_bytes(void);
u64 limit_heap_bytes(void);
unsigned int limit_regions(void);

#endif /* SPANHEAP_LIMITS_H */
