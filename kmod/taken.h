/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting lazily freed pages as the kernel takes them. */
#ifndef SPANHEAP_TAKEN_H
#define SPANHEAP_TAKEN_H

#include <linux/types.h>

struct heap;

int taken_start(struct heap *heap);
void taken_stop(struct heap *heap);

#endif /* SPANHEAP_TAKEN_H */
