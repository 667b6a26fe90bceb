/* SPDX-License-Identifier: MIT */
/*
 * Asking the module for a ledger. Only for files of this folder.
 */
#ifndef SPANHEAP_LIB_BACKEND_DEVICE_LEDGER_H
#define SPANHEAP_LIB_BACKEND_DEVICE_LEDGER_H

#include <spanheap.h>

/**
 * device_ledger_read() - the exact ledger of a process
 * @own_fd: this process's heap, to be asked about this process; or -1
 * @pid: the process otherwise, 0 for the caller
 *
 * Return: 0 or -errno, in which case @report is as it was.
 */
int device_ledger_read(int own_fd, pid_t pid, struct spanheap_report *report);

#endif /* SPANHEAP_LIB_BACKEND_DEVICE_LEDGER_H */
