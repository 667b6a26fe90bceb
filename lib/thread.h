/* SPDX-License-Identifier: MIT */
/* Threads of the library's own, in other people's processes. */
#ifndef SPANHEAP_LIB_THREAD_H
#define SPANHEAP_LIB_THREAD_H

#include <stdbool.h>

/**
 * thread_start() - a detached thread with a small stack and all signals blocked
 * @run: what it does
 *
 * Context: may allocate; not before libc's constructors.
 * Return: whether there is one.
 */
bool thread_start(void *(*run)(void *));

/** thread_settle() - by the thread itself: its name, and no real-time priority */
void thread_settle(const char *name);

#endif /* SPANHEAP_LIB_THREAD_H */
