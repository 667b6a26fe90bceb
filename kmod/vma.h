/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a VMA is a region's memory. */
#ifndef SPANHEAP_VMA_H
#define SPANHEAP_VMA_H

#include <linux/types.h>

struct region;
struct vm_area_struct;

bool vma_may_go(const struct region *region, const struct vm_area_struct *vma);

#endif /* SPANHEAP_VMA_H */
