/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own counters of an mm, summed exactly. */
#ifndef SPANHEAP_COUNTERS_H
#define SPANHEAP_COUNTERS_H

#include <linux/types.h>

struct mm_struct;

u64 counters_rss(struct mm_struct *mm);
u64 counters_swap(struct mm_struct *mm);

#endif /* SPANHEAP_COUNTERS_H */
