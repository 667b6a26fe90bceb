// SPDX-License-Identifier: MIT
/*
 * What asking for the ledgers of 256 heaps costs, one ioctl after the other and in
 * one submission of io_uring. Each heap is a region of 1 MiB, in use. In a guest that
 * counts instructions (one processor) a nanosecond is one instruction:
 *	make bench-queries
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/spanheap.h>

#define HEAPS	256
#define LENGTH	(1UL << 20)
#define ROUNDS	5

static int fds[HEAPS];
static struct spanheap_ledger ledgers[HEAPS];
static struct io_uring ring;

static void die(const char *what)
{
	fprintf(stderr, "queries: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void open_heap(int i)
{
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct spanheap_region region = { .size = sizeof(region), .length = LENGTH };
	char *at = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *map;

	region.addr = (uintptr_t)at;
	fds[i] = open(SPANHEAP_DEVICE, O_RDWR | O_CLOEXEC);
	if (fds[i] < 0 || ioctl(fds[i], SPANHEAP_IOC_REGISTER, &reg) ||
	    ioctl(fds[i], SPANHEAP_IOC_ADD, &region))
		die(SPANHEAP_DEVICE);
	map = mmap(NULL, region.map_length, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i],
		   region.map_offset);
	if (map == MAP_FAILED ||
	    mmap(at, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fds[i],
		 region.mem_offset) != at)
		die("mmap");
	memset(at, 1, LENGTH);
	memset(map, SPANHEAP_IN_USE, LENGTH / 4096);
}

static void reset(void)
{
	for (int i = 0; i < HEAPS; i++)
		ledgers[i] = (struct spanheap_ledger) {
			.size = sizeof(ledgers[i]), .scope = SPANHEAP_SCOPE_HEAP,
		};
}

static void by_ioctl(void)
{
	for (int i = 0; i < HEAPS; i++)
		if (ioctl(fds[i], SPANHEAP_IOC_LEDGER, &ledgers[i]))
			die("ledger");
}

static void by_uring(void)
{
	struct io_uring_cqe *cqe;

	for (int i = 0; i < HEAPS; i++) {
		struct spanheap_uring payload = { .args = (uintptr_t)&ledgers[i] };
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fds[i], NULL, 0, 0);
		sqe->cmd_op = SPANHEAP_IOC_LEDGER;
		memcpy(sqe->cmd, &payload, sizeof(payload));
	}
	if (io_uring_submit_and_wait(&ring, HEAPS) != HEAPS)
		die("submit");
	for (int i = 0; i < HEAPS; i++) {
		if (io_uring_wait_cqe(&ring, &cqe) || cqe->res)
			die("completion");
		io_uring_cqe_seen(&ring, cqe);
	}
}

static void measure(const char *name, void (*ask)(void))
{
	double best = 1e18;

	for (int i = 0; i < ROUNDS; i++) {
		double start;

		reset();
		start = now();
		ask();
		start = now() - start;
		best = start < best ? start : best;
	}
	for (int i = 0; i < HEAPS; i++)
		if (ledgers[i].total.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT] != LENGTH)
			die("the answer is wrong");
	printf("%-10s %10.0f ns a query, %10.0f queries a second\n", name, best / HEAPS,
	       HEAPS * 1e9 / best);
}

int main(void)
{
	for (int i = 0; i < HEAPS; i++)
		open_heap(i);
	if (io_uring_queue_init(HEAPS, &ring, 0))
		die("io_uring");
	measure("ioctl", by_ioctl);
	measure("io_uring", by_uring);
	return 0;
}
