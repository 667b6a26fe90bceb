/* SPDX-License-Identifier: MIT */
/*
 * The ledger without the device: what /proc tells of a process.
 */
#ifndef SPANHEAP_LIB_BACKEND_SMAPS_H
#define SPANHEAP_LIB_BACKEND_SMAPS_H

#include <sys/types.h>
#include "figures.h"

/**
 * smaps_read() - the sums of /proc/PID/smaps
 * @pid: a process, or 0 for the caller
 *
 * Return: 0; -ESRCH no such process, or one without memory of its own; -EPERM
 * it may not be looked at; -ENOENT there is no /proc.
 */
int smaps_read(pid_t pid, struct smaps_sums *sums);

#endif /* SPANHEAP_LIB_BACKEND_SMAPS_H */
