/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ABI of /dev/spanheap, alone: what a process and spanheap.ko say to each
 * other. Usable from C and C++ with no other header of the project.
 *
 * Conventions: every argument struct starts with its own @size in bytes; it
 * only ever grows at its end. A shorter struct is taken as zero-filled, a
 * longer one is accepted when the rest is zero (-E2BIG otherwise). The size
 * that the command number carries is not looked at. Unknown flags and non-zero
 * padding are -EINVAL, unknown commands -ENOTTY. Pointers travel as __u64.
 * There are no version numbers, only feature bits.
 */
#ifndef _UAPI_LINUX_SPANHEAP_H
#define _UAPI_LINUX_SPANHEAP_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SPANHEAP_DEVICE		"/dev/spanheap"
#define SPANHEAP_IOC_MAGIC	0xBA

/*
 * Intent: what the allocator says of a base page. The low three bits of a byte
 * of the page map; the rest is the epoch of the hand-over. REVOKING and REVOKED
 * are written by the module alone. Code 7 never stands in a page map: it is the
 * row of the ledger for memory that lies in no region.
 */
#define SPANHEAP_UNUSED		0	/* never given to anyone */
#define SPANHEAP_IN_USE		1
#define SPANHEAP_IDLE		2	/* handed over: the module may take it */
#define SPANHEAP_LAZY		3	/* released by MADV_FREE */
#define SPANHEAP_RELEASED	4	/* released by MADV_DONTNEED */
#define SPANHEAP_REVOKING	5	/* the module is at it */
#define SPANHEAP_REVOKED	6	/* the module took it: reads as zeros */
#define SPANHEAP_OUTSIDE	7
#define SPANHEAP_NR_INTENTS	8

#define SPANHEAP_INTENT_MASK	0x07
#define SPANHEAP_EPOCH_SHIFT	3

/*
 * The epoch is CLOCK_MONOTONIC in units of that many seconds, its low five bits.
 * It says how long ago a page was handed over, up to four minutes: the coldest
 * are taken first. A wrong one does no other harm.
 */
#define SPANHEAP_EPOCH_SECONDS	8

/* Residency: what the page tables say of a base page. */
#define SPANHEAP_NONE		0	/* nothing that counts as memory of a process */
#define SPANHEAP_RESIDENT	1	/* anonymous page, in use for the kernel */
#define SPANHEAP_LAZYFREE	2	/* anonymous page, MADV_FREE and clean */
#define SPANHEAP_SWAPPED	3
#define SPANHEAP_ZERO		4	/* the zero page: not in RSS */
#define SPANHEAP_MIGRATING	5	/* in RSS, but out of reach: on its way, or poisoned */
#define SPANHEAP_FILE		6	/* page cache */
#define SPANHEAP_SHMEM		7	/* shared or tmpfs memory */
#define SPANHEAP_NR_RESIDENCIES	8

/*
 * One byte of a per-page state vector: the intent in bits 0-2, the residency
 * in bits 3-5, and flags: part of a huge mapping; could not be looked at, and
 * the residency says nothing.
 */
#define SPANHEAP_VEC_RESIDENCY_SHIFT	3
#define SPANHEAP_VEC_HUGE		0x40
#define SPANHEAP_VEC_SKIPPED		0x80

/* Feature bits of struct spanheap_features. */
#define SPANHEAP_FEATURE_LEDGER		(1ULL << 0)
#define SPANHEAP_FEATURE_REVOKE		(1ULL << 1)
#define SPANHEAP_FEATURE_HINT		(1ULL << 2)	/* hints: header, ioctl, poll, read */
#define SPANHEAP_FEATURE_ORDER		(1ULL << 3)
#define SPANHEAP_FEATURE_RELEASE	(1ULL << 4)	/* SPANHEAP_IOC_RELEASE */
#define SPANHEAP_FEATURE_URING		(1ULL << 5)	/* struct spanheap_uring */
#define SPANHEAP_FEATURE_TOTALS		(1ULL << 6)	/* also HEAPS and OBSERVE */
#define SPANHEAP_FEATURE_PRIORITY	(1ULL << 7)
#define SPANHEAP_FEATURE_WAIT		(1ULL << 8)
#define SPANHEAP_FEATURE_TAKEN		(1ULL << 9)	/* SPANHEAP_HINT_COUNT_TAKEN */

