/* SPDX-License-Identifier: MIT */
/*
 * How much memory may still be allocated before it is short, as far as files
 * tell: the procfs way of asking, also the device backend's until the module
 * has its own word for it.
 */
#ifndef SPANHEAP_LIB_BACKEND_HEADROOM_H
#define SPANHEAP_LIB_BACKEND_HEADROOM_H

#include <stdint.h>

/**
 * headroom_bytes() - the tightest of the machine and of each memory cgroup
 *
 * What the kernel can drop at once counts as free. UINT64_MAX when nothing can
 * be read. Costs a few system calls a cgroup level; no lock, no allocation,
 * about 12 KiB of stack.
 */
uint64_t headroom_bytes(void);

/**
 * headroom_cgroup() - the tightest limit from a cgroup up to the root
 * @root: where the hierarchy is mounted
 * @path: the cgroup below it, as /proc/self/cgroup has it
 */
uint64_t headroom_cgroup(const char *root, const char *path);

#endif /* SPANHEAP_LIB_BACKEND_HEADROOM_H */
