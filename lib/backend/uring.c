// SPDX-License-Identifier: MIT
/*
 * liburing, by the three functions of it that are no inline ones. Takes no lock of
 * ours; the loader's is taken by dlopen().
 */
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/spanheap.h>
#include "uring.h"

/* In a static program there is none, and no need to ask for it. */
#pragma weak dlopen
#pragma weak dlsym

static __typeof__(&io_uring_queue_init) queue_init;
static __typeof__(&io_uring_queue_exit) queue_exit;
static __typeof__(&io_uring_submit_and_wait) submit_and_wait;

static bool look_up(void)
{
	void *library = dlopen ? dlopen("liburing.so.2", RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!library)
		return false;
	/* the same values, whoever else writes them meanwhile; it is never closed */
	*(void **)&queue_init = dlsym(library, "io_uring_queue_init");
	*(void **)&queue_exit = dlsym(library, "io_uring_queue_exit");
	*(void **)&submit_and_wait = dlsym(library, "io_uring_submit_and_wait");
	return queue_init && queue_exit && submit_and_wait;
}

static bool have_liburing(void)
{
	static _Atomic int known;	/* 1 it is there, -1 it is not */
	int state = atomic_load_explicit(&known, memory_order_acquire);

	if (!state) {
		state = look_up() ? 1 : -1;
		atomic_store_explicit(&known, state, memory_order_release);
	}
	return state > 0;
}

static void prepare(struct io_uring *ring, int fd, unsigned long command, void *args,
		    size_t number)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct spanheap_uring payload = { .args = (uintptr_t)args };

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = (uint32_t)command;
	sqe->user_data = number;
	memcpy(sqe->cmd, &payload, sizeof(payload));
}

/* Return: how many have come to their end. */
static size_t reap(struct io_uring *ring, int *results)
{
	struct io_uring_cqe *cqe;
	unsigned int head, nr = 0;

	io_uring_for_each_cqe(ring, head, cqe) {
		results[cqe->user_data] = cqe->res;
		nr++;
	}
	io_uring_cq_advance(ring, nr);
	return nr;
}

int uring_commands(int fd, unsigned long command, void *const *args, int *results, size_t nr)
{
	struct io_uring ring;
	size_t submitted = 0, done = 0;
	int ret;

	if (!have_liburing())
		return -ENOSYS;
	ret = queue_init(URING_BATCH, &ring, 0);
	if (ret)
		return ret;
	for (size_t i = 0; i < nr; i++)
		prepare(&ring, fd, command, args[i], i);
	while (done < nr) {
		ret = submit_and_wait(&ring, (unsigned int)(submitted < nr ? nr : nr - done));
		if (ret > 0)
			submitted += (size_t)ret;
		done += reap(&ring, results);
		/* what is under way writes into our memory: never leave before its end */
		if (ret < 0 && ret != -EINTR && done == submitted)
			break;
	}
	queue_exit(&ring);
	return done < nr ? ret : 0;
}
