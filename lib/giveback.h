/* SPDX-License-Identifier: MIT */
/*
 * Giving free pages back: takes runs out of the page heap one at a time, changes
 * their intent, calls madvise, puts them back. Called by the scavenger and by
 * spanheap_release_all().
 */
#ifndef SPANHEAP_LIB_GIVEBACK_H
#define SPANHEAP_LIB_GIVEBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * giveback_pass() - by the release mode in force, everything of that age
 * @mode: enum spanheap_release
 * @device: whether the module is there
 * @huge: whether the kernel makes huge pages unasked: then parts of one wait
 * @delay_ns: the age
 *
 * Return: whether something was left for later: parts of huge pages, or what lies in
 * the fronts of the span cache.
 */
bool giveback_pass(unsigned int mode, bool device, bool huge, uint64_t delay_ns);

/**
 * giveback_early() - the surplus (policy/release.h), as far as it is of that age
 * @mode: enum spanheap_release
 * @huge: as above
 * @age_ns: the age
 *
 * What the next allocations take, at the low end of the heap, goes last.
 *
 * Return: whether there is such a thing in that mode.
 */
bool giveback_early(unsigned int mode, bool huge, uint64_t age_ns);

/**
 * giveback_idle() - release pages that are handed over, oldest first
 * @bytes: how many; no more than the rest of one madvise goes beyond it
 *
 * Return: bytes released.
 */
size_t giveback_idle(size_t bytes);

/**
 * giveback_free() - release free pages, whatever was done with them, oldest first
 * @bytes: how many; no more than the rest of one madvise goes beyond it
 * @idle_too: also those that are handed over
 *
 * Return: bytes released.
 */
size_t giveback_free(size_t bytes, bool idle_too);

/** giveback_all() - release every free page; bytes released */
size_t giveback_all(void);

#endif /* SPANHEAP_LIB_GIVEBACK_H */
