/* SPDX-License-Identifier: MIT */
/*
 * What the allocator asks of the system beneath it. Two of these exist: device
 * (spanheap.ko) and procfs (mmap, madvise, /proc, PSI, cgroup files). The page
 * heap calls attach, commit and wait with its lock dropped; the scavenger and the API
 * call the rest with no lock held. Nothing in here may call malloc.
 */
#ifndef SPANHEAP_LIB_BACKEND_H
#define SPANHEAP_LIB_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "../intent.h"

struct spanheap_report;

/**
 * struct reserve - one contiguous range of address space: a region, when the
 *	device has it
 * @base: its start; PROT_NONE and MAP_NORESERVE until committed
 * @length: in bytes, a multiple of 2 MiB
 * @map: page map, one byte a base page; shared with the module or private
 * @mem_offset: device offset of @base; meaningful when @registered
 * @registered: whether the module knows this range
 * @committed: high-water mark of commit, in bytes; kept by the backend
 */
struct reserve {
	char *base;
	size_t length;
	intent_byte *map;
	uint64_t mem_offset;
	bool registered;
	_Atomic size_t committed;
};

/**
 * struct backend_hint - how short memory is
 * @level: 0 none, 1 low, 2 medium, 3 critical
 * @headroom: bytes that may still be allocated
 * @wanted: bytes that bring the level back to 0
 * @ordered: bytes that somebody has ordered back since the last hint
 */
struct backend_hint {
	unsigned int level;
	uint64_t headroom;
	uint64_t wanted;
	uint64_t ordered;
};

/**
 * struct backend - one way to get memory and to give it back
 * @name: what spanheap_backend() says
 * @attach: make the page map of a new reserve; 0 or -errno
 * @commit: make [offset, offset + length) of a reserve readable and writable,
 *	reading as zeros; 0 or -errno (ENOMEM)
 * @headroom: bytes that may still be allocated before memory is short: the
 *	tightest of the machine and of each memory cgroup above the process
 * @ledger: fill in a report, see spanheap_ledger(); 0 or -errno
 * @features: SPANHEAP_FEATURE_* bits of the module in force; 0 without one
 * @listen: sleep until there is a new hint; 0, or -errno when there will be none. For
 *	one thread
 * @wait: sleep until the module is done with the page at @offset of a reserve,
 *	which was found REVOKING; may return before
 * @release: give back ranges of registered reserves, memory and map, by one call:
 *	how many are done, from the first on; @bytes: what was IN_USE or IDLE of them;
 *	@refused: none of them will be, whatever is asked
 * @publish: show the running totals to observers of the heap
 */
struct backend {
	const char *name;
	int (*attach)(struct reserve *r);
	int (*commit)(struct reserve *r, size_t offset, size_t length);
	uint64_t (*headroom)(void);
	int (*ledger)(pid_t pid, struct spanheap_report *report);
	uint64_t (*features)(void);
	int (*listen)(struct backend_hint *hint);
	void (*wait)(const struct reserve *r, size_t offset);
	size_t (*release)(const struct spanheap_range *ranges, size_t nr, uint64_t *bytes,
			  bool *refused);
	void (*publish)(void);
};

extern const struct backend procfs_backend;
extern const struct backend device_backend;

/**
 * backend_current() - the backend in force
 *
 * procfs until backend_open() has found the device; procfs again when the
 * device fails or its descriptor is no longer ours. A reserve stays with what
 * it was attached by.
 */
const struct backend *backend_current(void);

/**
 * backend_open() - look for the device, once a process
 *
 * Called when the heap outgrows its first reserve, or when the program asks for
 * a figure: small programs never open it. May be called again at no cost.
 */
void backend_open(void);

/**
 * backend_fork_child() - in a child, before it touches any page map
 * @reserves: all reserves inherited
 * @nr: their number
 *
 * The maps of registered reserves are not in the child (VM_DONTCOPY): private
 * ones, all IN_USE, take their places at the same addresses, and intent_totals
 * are counted anew. The child opens a heap of its own when it first needs one.
 */
void backend_fork_child(struct reserve *const *reserves, size_t nr);

#endif /* SPANHEAP_LIB_BACKEND_H */
