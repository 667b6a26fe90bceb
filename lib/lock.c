// SPDX-License-Identifier: MIT
/*
 * The contended side of struct lock. Keeps errno: free() may come by.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"

/*
 * Sections under a lock are tens to hundreds of instructions: worth waiting for
 * about as long as a futex call costs (1-2 us), no longer.
 */
#define SPINS	100

void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
	errno = saved;
}

bool futex_wait_ms(_Atomic uint32_t *word, uint32_t value, long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	int saved = errno;
	bool over;

	over = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &ts, NULL, 0) &&
	       errno == ETIMEDOUT;
	errno = saved;
	return !over;
}

void futex_wake(_Atomic uint32_t *word, int nr)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, nr, NULL, NULL, 0);
	errno = saved;
}

void lock_wait(struct lock *lock)
{
	for (int i = 0; i < SPINS; i++) {
		uint32_t word = 0;

		if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
		    atomic_compare_exchange_weak_explicit(&lock->word, &word, 1,
				memory_order_acquire, memory_order_relaxed))
			return;
		cpu_relax();
	}
	while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire))
		futex_wait(&lock->word, 2);
}

void lock_wake(struct lock *lock)
{
	futex_wake(&lock->word, 1);
}
