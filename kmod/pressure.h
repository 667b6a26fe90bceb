/* SPDX-License-Identifier: GPL-2.0-only */
/* How much a scan is to take. */
#ifndef SPANHEAP_PRESSURE_H
#define SPANHEAP_PRESSURE_H

#include <linux/types.h>

struct shrink_control;

/**
 * struct pressure - what is short, in pages
 * @node: the node that is scanned
 * @memcg: the cgroup that is scanned or one above it
 */
struct pressure {
	unsigned long node;
	unsigned long memcg;
};

unsigned long pressure_of_node(int nid);
struct pressure pressure_now(const struct shrink_control *sc);
unsigned long pressure_quota(void);
void pressure_used(unsigned long pages);

#endif /* SPANHEAP_PRESSURE_H */
