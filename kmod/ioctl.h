/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of the device. */
#ifndef SPANHEAP_IOCTL_H
#define SPANHEAP_IOCTL_H

struct file;

long heap_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* SPANHEAP_IOCTL_H */
