/* SPDX-License-Identifier: MIT */
/*
 * Hints: a thread of its own sleeps until memory is short, or somebody orders some
 * back; gives back what is free, and tells the application's callbacks.
 */
#ifndef SPANHEAP_LIB_PRESSURE_H
#define SPANHEAP_LIB_PRESSURE_H

/**
 * pressure_start() - listen to the module, where it gives hints
 *
 * Called by the scavenger's thread when it starts; nothing to do when a thread
 * listens already.
 */
void pressure_start(void);

/** pressure_fork_child() - in a child: the thread was not forked */
void pressure_fork_child(void);

#endif /* SPANHEAP_LIB_PRESSURE_H */
