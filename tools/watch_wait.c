// SPDX-License-Identifier: MIT
/*
 * Waiting for many descriptors, for spanheap watch. With io_uring one multishot poll
 * a descriptor is submitted once, and nothing has to be asked again; where it is
 * absent or forbidden, poll() does.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>

#include "watch.h"

/* The kernel's own limit for the queue of requests; what is more waits its turn. */
#define ENTRIES_MAX	4096

static int arm(struct io_uring *ring, int fd, size_t i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int ret;

	if (!sqe) {
		ret = io_uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
		if (ret < 0 || !sqe)
			return ret < 0 ? ret : -EBUSY;
	}
	io_uring_prep_poll_multishot(sqe, fd, POLLPRI);
	io_uring_sqe_set_data64(sqe, i);
	return 0;
}

static int reap(struct io_uring *ring, int *fds, size_t *left, watch_fn *what, void *arg)
{
	struct io_uring_cqe *cqe;
	int ret = 0;

	while (!ret && !io_uring_peek_cqe(ring, &cqe)) {
		size_t i = io_uring_cqe_get_data64(cqe);
		unsigned int flags = cqe->flags;
		int res = cqe->res;

		io_uring_cqe_seen(ring, cqe);
		if (fds[i] < 0)
			continue;
		if (res < 0 || !what(i, (unsigned int)res, arg)) {
			fds[i] = -1;
			--*left;
		} else if (!(flags & IORING_CQE_F_MORE)) {
			/* the kernel has ended it: its queue was full */
			ret = arm(ring, fds[i], i);
		}
	}
	return ret;
}

/* Return: 1 when there is no io_uring to be had, and nothing was done. */
static int by_uring(int *fds, size_t nr, watch_fn *what, void *arg)
{
	struct io_uring ring;
	size_t left = nr;
	int ret;

	if (io_uring_queue_init(nr < ENTRIES_MAX ? (unsigned int)nr : ENTRIES_MAX, &ring, 0))
		return 1;
	ret = 0;
	for (size_t i = 0; i < nr && !ret; i++)
		ret = arm(&ring, fds[i], i);
	while (!ret && left) {
		ret = io_uring_submit_and_wait(&ring, 1);
		if (ret >= 0 || ret == -EINTR)
			ret = reap(&ring, fds, &left, what, arg);
	}
	io_uring_queue_exit(&ring);
	return ret;
}

static int by_poll(int *fds, size_t nr, watch_fn *what, void *arg)
{
	struct pollfd *polled = calloc(nr, sizeof(*polled));
	size_t left = nr;
	int ret = 0;

	if (!polled)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		polled[i] = (struct pollfd){ .fd = fds[i], .events = POLLPRI };
	while (left) {
		if (poll(polled, nr, -1) < 0 && errno != EINTR) {
			ret = -errno;
			break;
		}
		for (size_t i = 0; i < nr; i++) {
			if (polled[i].fd < 0 || !polled[i].revents ||
			    what(i, (unsigned int)polled[i].revents, arg))
				continue;
			polled[i].fd = fds[i] = -1;
			left--;
		}
	}
	free(polled);
	return ret;
}

int watch_all(int *fds, size_t nr, watch_fn *what, void *arg)
{
	int ret = by_uring(fds, nr, what, arg);

	return ret > 0 ? by_poll(fds, nr, what, arg) : ret;
}
