/* SPDX-License-Identifier: MIT */
/*
 * The public API of libspanheap, beside the malloc family itself: figures, the
 * ledger, and the switch of the release mode. Every function may be called from
 * any thread, never from a signal handler. All figures are in bytes unless a
 * name says otherwise.
 */
#ifndef SPANHEAP_H
#define SPANHEAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of pages that hold no object. */
enum spanheap_release {
	SPANHEAP_RELEASE_HANDOVER,	/* marked idle in the page map; released when memory is short */
	SPANHEAP_RELEASE_FREE,		/* MADV_FREE */
	SPANHEAP_RELEASE_DONTNEED,	/* MADV_DONTNEED */
	SPANHEAP_RELEASE_KEEP,		/* nothing */
};

#define SPANHEAP_MAX_CLASSES	128

/**
 * struct spanheap_memstats - figures with the meaning of Go's MemStats
 * @alloc: bytes of live objects (the same as @heap_alloc)
 * @total_alloc: bytes allocated since the start, never decreasing
 * @sys: address space obtained from the system, metadata included
 * @mallocs: objects allocated since the start
 * @frees: objects freed since the start
 * @heap_alloc: bytes of live objects, by the size of their class
 * @heap_sys: address space of the heap, without metadata
 * @heap_idle: spans with no object, and pages of others that were given back
 * @heap_inuse: spans with at least one object, but for those pages
 * @heap_released: part of @heap_idle that is given back: lazily freed, truly
 *	freed or revoked
 * @heap_objects: number of live objects
 * @lazyfreed: part of @heap_released given back by MADV_FREE, perhaps resident
 * @revocable: part of @heap_idle that is handed over to the module
 * @revoked: bytes that the module was seen to have taken, since the start
 * @nr_classes: entries of @by_size in use
 * @by_size: object size, and allocations and frees of that class in objects
 *
 * Objects that lie in a thread's cache count as live until the cache is
 * flushed; each figure is within the bound of the caches of the truth.
 */
struct spanheap_memstats {
	uint64_t alloc;
	uint64_t total_alloc;
	uint64_t sys;
	uint64_t mallocs;
	uint64_t frees;
	uint64_t heap_alloc;
	uint64_t heap_sys;
	uint64_t heap_idle;
	uint64_t heap_inuse;
	uint64_t heap_released;
	uint64_t heap_objects;
	uint64_t lazyfreed;
	uint64_t revocable;
	uint64_t revoked;
	uint32_t nr_classes;
	struct {
		uint32_t size;
		uint64_t mallocs;
		uint64_t frees;
	} by_size[SPANHEAP_MAX_CLASSES];
};

/**
 * struct spanheap_figures - the ledger in words
 * @rss: resident; @in_use + @idle + @lazyfree + @other
 * @in_use: resident, of pages in use by the heap
 * @idle: resident, of pages handed over
 * @lazyfree: lazily freed by anyone, still resident
 * @taken: lazily freed and no longer resident (an upper bound: also pages that
 *	were never touched)
 * @freed: given back by MADV_DONTNEED and gone
 * @revoked: taken by the module and gone
 * @swapped: on swap
 * @other: resident, of anything else: code, files, memory outside the heap,
 *	pages that became resident again after a release
 */
struct spanheap_figures {
	uint64_t rss;
	uint64_t in_use;
	uint64_t idle;
	uint64_t lazyfree;
	uint64_t taken;
	uint64_t freed;
	uint64_t revoked;
	uint64_t swapped;
	uint64_t other;
};

/**
 * struct spanheap_report - the ledger of a process
 * @backend: "device" or "procfs"
 * @exact: whether every figure is one; else those that cannot be known are 0
 * @nr_nodes: entries of @nodes in use (0 when the backend does not know)
 * @total: of the whole process
 * @nodes: of each NUMA node
 */
struct spanheap_report {
	const char *backend;
	int exact;
	unsigned int nr_nodes;
	struct spanheap_figures total;
	struct spanheap_figures nodes[64];
};

/**
 * spanheap_stats() - figures of this process's heap
 * @stats: filled in
 * @size: sizeof(*@stats) as the caller knows it
 *
 * Return: 0, or -1 with errno EINVAL when @size is no size this library knows.
 */
int spanheap_stats(struct spanheap_memstats *stats, size_t size);

/**
 * spanheap_ledger() - where the memory of a process is
 * @pid: a process, or 0 for the caller
 * @report: filled in
 * @size: sizeof(*@report) as the caller knows it
 *
 * Walks page tables: costs time in proportion to resident memory.
 * Return: 0, or -1 with errno: ESRCH no such process, EPERM it may not be
 * looked at, EINVAL bad @size.
 */
