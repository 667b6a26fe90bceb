/* SPDX-License-Identifier: MIT */
/*
 * NUMA nodes: which one the calling thread is on, and where memory shall come from.
 * Called by the central lists and the page heap, on their slow paths. By system calls
 * alone: libnuma is a user of malloc, and on the way down from malloc there can be
 * none.
 *
 * There is one node, number 0, until the heap has outgrown its first reserve; and for
 * good where the machine has one, where the program was given a memory policy (by
 * numactl, say), which is not ours to overrule, and with SPANHEAP_NODES=0.
 */
#ifndef SPANHEAP_LIB_NODE_H
#define SPANHEAP_LIB_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "lock.h"

/* Machines with higher numbers are treated as if they had one node. */
#define NODE_MAX	64
#define NODE_ANY	NODE_MAX	/* where a node is asked for */

extern _Atomic unsigned int node_nr;	/* the highest number and 1 */

static inline unsigned int node_count(void)
{
	return atomic_load_explicit(&node_nr, memory_order_relaxed);
}

unsigned int node_ask(void);

/** node_here() - of the calling thread, right now */
static inline unsigned int node_here(void)
{
	return likely(node_count() == 1) ? 0 : node_ask();
}

/** node_init() - find out about nodes. Once, under grow_lock */
void node_init(void);

/** node_prefer() - memory for this range shall come from @node, if it has any left */
void node_prefer(void *base, size_t length, unsigned int node);

#endif /* SPANHEAP_LIB_NODE_H */
