/* SPDX-License-Identifier: GPL-2.0-only */
/* Bells: how reclaim finds the heaps that it concerns. */
#ifndef SPANHEAP_BELL_H
#define SPANHEAP_BELL_H

#include <linux/mutex.h>

struct bell;
struct heap;
struct mem_cgroup;

/**
 * struct bells - the bells of a heap
 * @lock: for hanging them elsewhere; sleeps, taken in no reclaim
 * @first: one a node with memory, or NULL
 * @memcg: the cgroup in which they hang, held; NULL without cgroups
 */
struct bells {
	struct mutex lock;
	struct bell *first;
	struct mem_cgroup *memcg;
};

int bell_init(void);
void bell_exit(void);

int bell_hang(struct heap *heap);
void bell_take_down(struct heap *heap);

#endif /* SPANHEAP_BELL_H */