/**
 * struct spanheap_features - what this module can do
 * @size: in: sizeof(*this)
 * @features: out: SPANHEAP_FEATURE_* bits
 * @granule: out: smallest granule of a page map, in bytes (the page size)
 * @max_region: out: largest region, in bytes
 * @max_heap: out: largest sum of the regions of one heap, in bytes
 * @nr_nodes: out: NUMA nodes that a per-node ledger must have room for
 * @max_regions: out: most regions of one heap at a time
 */
struct spanheap_features {
	__u64 size;
	__u64 features;
	__u64 granule;
	__u64 max_region;
	__u64 max_heap;
	__u32 nr_nodes;
	__u32 max_regions;
};

/**
 * struct spanheap_register - make this open file the heap of the caller's mm
 * @size: in: sizeof(*this)
 * @flags: in: zero
 * @granule: in: wanted granule in bytes, a power of two up to the page size, or
 *	0; out: in force, the page size
 * @heap_id: out: number of the heap, never used again while the module is loaded
 * @header_offset: out: offset at which to mmap the header page
 * @header_length: out: and its length in bytes
 */
struct spanheap_register {
	__u64 size;
	__u64 flags;
	__u64 granule;
	__u64 heap_id;
	__u64 header_offset;
	__u64 header_length;
};

/**
 * struct spanheap_region - a contiguous range of the heap's memory
 * @size: in: sizeof(*this)
 * @flags: in: zero
 * @addr: in: address of the region, a multiple of the granule
 * @length: in: in bytes, a multiple of the granule
 * @mem_offset: out: mmap offset of the memory: address @addr + x is mapped with
 *	MAP_PRIVATE | MAP_FIXED at @mem_offset + x, in as many pieces as wanted
 * @map_offset: out: mmap offset of the page map (MAP_SHARED)
 * @map_length: out: its length in bytes, a multiple of the page size; the byte
 *	of address @addr + x is at x / granule
 *
 * Removing names a region by the same @addr and @length; the rest is zero.
 */
struct spanheap_region {
	__u64 size;
	__u64 flags;
	__u64 addr;
	__u64 length;
	__u64 mem_offset;
	__u64 map_offset;
	__u64 map_length;
};

/* What a ledger is asked about. */
#define SPANHEAP_SCOPE_RANGE	0	/* @addr, @length in the owner's space */
#define SPANHEAP_SCOPE_REGION	1	/* the region that starts at @addr */
#define SPANHEAP_SCOPE_HEAP	2	/* all regions of this heap */
#define SPANHEAP_SCOPE_MM	3	/* the owner's whole address space */
#define SPANHEAP_SCOPE_PID	4	/* the whole address space of process @pid */

/**
 * struct spanheap_matrix - intent x residency
 * @bytes: [SPANHEAP_UNUSED...][SPANHEAP_NONE...] in bytes
 */
struct spanheap_matrix {
	__u64 bytes[SPANHEAP_NR_INTENTS][SPANHEAP_NR_RESIDENCIES];
};

/**
 * struct spanheap_ledger - what memory is, in bytes
 * @size: in: sizeof(*this)
 * @scope: in: SPANHEAP_SCOPE_*
 * @pid: in: process, as the caller's PID namespace numbers it (SCOPE_PID), else 0
 * @flags: in: zero
 * @addr: in: start of the range or region, else 0
 * @length: in: length of the range in bytes, else 0
 * @vec: in: user address of a vector of one byte a base page, or 0
 *	(SCOPE_RANGE and SCOPE_REGION)
 * @vec_len: in: room in @vec in bytes; -ENOSPC when it is less than the range
 *	has pages
 * @nodes: in: user address of an array of struct spanheap_matrix, or 0: that
 *	part of @total that is a page on that node
 * @nr_nodes: in: room in @nodes; out: nodes filled in; -ENOSPC when too few
 * @pad: zero
 * @total: out: the matrix. The rows of a heap sum up to the size of its regions;
 *	SPANHEAP_OUTSIDE counts mapped memory in no region
 * @rss: out: the kernel's counters, summed exactly: file + anonymous + shmem
 *	(SCOPE_MM and SCOPE_PID, else 0)
 * @swap: out: likewise, swapped anonymous memory
 * @batched: out: part of LAZYFREE that smaps does not call LazyFree yet, since
 *	the folio waits in a per-CPU batch
 * @hugetlb: out: hugetlbfs memory, which is in no column and not in RSS
 * @huge: out: part of the resident columns mapped by huge entries
 * @skipped: out: bytes that could not be looked at, since their page table kept
 *	changing; in no column
 * @bad_intent: out: bytes whose map byte holds a reserved code; counted IN_USE
 * @migrating_anon: out: part of MIGRATING that is anonymous; with RESIDENT and
 *	LAZYFREE it is what smaps calls Anonymous
 * @poisoned: out: part of MIGRATING that the hardware lost, which smaps counts in
 *	Rss, and @rss does not
 * @start_ns: out: CLOCK_MONOTONIC when the walk began
 * @end_ns: out: and when it ended: the ledger of a running process is not one
 *	instant
 */
