// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of the device: the header page, the page map of a region, or heap
 * memory. Called by the kernel with the mmap lock held for write; takes the heap
 * lock inside it. Shared pages are PFN mappings: they are no part of the RSS and
 * are not inherited by a child. Heap memory becomes plain anonymous memory.
 */
#include <linux/mm.h>

#include "chunk.h"
#include "compat.h"
#include "heap.h"
#include "mmap.h"
#include "pagemap.h"
#include "region.h"

/* Which page of the map a fault is at: the map begins at @first. */
static vm_fault_t fault_shared(struct vm_fault *vmf, struct pagemap *map, u64 first)
{
	u64 index = vmf->pgoff - first;
	struct page *page;

	if (vmf->pgoff < first || index >= map->nr_pages)
		return VM_FAULT_SIGBUS;
	page = pagemap_touch(map, index);
	if (!page)
		return VM_FAULT_OOM;
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct region *region = vmf->vma->vm_private_data;

	if (!chunks_touch(region, vmf->pgoff - region->map_pgoff))
		return VM_FAULT_OOM;
	return fault_shared(vmf, region->map, region->map_pgoff);
}

static vm_fault_t header_fault(struct vm_fault *vmf)
{
	struct heap *heap = vmf->vma->vm_private_data;

	return fault_shared(vmf, heap->header, HEADER_PGOFF);
}

static const struct vm_operations_struct map_ops = {
	.fault = map_fault,
};

static const struct vm_operations_struct header_ops = {
	.fault = header_fault,
};

/*
 * VM_DONTCOPY: a child must not write into its parent's map. VM_IO, since
 * MADV_DOFORK is refused only where it is set.
 */
static int mmap_shared(struct vm_area_struct *vma, const struct vm_operations_struct *ops,
		       void *private)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = ops;
	vma->vm_private_data = private;
	return 0;
}

static int mmap_header(struct heap *heap, struct vm_area_struct *vma)
{
	if (vma_pages(vma) != heap->header->nr_pages)
		return -EINVAL;
	return mmap_shared(vma, &header_ops, heap);
}

static int mmap_map(struct heap *heap, struct vm_area_struct *vma)
{
	struct region *region = region_of_map(heap, vma->vm_pgoff);

	if (!region)
		return -EINVAL;
	if (vma_pages(vma) > region->map_pgoff + region->map->nr_pages - vma->vm_pgoff)
		return -EINVAL;
	return mmap_shared(vma, &map_ops, region);
}

static int mmap_memory(struct heap *heap, struct vm_area_struct *vma)
{
	if (vma->vm_flags & (VM_SHARED | VM_MAYSHARE))
		return -EINVAL;
	if (!region_agrees(heap, vma->vm_start, vma->vm_end, vma->vm_pgoff))
		return -EINVAL;
	vma_set_anonymous(vma);
	return 0;
}

/**
 * heap_mmap() - the device's mmap method
 * @file: an open file of the device
 * @vma: the mapping to be
 *
 * Context: the mmap lock is held for write.
 * Return: 0; -EINVAL when the offset is no window, the length goes beyond it,
 * the address does not agree with it, or the kind of mapping (shared, private)
 * is not the one that it wants; or as heap_check_owner().
 */
int heap_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct heap *heap = file->private_data;
	int ret;

	ret = heap_check_owner(heap);
	if (ret)
		return ret;
	if (vma->vm_pgoff == HEADER_PGOFF)
		return mmap_header(heap, vma);
	if (vma->vm_pgoff < heap->map_end)
		return mmap_map(heap, vma);
	return mmap_memory(heap, vma);
}
