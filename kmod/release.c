// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batched release: many ranges given back by one call, map and memory together.
 * Called by ioctl.c and uring.c in the owner's context; it may sleep.
 *
 * The module acts as the owner here. Pages that are IN_USE or IDLE become RELEASED
 * by compare-and-swap and are unmapped; so the one place where revocation meets it
 * is the swap of an IDLE byte, which one of the two wins. What the other has in
 * REVOKING is left to it.
 *
 * Locks: the heap lock to find a region; then the mmap lock for read, for one range
 * at a time. Nothing can fail between the first swap and the unmapping but by a
 * fatal signal, which is looked for between pieces.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "heap.h"
#include "pagemap.h"
#include "region.h"
#include "release.h"
#include "vma.h"

/* Ranges are fetched so many at a time: half a KiB of stack. */
#define BATCH	32

/**
 * struct piece - a part of a range, in one VMA and in one page of the map
 * @vma: where
 * @addr: first address
 * @bytes: its map byte
 * @nr: pages
 */
struct piece {
	struct vm_area_struct *vma;
	unsigned long addr;
	u8 *bytes;
	unsigned long nr;
};

/* As the owner: whether the page is RELEASED now and was not before. */
static bool let_go(u8 *byte)
{
	u8 old = READ_ONCE(*byte);

	for (;;) {
		unsigned int intent = old & SPANHEAP_INTENT_MASK;
		u8 seen;

		if (intent != SPANHEAP_IN_USE && intent != SPANHEAP_IDLE)
			return false;
		seen = cmpxchg(byte, old, SPANHEAP_RELEASED);
		if (seen == old)
			return true;
		old = seen;
	}
}

/* Return: pages released. */
static unsigned long release_piece(const struct piece *piece)
{
	unsigned long released = 0, first, i = 0;

	while (i < piece->nr) {
		for (first = i; i < piece->nr && let_go(&piece->bytes[i]); i++)
			;
		if (first < i)
			compat_zap(piece->vma, piece->addr + (first << PAGE_SHIFT),
				   (i - first) << PAGE_SHIFT);
		released += i - first;
		i++;
	}
	return released;
}

/* Within one VMA. */
static int release_vma_locked(const struct region *region, struct vm_area_struct *vma,
			      unsigned long addr, unsigned long end, u64 *released)
{
	unsigned long byte, next;
	const u8 *bytes;

	for (; addr < end; addr = next) {
		byte = (addr - region->start) >> PAGE_SHIFT;
		next = addr + min(end - addr, (PAGE_SIZE - offset_in_page(byte)) << PAGE_SHIFT);
		bytes = pagemap_read(region->map, byte >> PAGE_SHIFT);
		if (bytes) {
			struct piece piece = {
				.vma = vma,
				.addr = addr,
				.bytes = (u8 *)bytes + offset_in_page(byte),
				.nr = (next - addr) >> PAGE_SHIFT,
			};

			*released += release_piece(&piece) << PAGE_SHIFT;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* All of a range is the region's, and may go; nothing is changed before that is known. */
static bool range_is_good_locked(const struct region *region, unsigned long addr,
				 unsigned long end)
{
	struct vm_area_struct *vma;

	for (; addr < end; addr = vma->vm_end) {
		vma = find_vma(current->mm, addr);
		if (!vma || vma->vm_start > addr || !vma_may_go(region, vma))
			return false;
	}
	return true;
}

static int release_locked(const struct region *region, unsigned long addr,
			  unsigned long end, u64 *released)
{
	struct vm_area_struct *vma;
	int ret = 0;

	lockdep_assert_held(&current->mm->mmap_lock);
	if (!range_is_good_locked(region, addr, end))
		return -EINVAL;
	for (; !ret && addr < end; addr = vma->vm_end) {
		vma = find_vma(current->mm, addr);
		ret = release_vma_locked(region, vma, addr, min(end, vma->vm_end), released);
	}
	return ret;
}

static int release_range(struct heap *heap, const struct spanheap_range *range, u64 *released)
{
	struct region *region;
	int ret;

	if (!range->length || !PAGE_ALIGNED(range->addr) || !PAGE_ALIGNED(range->length) ||
	    range->addr + range->length < range->addr)
		return -EINVAL;
	region = region_get(heap, range->addr, range->addr + range->length);
	if (!region)
		return -ENOENT;
	ret = -EINTR;
	if (!mmap_read_lock_killable(current->mm)) {
		ret = release_locked(region, range->addr, range->addr + range->length, released);
		mmap_read_unlock(current->mm);
	}
	region_put(region);
	return ret;
}

/**
 * release_features() - whether this kernel lets us unmap
 *
 * Return: SPANHEAP_FEATURE_RELEASE or 0.
 */
u64 release_features(void)
{
	return COMPAT_CAN_ZAP ? SPANHEAP_FEATURE_RELEASE : 0;
}

/**
 * release_ranges() - give back many ranges
 * @heap: the caller's
 * @args: which; @args->nr_done and @args->bytes are filled in, also after an error
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP when this kernel exports nothing to unmap with; -EINVAL for
 * flags, too many ranges, a misaligned or empty range, or one that is not all mapped
 * as its region's memory, is locked or under userfaultfd; -ENOENT for a range that is
 * not in one region of this heap; -EFAULT; -EINTR after a fatal signal; or as
 * heap_check_owner().
 */
int release_ranges(struct heap *heap, struct spanheap_release_ranges *args)
{
	struct spanheap_range __user *from = u64_to_user_ptr(args->ranges);
	struct spanheap_range ranges[BATCH];
	unsigned int i, nr;
	int ret;

	args->nr_done = 0;
	args->bytes = 0;
	if (!release_features())
		return -EOPNOTSUPP;
	ret = heap_check_owner(heap);
	if (ret)
		return ret;
	if (args->flags || args->nr_ranges > SPANHEAP_MAX_RANGES)
		return -EINVAL;
	while (args->nr_done < args->nr_ranges) {
		nr = min_t(unsigned int, args->nr_ranges - args->nr_done, BATCH);
		if (copy_from_user(ranges, from + args->nr_done, nr * sizeof(*ranges)))
			return -EFAULT;
		for (i = 0; i < nr; i++) {
			ret = release_range(heap, &ranges[i], &args->bytes);
			if (ret)
				return ret;
			args->nr_done++;
		}
	}
	return 0;
}
