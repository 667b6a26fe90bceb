/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounds of what a heap and a user may ask for: module parameters. */
#ifndef SPANHEAP_LIMITS_H
#define SPANHEAP_LIMITS_H

#include <linux/types.h>

u64 limit_region_bytes(void);
u64 limit_heap_bytes(void);
unsigned int limit_regions(void);
unsigned int limit_user_heaps(void);
u64 limit_user_map_bytes(void);

#endif /* SPANHEAP_LIMITS_H */
