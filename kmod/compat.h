/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between kernel versions, and nothing else. The rest of the
 * module is written against the newest kernel it knows; what is here brings the
 * older ones up to it. No other file looks at LINUX_VERSION_CODE.
 */
#ifndef SPANHEAP_COMPAT_H
#define SPANHEAP_COMPAT_H

#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>
#include <linux/sched/signal.h>
#include <linux/version.h>

/* Unaligned access moved out of asm. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

/* vm_flags_set() came with per-VMA locks. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* A pmd is one word on 64 bits, the only machines this module is built for. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
static inline pmd_t pmdp_get_lockless(pmd_t *pmdp)
{
	return READ_ONCE(*pmdp);
}
#endif

/* Before huge PFN mappings there were no special pmds. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
static inline bool compat_pmd_special(pmd_t pmd)
{
	return false;
}
#else
static inline bool compat_pmd_special(pmd_t pmd)
{
	return pmd_special(pmd);
}
#endif

/*
 * How many page-table entries map @folio; INT_MAX when that cannot be told at
 * no cost. Before 6.8 the count of a large folio was spread over its pages.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline int compat_mapcount(struct folio *folio)
{
	if (!folio_test_large(folio))
		return atomic_read(&folio->page._mapcount) + 1;
	if (PageDoubleMap(&folio->page))
		return INT_MAX;
	return folio_entire_mapcount(folio) ?: INT_MAX;
}
#else
static inline int compat_mapcount(struct folio *folio)
{
	return folio_mapcount(folio);
}
#endif

/*
 * The exact value of an RSS counter. From 6.2 they are per-CPU counters; before
 * that each thread kept up to 64 events to itself, so that the threads of every
 * process that shares the mm have to be asked.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static inline unsigned long compat_mm_counter_sum(struct mm_struct *mm, int member)
{
	long sum = atomic_long_read(&mm->rss_stat.count[member]);
#ifdef SPLIT_RSS_COUNTING
	struct task_struct *process, *thread;

	rcu_read_lock();
	for_each_process(process) {
		for_each_thread(process, thread) {
			struct mm_struct *its = READ_ONCE(thread->mm);

			if (its && its != mm)
				break;
			if (its)
				sum += READ_ONCE(thread->rss_stat.count[member]);
		}
	}
	rcu_read_unlock();
#endif
	return max(sum, 0L);
}
#else
static inline unsigned long compat_mm_counter_sum(struct mm_struct *mm, int member)
{
	return percpu_counter_sum_positive(&mm->rss_stat[member]);
}
#endif

#endif /* SPANHEAP_COMPAT_H */
