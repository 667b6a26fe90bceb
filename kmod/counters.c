// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own counters of an mm, summed exactly, where /proc shows them
 * late by what per-CPU or per-thread parts still hold back. Called by ledger.c;
 * takes no lock.
 */
#include "compat.h"
#include "counters.h"

/**
 * counters_rss() - resident memory in bytes, as the kernel counts it
 * @mm: held by mmget()
 */
u64 counters_rss(struct mm_struct *mm)
{
	u64 pages = compat_mm_counter_sum(mm, MM_FILEPAGES) +
		    compat_mm_counter_sum(mm, MM_ANONPAGES) +
		    compat_mm_counter_sum(mm, MM_SHMEMPAGES);

	return pages << PAGE_SHIFT;
}

/**
 * counters_swap() - swapped anonymous memory in bytes, as the kernel counts it
 * @mm: held by mmget()
 */
u64 counters_swap(struct mm_struct *mm)
{
	return (u64)compat_mm_counter_sum(mm, MM_SWAPENTS) << PAGE_SHIFT;
}
