/* SPDX-License-Identifier: MIT */
/*
 * The lock of the slow paths: four bytes, a futex when it is contended. Not
 * pthread_mutex, since libraries that trace locks interpose that one and call
 * malloc from it. No lock is taken on the fast path of malloc or free, and none
 * is held across a system call except grow_lock in reserve.c.
 *
 * Order: grow_lock, then heap_lock, then a pool's lock (meta.c). The locks of the
 * central lists, front_lock, cache_lock and meta_lock are held alone.
 */
#ifndef SPANHEAP_LIB_LOCK_H
#define SPANHEAP_LIB_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/** struct lock - free when it is all zeros */
struct lock {
	_Atomic uint32_t word;	/* 0 free, 1 held, 2 held and waited for */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline void lock_acquire(struct lock *lock)
{
	uint32_t word = 0;

	if (unlikely(!atomic_compare_exchange_strong_explicit(&lock->word,
			&word, 1, memory_order_acquire, memory_order_relaxed)))
		lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
	if (unlikely(atomic_exchange_explicit(&lock->word, 0,
					      memory_order_release) == 2))
		lock_wake(lock);
}

/** lock_reset() - in a forked child: whoever held it is not here */
static inline void lock_reset(struct lock *lock)
{
	atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}

/** futex_wait() - sleep while *@word is @value; may wake for no reason */
void futex_wait(_Atomic uint32_t *word, uint32_t value);

/** futex_wait_ms() - likewise, for so many milliseconds; false: that was it */
bool futex_wait_ms(_Atomic uint32_t *word, uint32_t value, long ms);

/** futex_wake() - wake up to @nr sleepers */
void futex_wake(_Atomic uint32_t *word, int nr);

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif /* SPANHEAP_LIB_LOCK_H */