struct spanheap_ledger {
	__u64 size;
	__u32 scope;
	__s32 pid;
	__u64 flags;
	__u64 addr;
	__u64 length;
	__u64 vec;
	__u64 vec_len;
	__u64 nodes;
	__u32 nr_nodes;
	__u32 pad;
	struct spanheap_matrix total;
	__u64 rss;
	__u64 swap;
	__u64 batched;
	__u64 hugetlb;
	__u64 huge;
	__u64 skipped;
	__u64 bad_intent;
	__u64 migrating_anon;
	__u64 poisoned;
	__u64 start_ns;
	__u64 end_ns;
};

/*
 * How short memory is for a process: by its headroom, against the margin that is to
 * be kept free below the tightest limit: 4 MiB, or a 64th of a cgroup's smaller limit.
 */
#define SPANHEAP_PRESSURE_NONE		0	/* 16 margins or more */
#define SPANHEAP_PRESSURE_LOW		1	/* 4 to 16 margins */
#define SPANHEAP_PRESSURE_MEDIUM	2	/* 1 to 4 margins */
#define SPANHEAP_PRESSURE_CRITICAL	3	/* less than the margin */

/* Flags of struct spanheap_hint; the owner's alone. */
#define SPANHEAP_HINT_SEEN		(1U << 0)	/* records not read yet are not wanted */
#define SPANHEAP_HINT_COUNT_TAKEN	(1U << 1)	/* count @taken from now on: it costs */
#define SPANHEAP_HINT_LEAVE_TAKEN	(1U << 2)	/* and not any more */

/**
 * struct spanheap_hint - how short memory is for the owner of a heap, now
 * @size: in: sizeof(*this)
 * @flags: in: SPANHEAP_HINT_* or zero
 * @level: out: SPANHEAP_PRESSURE_*
 * @headroom: out: bytes that can be had before memory is short: the tightest of the
 *	machine and of each memory cgroup above the owner. What can be dropped at once
 *	counts as free
 * @wanted: out: bytes that bring the level back to NONE; they are missing to all who
 *	live below that limit together
 * @ordered: out: bytes that were ordered from this heap and not found idle, ever
 * @revoked: out: bytes that the module has taken from this heap, ever
 * @taken: out: bytes called LAZY that the kernel has taken, while they were counted
 * @events: out: records that were ever made, those merged into others included
 * @time_ns: out: CLOCK_MONOTONIC of this hint
 */
struct spanheap_hint {
	__u64 size;
	__u32 flags;
	__u32 level;
	__u64 headroom;
	__u64 wanted;
	__u64 ordered;
	__u64 revoked;
	__u64 taken;
	__u64 events;
	__u64 time_ns;
};

/* What a record is about. */
#define SPANHEAP_EVENT_LEVEL	(1U << 0)	/* the level is another one */
#define SPANHEAP_EVENT_STILL	(1U << 1)	/* it is CRITICAL still, and the kernel reclaims */
#define SPANHEAP_EVENT_ORDER	(1U << 2)	/* bytes were ordered */

/**
 * struct spanheap_event - what read() of a heap gives, whole records only
 * @time_ns: CLOCK_MONOTONIC
 * @what: SPANHEAP_EVENT_* bits
 * @level: the level from then on
 * @headroom: as in struct spanheap_hint
 * @wanted: likewise
 * @ordered: bytes ordered since the record before
 * @merged: how many later events this record stands for, besides its own, since
 *	too many had not been read: all but @ordered and @what, which add up, are the
 *	last one's
 * @pad: zero
 */
struct spanheap_event {
	__u64 time_ns;
	__u32 what;
	__u32 level;
	__u64 headroom;
	__u64 wanted;
	__u64 ordered;
	__u32 merged;
	__u32 pad;
};

/**
 * struct spanheap_order - have a process give back memory, now
 * @size: in: sizeof(*this)
 * @pid: in: process, as the caller's PID namespace numbers it
 * @flags: in: zero
 * @bytes: in: how much
 * @taken: out: bytes that were idle, and were taken at once; a huge page may go beyond
 *	@bytes
 * @asked: out: bytes that the process was asked for besides, by a hint
 */
