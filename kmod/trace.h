/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, under events/spanheap/ of tracefs. All sizes are in bytes. Fired by
 * heap.c (register), revoke.c (revoke), hint.c and order.c; made by trace.c.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM spanheap

#if !defined(SPANHEAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SPANHEAP_TRACE_H

#include <linux/tracepoint.h>

#include "revoke.h"

TRACE_DEFINE_ENUM(REVOKE_FOR_NODE);
TRACE_DEFINE_ENUM(REVOKE_FOR_MEMCG);
TRACE_DEFINE_ENUM(REVOKE_FOR_QUOTA);
TRACE_DEFINE_ENUM(REVOKE_FOR_ORDER);

/* A file has become a heap of the current process. */
TRACE_EVENT(spanheap_register,
	TP_PROTO(u64 heap),
	TP_ARGS(heap),
	TP_STRUCT__entry(
		__field(u64, heap)
	),
	TP_fast_assign(
		__entry->heap = heap;
	),
	TP_printk("heap=%llu", __entry->heap)
);

/*
 * A visit of up to 2 MiB of a heap: what was still wanted then, what is REVOKED now,
 * and what of that nobody else held.
 */
TRACE_EVENT(spanheap_revoke,
	TP_PROTO(u64 heap, int node, enum revoke_cause cause, u64 wanted, u64 taken, u64 freed),
	TP_ARGS(heap, node, cause, wanted, taken, freed),
	TP_STRUCT__entry(
		__field(u64, heap)
		__field(u64, wanted)
		__field(u64, taken)
		__field(u64, freed)
		__field(int, node)
		__field(int, cause)
	),
	TP_fast_assign(
		__entry->heap = heap;
		__entry->wanted = wanted;
		__entry->taken = taken;
		__entry->freed = freed;
		__entry->node = node;
		__entry->cause = cause;
	),
	TP_printk("heap=%llu node=%d cause=%s wanted=%llu taken=%llu freed=%llu",
		  __entry->heap, __entry->node,
		  __print_symbolic(__entry->cause,
				   { REVOKE_FOR_NODE, "global" },
				   { REVOKE_FOR_MEMCG, "memcg" },
				   { REVOKE_FOR_QUOTA, "quota" },
				   { REVOKE_FOR_ORDER, "order" }),
		  __entry->wanted, __entry->taken, __entry->freed)
);

/* A heap is told of pressure, or of its end. */
TRACE_EVENT(spanheap_hint,
	TP_PROTO(u64 heap, unsigned int level, u64 wanted, u64 headroom),
	TP_ARGS(heap, level, wanted, headroom),
	TP_STRUCT__entry(
		__field(u64, heap)
		__field(u64, wanted)
		__field(u64, headroom)
		__field(unsigned int, level)
	),
	TP_fast_assign(
		__entry->heap = heap;
		__entry->wanted = wanted;
		__entry->headroom = headroom;
		__entry->level = level;
	),
	TP_printk("heap=%llu level=%u wanted=%llu headroom=%llu",
		  __entry->heap, __entry->level, __entry->wanted, __entry->headroom)
);

/* A process was ordered to give back: what went at once, what it was asked for. */
TRACE_EVENT(spanheap_order,
	TP_PROTO(pid_t pid, u64 wanted, u64 taken, u64 asked),
	TP_ARGS(pid, wanted, taken, asked),
	TP_STRUCT__entry(
		__field(u64, wanted)
		__field(u64, taken)
		__field(u64, asked)
		__field(pid_t, pid)
	),
	TP_fast_assign(
		__entry->wanted = wanted;
		__entry->taken = taken;
		__entry->asked = asked;
		__entry->pid = pid;
	),
	TP_printk("pid=%d wanted=%llu taken=%llu asked=%llu",
		  __entry->pid, __entry->wanted, __entry->taken, __entry->asked)
);

#endif /* SPANHEAP_TRACE_H */

/* Read again by define_trace.h, which finds it where Kbuild says. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
