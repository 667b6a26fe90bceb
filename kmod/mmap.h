/* SPDX-License-Identifier: GPL-2.0-only */
/* What the device's offsets mean to mmap(). */
#ifndef SPANHEAP_MMAP_H
#define SPANHEAP_MMAP_H

struct file;
struct vm_area_struct;

int heap_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* SPANHEAP_MMAP_H */