struct spanheap_order {
	__u64 size;
	__s32 pid;
	__u32 flags;
	__u64 bytes;
	__u64 taken;
	__u64 asked;
};

/* Most ranges of one struct spanheap_release_ranges. */
#define SPANHEAP_MAX_RANGES	1024

/**
 * struct spanheap_range - a range of the heap's memory
 * @addr: its start, a multiple of the granule
 * @length: in bytes, likewise
 */
struct spanheap_range {
	__u64 addr;
	__u64 length;
};

/**
 * struct spanheap_release_ranges - give back many ranges, as MADV_DONTNEED does
 * @size: in: sizeof(*this)
 * @flags: in: zero
 * @ranges: in: user address of an array of struct spanheap_range
 * @nr_ranges: in: its length, at most SPANHEAP_MAX_RANGES
 * @nr_done: out: ranges that are done, from the first on; after an error the next
 *	one is what it speaks of
 * @bytes: out: IN_USE and IDLE memory that is RELEASED now
 *
 * Pages with another intent stay as they are.
 */
struct spanheap_release_ranges {
	__u64 size;
	__u64 flags;
	__u64 ranges;
	__u32 nr_ranges;
	__u32 nr_done;
	__u64 bytes;
};

/**
 * struct spanheap_uring - a command in an SQE of io_uring
 * @args: user address of the command's struct
 * @pad: zero
 *
 * IORING_OP_URING_CMD, with SPANHEAP_IOC_LEDGER or SPANHEAP_IOC_RELEASE as its
 * cmd_op and this as its 16 bytes of cmd. The result is that of the ioctl.
 */
struct spanheap_uring {
	__u64 args;
	__u64 pad;
};

/* Priorities of heaps: idle pages of a lower one are revoked first. */
#define SPANHEAP_PRIORITIES		4	/* 0 to 3 */
#define SPANHEAP_PRIORITY_DEFAULT	1

/**
 * struct spanheap_priority - how dear the idle pages of this heap are to it
 * @size: in: sizeof(*this)
 * @level: in: 0 to SPANHEAP_PRIORITIES - 1
 * @pad: zero
 */
struct spanheap_priority {
	__u64 size;
	__u32 level;
	__u32 pad;
};

/**
 * struct spanheap_wait - sleep until pages that are REVOKING are so no more
 * @size: in: sizeof(*this)
 * @addr: in: address of one of them: what the module is doing to its region is over
 *	when this returns. Other pages of the region may be REVOKING by then
 */
struct spanheap_wait {
	__u64 size;
	__u64 addr;
};

/**
 * struct spanheap_node_totals - all heaps, on one NUMA node
 * @revoked: bytes taken from heaps since the module was loaded
 * @memory: with SPANHEAP_TOTALS_WALK: that part of the matrix that is a page there
 */
struct spanheap_node_totals {
	__u64 revoked;
	struct spanheap_matrix memory;
};

/* Walk the page tables of all heaps. */
#define SPANHEAP_TOTALS_WALK	(1ULL << 0)

/**
 * struct spanheap_totals - all heaps of the machine
 * @size: in: sizeof(*this)
 * @flags: in: 0 or SPANHEAP_TOTALS_WALK
 * @nodes: in: user address of an array of struct spanheap_node_totals, or 0
 * @nr_nodes: in: room in @nodes; out: nodes filled in; -ENOSPC when too few
 * @pad: zero
 * @heaps: out: registered heaps
 * @regions: out: their regions
 * @bytes: out: sum of the regions' lengths
 * @revoked: out: bytes taken from heaps since the module was loaded
 * @memory: out: with SPANHEAP_TOTALS_WALK: the sum of the heaps' ledgers
 * @skipped: out: likewise, what could not be looked at
 */
struct spanheap_totals {
	__u64 size;
	__u64 flags;
	__u64 nodes;
	__u32 nr_nodes;
	__u32 pad;
	__u64 heaps;
	__u64 regions;
	__u64 bytes;
	__u64 revoked;
	struct spanheap_matrix memory;
	__u64 skipped;
};

/**
 * struct spanheap_heap_info - a heap in the list
 * @heap_id: its number
 * @pid: the process that registered it, as the caller's PID namespace numbers it
 * @nr_regions: its regions
 * @bytes: sum of their lengths
 * @idle: of that, what the owner says is IDLE
 * @revoked: taken from it so far
 */
