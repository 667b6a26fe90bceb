/* SPDX-License-Identifier: MIT */
/* Waiting for many descriptors at once: by io_uring where it may be used, else by poll(). */
#ifndef SPANHEAP_TOOLS_WATCH_H
#define SPANHEAP_TOOLS_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/* One was woken, with so many of POLLPRI and POLLHUP; false: no more of it. */
typedef bool watch_fn(size_t i, unsigned int events, void *arg);

/**
 * watch_all() - call @what for each descriptor that has something to say
 * @fds: descriptors that can be polled; those that are done become -1
 * @nr: their number, at least 1
 * @what: is told the index of the descriptor
 *
 * Return: 0 when none is left, -errno.
 */
int watch_all(int *fds, size_t nr, watch_fn *what, void *arg);

#endif /* SPANHEAP_TOOLS_WATCH_H */
