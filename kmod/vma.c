// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a VMA is a region's memory, so that it may be unmapped. Asked by
 * revoke.c and release.c before they touch anything.
 */
#include <linux/mm.h>
#include <linux/userfaultfd_k.h>

#include "heap.h"
#include "region.h"
#include "vma.h"

/* A VMA with one of these is none that the device has made, or not to be touched. */
#define VM_FORBIDDEN	(VM_LOCKED | VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_MIXEDMAP | \
			 VM_HUGETLB | VM_IO)

/**
 * vma_may_go() - whether a VMA is the region's memory, and memory that may go
 * @region: which
 * @vma: some VMA of the owner or, by the reverse map, of anybody
 *
 * File and offset alone do not tell: a mapping that was moved may have got them by
 * chance. Its pages are those of the region where offset and address agree.
 *
 * Context: the mmap lock of @vma, or the i_mmap lock of the heap.
 * Return: whether it is.
 */
bool vma_may_go(const struct region *region, const struct vm_area_struct *vma)
{
	struct heap *heap = region->heap;

	return vma->vm_mm == heap->owner->mm && vma->vm_file &&
	       vma->vm_file->f_mapping == &heap->mapping &&
	       vma->vm_file->private_data == heap &&
	       (vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff ==
	       (region->start >> PAGE_SHIFT) - region->mem_pgoff &&
	       !vma->vm_ops && !(vma->vm_flags & VM_FORBIDDEN) &&
	       !userfaultfd_armed((struct vm_area_struct *)vma);
}
