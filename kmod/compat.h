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
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/version.h>

/* Unaligned access moved out of asm. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

/* Commands by io_uring got a header of their own, and the whole SQE. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#include <linux/io_uring.h>
static inline const void *compat_uring_payload(const struct io_uring_cmd *cmd)
{
	return cmd->cmd;
}
#else
#include <linux/io_uring/cmd.h>
static inline const void *compat_uring_payload(const struct io_uring_cmd *cmd)
{
	return io_uring_sqe_cmd(cmd->sqe);
}
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

/* Shadow stacks brought a second dirty bit, for entries that look read-only. */
#ifndef _PAGE_DIRTY_BITS
#define _PAGE_DIRTY_BITS	_PAGE_DIRTY
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

/*
 * Unmapping a range of one VMA. Which of the two a kernel exports, if any, Kbuild
 * has looked up.
 */
#if defined(HAVE_ZAP_PAGE_RANGE_SINGLE)
#define COMPAT_CAN_ZAP	1
static inline void compat_zap(struct vm_area_struct *vma, unsigned long addr,
			      unsigned long size)
{
	zap_page_range_single(vma, addr, size, NULL);
}
#elif defined(HAVE_ZAP_PAGE_RANGE)
#define COMPAT_CAN_ZAP	1
static inline void compat_zap(struct vm_area_struct *vma, unsigned long addr,
			      unsigned long size)
{
	zap_page_range(vma, addr, size);
}
#else
#define COMPAT_CAN_ZAP	0
static inline void compat_zap(struct vm_area_struct *vma, unsigned long addr,
			      unsigned long size)
{
}
#endif

/* Items of a list_lru that are slab objects. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define list_lru_add_obj(lru, item)	list_lru_add(lru, item)
#define list_lru_del_obj(lru, item)	list_lru_del(lru, item)
#endif

/*
 * Telling reclaim what else was freed. From 6.5 it does not count in what it is
 * told while it reclaims a cgroup.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define COMPAT_CREDITS_CGROUPS	1
static inline void compat_account_reclaimed(unsigned long pages)
{
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += pages;
}
#else
#define COMPAT_CREDITS_CGROUPS	0
static inline void compat_account_reclaimed(unsigned long pages)
{
	mm_account_reclaimed_pages(pages);
}
#endif

/*
 * A shrinker that knows nodes and cgroups, with cheap objects (seeks of 0). Before
 * 6.7 it could only be allocated by the module, and it had to be registered before
 * a list_lru was made for it: it is called as soon as it is allocated.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *
compat_shrinker_alloc(const char *name,
		      unsigned long (*count)(struct shrinker *, struct shrink_control *),
		      unsigned long (*scan)(struct shrinker *, struct shrink_control *),
		      long batch)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->flags = SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->batch = batch;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
	return shrinker;
}

static inline void compat_shrinker_register(struct shrinker *shrinker)
{
}

static inline void compat_shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline struct shrinker *
compat_shrinker_alloc(const char *name,
		      unsigned long (*count)(struct shrinker *, struct shrink_control *),
		      unsigned long (*scan)(struct shrinker *, struct shrink_control *),
		      long batch)
{
	struct shrinker *shrinker;

	shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE, "%s", name);
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->batch = batch;
	shrinker->seeks = 0;
	return shrinker;
}

static inline void compat_shrinker_register(struct shrinker *shrinker)
{
	shrinker_register(shrinker);
}

static inline void compat_shrinker_free(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#endif

#endif /* SPANHEAP_COMPAT_H */
