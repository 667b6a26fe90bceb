/* SPDX-License-Identifier: MIT */
/*
 * Asking the module for ledgers.
 */
#ifndef SPANHEAP_LIB_BACKEND_DEVICE_LEDGER_H
#define SPANHEAP_LIB_BACKEND_DEVICE_LEDGER_H

#include <linux/spanheap.h>
#include <spanheap.h>

/**
 * device_ledger_read() - the exact ledger of a process
 * @own_fd: this process's heap, to be asked about this process; or -1
 * @pid: the process otherwise, 0 for the caller
 *
 * Return: 0 or -errno, in which case @report is as it was.
 */
int device_ledger_read(int own_fd, pid_t pid, struct spanheap_report *report);

/** device_ledger_fill() - a report out of what the module has answered */
void device_ledger_fill(struct spanheap_report *report, const struct spanheap_ledger *l);

/**
 * device_ledgers_read() - the exact ledgers of many processes
 * @pids: which, 0 for the caller
 * @reports: filled in where @errors is 0
 * @errors: 0 or -errno of each
 * @nr: their number
 *
 * Up to 64 by one submission where io_uring is to be had, else an ioctl each.
 * Return: 0, or -errno when there is no module to ask.
 */
int device_ledgers_read(const pid_t *pids, struct spanheap_report *reports, int *errors,
			size_t nr);

#endif /* SPANHEAP_LIB_BACKEND_DEVICE_LEDGER_H */
