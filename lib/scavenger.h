/* SPDX-License-Identifier: MIT */
/*
 * The background thread that gives free pages back: hands them over, releases
 * them, or leaves them, as the release mode says. It works while the program is
 * idle, and sleeps without a wake-up while there is nothing to do.
 */
#ifndef SPANHEAP_LIB_SCAVENGER_H
#define SPANHEAP_LIB_SCAVENGER_H

#include <stddef.h>

/**
 * scavenger_poke() - tell the scavenger that spans have come free
 * @heap_bytes: size of the heap: bytes that are committed, in use or free
 *
 * Starts the thread once the heap is worth it, wakes it when it sleeps.
 * Context: slow paths of the page heap, with no lock held; may itself allocate
 * (pthread_create does) and guards against that. Two loads when there is
 * nothing to do. Keeps errno.
 */
void scavenger_poke(size_t heap_bytes);

/**
 * scavenger_mode() - the release mode in force, enum spanheap_release
 */
unsigned int scavenger_mode(void);

/** scavenger_set_mode() - switch it; the scavenger soon looks at everything */
void scavenger_set_mode(unsigned int mode);

/** scavenger_fork_child() - in a child: the thread was not forked */
void scavenger_fork_child(void);

#endif /* SPANHEAP_LIB_SCAVENGER_H */