struct spanheap_heap_info {
	__u64 heap_id;
	__s32 pid;
	__u32 nr_regions;
	__u64 bytes;
	__u64 idle;
	__u64 revoked;
};

/**
 * struct spanheap_heaps - the heaps that the caller may see
 * @size: in: sizeof(*this)
 * @flags: in: zero
 * @after: in: list heaps with a higher number; out: number of the last one looked at
 * @heaps: in: user address of an array of struct spanheap_heap_info
 * @nr_heaps: in: its length; out: entries filled in: fewer than asked for at the end
 * @pad: zero
 */
struct spanheap_heaps {
	__u64 size;
	__u64 flags;
	__u64 after;
	__u64 heaps;
	__u32 nr_heaps;
	__u32 pad;
};

/**
 * struct spanheap_observe - a read-only descriptor of a heap
 * @size: in: sizeof(*this)
 * @flags: in: zero
 * @heap_id: in: number of the heap
 * @fd: out: the descriptor, closed at exec
 * @pad: zero
 */
struct spanheap_observe {
	__u64 size;
	__u64 flags;
	__u64 heap_id;
	__s32 fd;
	__u32 pad;
};

/**
 * struct spanheap_header - the header page of a heap, read with no system call
 * @seq: written by the module; odd while it writes. A reader takes it, reads,
 *	and starts again when it was odd or has changed
 * @pad: zero
 * @features: SPANHEAP_FEATURE_* bits
 * @heap_id: as in struct spanheap_register
 * @granule: likewise
 * @level: the last hint, as in struct spanheap_hint, and so on. The module writes it
 *	when the kernel reclaims, while there is pressure, and when it is asked
 * @pad2: zero
 * @headroom: likewise
 * @wanted: likewise
 * @ordered: likewise
 * @revoked: likewise, always up to date
 * @taken: likewise
 * @events: likewise, always up to date
 * @time_ns: likewise
 * @reserved: zero
 * @owner_totals: written by the owner, never read by the module: bytes per
 *	intent as the owner believes them, for observers to compare
 */
struct spanheap_header {
	__u32 seq;
	__u32 pad;
	__u64 features;
	__u64 heap_id;
	__u64 granule;
	__u32 level;
	__u32 pad2;
	__u64 headroom;
	__u64 wanted;
	__u64 ordered;
	__u64 revoked;
	__u64 taken;
	__u64 events;
	__u64 time_ns;
	__u64 reserved[244];
	__u64 owner_totals[SPANHEAP_NR_INTENTS];
};

#define SPANHEAP_IOC_FEATURES	_IOWR(SPANHEAP_IOC_MAGIC, 0x00, struct spanheap_features)
#define SPANHEAP_IOC_REGISTER	_IOWR(SPANHEAP_IOC_MAGIC, 0x01, struct spanheap_register)
#define SPANHEAP_IOC_ADD	_IOWR(SPANHEAP_IOC_MAGIC, 0x02, struct spanheap_region)
#define SPANHEAP_IOC_REMOVE	_IOW(SPANHEAP_IOC_MAGIC, 0x03, struct spanheap_region)
#define SPANHEAP_IOC_LEDGER	_IOWR(SPANHEAP_IOC_MAGIC, 0x04, struct spanheap_ledger)
#define SPANHEAP_IOC_HINT	_IOWR(SPANHEAP_IOC_MAGIC, 0x05, struct spanheap_hint)
#define SPANHEAP_IOC_PRIORITY	_IOW(SPANHEAP_IOC_MAGIC, 0x06, struct spanheap_priority)
#define SPANHEAP_IOC_ORDER	_IOWR(SPANHEAP_IOC_MAGIC, 0x07, struct spanheap_order)
#define SPANHEAP_IOC_RELEASE	_IOWR(SPANHEAP_IOC_MAGIC, 0x08, struct spanheap_release_ranges)
#define SPANHEAP_IOC_TOTALS	_IOWR(SPANHEAP_IOC_MAGIC, 0x09, struct spanheap_totals)
#define SPANHEAP_IOC_HEAPS	_IOWR(SPANHEAP_IOC_MAGIC, 0x0a, struct spanheap_heaps)
#define SPANHEAP_IOC_OBSERVE	_IOWR(SPANHEAP_IOC_MAGIC, 0x0b, struct spanheap_observe)
#define SPANHEAP_IOC_WAIT	_IOW(SPANHEAP_IOC_MAGIC, 0x0c, struct spanheap_wait)

#endif /* _UAPI_LINUX_SPANHEAP_H */