int spanheap_ledger(pid_t pid, struct spanheap_report *report, size_t size);

/**
 * spanheap_ledgers() - where the memory of many processes is
 * @pids: processes, 0 for the caller
 * @reports: filled in for each whose entry of @errors is 0
 * @errors: filled in: 0, or what spanheap_ledger() would leave in errno
 * @nr: their number
 * @size: sizeof(*@reports) as the caller knows it
 * With the module, io_uring and liburing.so.2 (loaded by the first such call) it
 * takes one submission for up to 64 of them; else a call each, with the same figures.
 * Return: 0, or -1 with errno EINVAL.
 */
int spanheap_ledgers(const pid_t *pids, struct spanheap_report *reports, int *errors,
		     size_t nr, size_t size);

/**
 * spanheap_release_all() - give every idle page back to the system now
 *
 * Return: bytes given back by this call.
 */
size_t spanheap_release_all(void);

/**
 * struct spanheap_pressure - how short memory is
 * @level: 0 none, 1 low, 2 medium, 3 critical (Documentation/abi.md, HINT)
 * @headroom: bytes that can be had before memory is short: the tightest of the
 *	machine and of each memory cgroup above the process
 * @wanted: bytes that the process should give back beyond what the library has done
 *	already: what brings the level back to 0, or an order
 */
struct spanheap_pressure {
	unsigned int level;
	uint64_t headroom;
	uint64_t wanted;
};

typedef void spanheap_pressure_fn(const struct spanheap_pressure *pressure, void *arg);

/**
 * spanheap_on_pressure() - be told when memory gets short, and when it is not any more
 * @fn: called with every hint, after the library has given back what it has free
 * @arg: handed on
 *
 * Callbacks run one after the other in a thread of the library with all signals
 * blocked and no lock of the library held: they may allocate, free, add and remove
 * callbacks, and take their time. With spanheap.ko hints are the module's, ten a
 * second at most. Without it they come from looks at headroom, once a second and more
 * often when it gets small, and from a trigger of pressure stall information, where
 * one may be set. A forked child has its parent's
 * callbacks; they are called there from its next spanheap_on_pressure() on, or when
 * its own heap has become a large one.
 *
 * Return: 0, or -1 with errno: EINVAL no @fn, ENOSPC there are 16, EAGAIN no thread.
 */
int spanheap_on_pressure(spanheap_pressure_fn *fn, void *arg);

/**
 * spanheap_off_pressure() - not any more
 * @fn: as it was added
 * @arg: likewise
 *
 * A call that is under way is over when this returns, unless the callback itself is
 * the one who asks.
 *
 * Return: 0, or -1 with errno ENOENT.
 */
int spanheap_off_pressure(spanheap_pressure_fn *fn, void *arg);

/**
 * struct spanheap_reclaimed - what became of an order
 * @taken: bytes that were handed over, and went at once
 * @asked: bytes that the process was asked for besides
 */
struct spanheap_reclaimed {
	uint64_t taken;
	uint64_t asked;
};

/**
 * spanheap_reclaim() - have a process give back memory, now
 * @pid: a process that has a heap with spanheap.ko
 * @bytes: how much
 * @result: filled in
 * @size: sizeof(*@result) as the caller knows it
 *
 * Allowed to the process itself, and with CAP_SYS_ADMIN.
 * Return: 0, or -1 with errno: ESRCH no such process, ENOENT it has no heap, EPERM,
 * EOPNOTSUPP no module, or one without orders; EINVAL.
 */
int spanheap_reclaim(pid_t pid, uint64_t bytes, struct spanheap_reclaimed *result, size_t size);

/**
 * spanheap_set_release() - switch the release mode of this process
 * @mode: the new mode; pages already given back stay so
 *
 * Return: 0, or -1 with errno EINVAL.
 */
int spanheap_set_release(enum spanheap_release mode);

/** spanheap_get_release() - the release mode in force */
enum spanheap_release spanheap_get_release(void);

/**
 * spanheap_release_name() - a release mode as SPANHEAP_RELEASE has it
 *
 * Return: a word such as "dontneed", or NULL when there is no such mode.
 */
const char *spanheap_release_name(enum spanheap_release mode);

/**
 * spanheap_backend() - "device" when idle pages are handed to spanheap.ko,
 * else "procfs"
 */
const char *spanheap_backend(void);

#ifdef __cplusplus
}
#endif

#endif /* SPANHEAP_H */
