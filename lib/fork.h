/* SPDX-License-Identifier: MIT */
/*
 * The gate: what every slow path goes through, so that a fork finds none of
 * them half-way; and what becomes of the heap in a child.
 *
 * fork(2) through libc: the handler closes the gate and waits until every other
 * thread is out of the slow paths. Then no lock is held and nothing but the
 * lists of thread caches can be half-changed; these are abandoned in the child,
 * which loses what the parent's other threads had cached (bounded by
 * CACHE_BYTES a thread). The forking thread itself passes the closed gate, so
 * that fork handlers of other libraries may allocate.
 *
 * libc's own locks are taken after the gate is closed, and a thread that holds one (of
 * a FILE) may allocate. So nobody waits for ever: who has waited at the gate for a
 * tenth of a second goes in, who has waited as long for somebody to come out forks.
 * The child then does as after a raw fork.
 *
 * A raw fork (the clone system call) closes no gate. The child learns of it at
 * its next slow path, from a page that the kernel wipes in children (vfork,
 * posix_spawn and CLONE_VM share the memory and wipe nothing). If other threads
 * were running, all lists, and the free pages of the page heap, are abandoned:
 * inherited objects stay valid, and what is freed from then on is used again.
 *
 * A signal handler may fork too, also where it has interrupted a slow path or a
 * fork. It closes no gate then, which would be to wait for itself. The parent goes
 * on; the child may do what is safe in a signal handler: exec or _exit.
 */
#ifndef SPANHEAP_LIB_FORK_H
#define SPANHEAP_LIB_FORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

/* For the inline functions below. */
extern _Atomic uintptr_t fork_gate;		/* who has closed it; 0: open */
extern _Atomic uint32_t *_Atomic fork_alive;	/* 0 there: this is a new child */
extern _Atomic uint32_t fork_nr_epochs;

void gate_wait(_Atomic uint32_t *inside);
void gate_fork_child(_Atomic uint32_t *inside);

/** gate_strays - threads in a slow path that have no cache to say so */
extern _Atomic uint32_t gate_strays;

/** fork_epochs() - how often lists were abandoned, in this process and above */
static inline uint32_t fork_epochs(void)
{
	return atomic_load_explicit(&fork_nr_epochs, memory_order_relaxed);
}

/** fork_epoch() - the part of it that spans have */
static inline uint32_t fork_epoch(void)
{
	return fork_epochs() & 0xff;
}

/**
 * gate_enter() - a slow path begins
 * @inside: the calling thread's word, or &gate_strays
 *
 * Whatever touches a central list, the page heap or a page map is done inside.
 * Does not nest.
 */
static inline void gate_enter(_Atomic uint32_t *inside)
{
	atomic_fetch_add_explicit(inside, 1, memory_order_seq_cst);
	if (unlikely(atomic_load_explicit(&fork_gate, memory_order_seq_cst)))
		gate_wait(inside);
	if (unlikely(!*atomic_load_explicit(&fork_alive, memory_order_relaxed)))
		gate_fork_child(inside);
}

/** gate_leave() - and ends */
static inline void gate_leave(_Atomic uint32_t *inside)
{
	atomic_fetch_sub_explicit(inside, 1, memory_order_seq_cst);
	if (unlikely(atomic_load_explicit(&fork_gate, memory_order_seq_cst)))
		futex_wake(inside, INT32_MAX);
}

/** fork_init() - make the page that tells a child; once, before the heap grows */
void fork_init(void);

#endif /* SPANHEAP_LIB_FORK_H */
