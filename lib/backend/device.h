/* SPDX-License-Identifier: MIT */
/*
 * What backend.c, api.c and the device backend have to say to each other. Only for
 * these.
 */
#ifndef SPANHEAP_LIB_BACKEND_DEVICE_H
#define SPANHEAP_LIB_BACKEND_DEVICE_H

#include <stdint.h>
#include <sys/types.h>

struct spanheap_reclaimed;

/** device_order() - order a process to give back memory; 0 or -errno */
int device_order(pid_t pid, uint64_t bytes, struct spanheap_reclaimed *result);

/** device_open() - open the device and register a heap; 0 or -errno */
int device_open(void);

/**
 * device_forget() - in a child: the parent's descriptor and header page are
 * not this process's
 */
void device_forget(void);

/**
 * backend_lost() - the device is of no use any more: procfs from now on
 * @why: for the person who asked to be told
 */
void backend_lost(const char *why);

#endif /* SPANHEAP_LIB_BACKEND_DEVICE_H */
