/* SPDX-License-Identifier: MIT */
/*
 * The parts of the procfs backend that the device backend has in common with
 * it or falls back to. Only for files of this folder.
 */
#ifndef SPANHEAP_LIB_BACKEND_PROCFS_H
#define SPANHEAP_LIB_BACKEND_PROCFS_H

#include "backend.h"

int procfs_commit(struct reserve *r, size_t offset, size_t length);
int procfs_ledger(pid_t pid, struct spanheap_report *report);

/** reserve_committed() - raise the high-water mark of a reserve */
void reserve_committed(struct reserve *r, size_t end);

/** reserve_map_length() - bytes to map for the page map of a reserve */
static inline size_t reserve_map_length(const struct reserve *r)
{
	size_t pages = r->length >> BASE_PAGE_SHIFT;

	return (pages + BASE_PAGE_SIZE - 1) & ~(BASE_PAGE_SIZE - 1);
}

#endif /* SPANHEAP_LIB_BACKEND_PROCFS_H */
