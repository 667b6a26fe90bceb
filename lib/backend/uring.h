/* SPDX-License-Identifier: MIT */
/*
 * Commands to the device by io_uring. liburing is looked for when it is first
 * needed: nothing depends on it at load, and nothing of malloc's comes here.
 */
#ifndef SPANHEAP_LIB_BACKEND_URING_H
#define SPANHEAP_LIB_BACKEND_URING_H

#include <stddef.h>

/* Commands of one submission: some 50 KiB of ring, set up for each call. */
#define URING_BATCH	64

/**
 * uring_commands() - the same command many times, by one submission
 * @fd: of the device
 * @command: SPANHEAP_IOC_LEDGER or SPANHEAP_IOC_RELEASE
 * @args: the argument struct of each
 * @results: 0 or -errno of each
 * @nr: their number, at most URING_BATCH
 *
 * Waits for all of them.
 * Return: 0; -errno when there is no io_uring to be had, and nothing was done.
 */
int uring_commands(int fd, unsigned long command, void *const *args, int *results, size_t nr);

#endif /* SPANHEAP_LIB_BACKEND_URING_H */
