// SPDX-License-Identifier: MIT
/*
 * taking-cost - what it costs to take pages away from a process: revocation of idle
 * pages by the module (an order), release by the owner in one call for many ranges,
 * and MADV_DONTNEED, a call a range, also while lazily freed pages that the kernel
 * takes are counted. Pieces of a heap of 64 MiB, as much between
 * them stays; small pages and huge ones. Each figure is the least of some rounds,
 * divided by the pages that went.
 *
 * In a guest that counts instructions a nanosecond is one instruction:
 *	make bench-taking
 */
#include <stdlib.h>
#include <time.h>

#include "../selftests/kmod/device.h"

#define LENGTH	(64 * MIB)
#define ROUNDS	3

static struct device_heap heap;

static void die(const char *what)
{
	fprintf(stderr, "taking-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* All of it resident and in use, of small pages or huge ones. */
static void fill(int advice)
{
	if (device_mmap(heap.fd, heap.memory, LENGTH, MAP_PRIVATE | MAP_FIXED,
			heap.region.mem_offset) != heap.memory)
		die("memory");
	madvise(heap.memory, LENGTH, advice);
	memset(heap.memory, 1, LENGTH);
	device_say(&heap, 0, LENGTH, SPANHEAP_IN_USE);
}

/* Every other piece, or all of it when that is one piece. */
static size_t step(size_t piece)
{
	return piece == LENGTH ? LENGTH : 2 * piece;
}

static size_t pages_of(size_t piece)
{
	return LENGTH / step(piece) * piece / PAGE;
}

static double by_order(size_t piece)
{
	struct spanheap_order order = {
		.size = sizeof(order), .pid = getpid(), .bytes = pages_of(piece) * PAGE,
	};
	double start;

	for (size_t at = 0; at < LENGTH; at += step(piece))
		device_say(&heap, at, piece, SPANHEAP_IDLE);
	start = now();
	if (device_do(heap.fd, SPANHEAP_IOC_ORDER, &order))
		die("order");
	start = now() - start;
	if (order.taken != pages_of(piece) * PAGE)
		fprintf(stderr, "taking-cost: %zu of %zu KiB taken\n",
			(size_t)order.taken / KIB, pages_of(piece) * PAGE / KIB);
	return start;
}

static double by_release(size_t piece)
{
	static struct spanheap_range ranges[SPANHEAP_MAX_RANGES];
	struct spanheap_release_ranges release = {
		.size = sizeof(release), .ranges = address(ranges),
	};
	double start = now();

	for (size_t at = 0; at < LENGTH; at += step(piece)) {
		ranges[release.nr_ranges++] = (struct spanheap_range){ address(heap.memory) + at, piece };
		if (release.nr_ranges < SPANHEAP_MAX_RANGES && at + step(piece) < LENGTH)
			continue;
		if (device_do(heap.fd, SPANHEAP_IOC_RELEASE, &release))
			die("release");
		release.nr_ranges = 0;
	}
	return now() - start;
}

static double by_madvise(size_t piece)
{
	double start = now();

	for (size_t at = 0; at < LENGTH; at += step(piece)) {
		if (madvise(heap.memory + at, piece, MADV_DONTNEED))
			die("madvise");
		device_say(&heap, at, piece, SPANHEAP_RELEASED);
	}
	return now() - start;
}

static void ask_to_count(unsigned int flags)
{
	struct spanheap_hint hint = { .size = sizeof(hint), .flags = flags };

	if (device_do(heap.fd, SPANHEAP_IOC_HINT, &hint))
		die("hint");
}

static double by_madvise_counted(size_t piece)
{
	double ns;

	ask_to_count(SPANHEAP_HINT_COUNT_TAKEN);
	ns = by_madvise(piece);
	ask_to_count(SPANHEAP_HINT_LEAVE_TAKEN);
	return ns;
}

static void row(const char *pages, int advice, size_t piece)
{
	static double (*const ways[])(size_t) = {
		by_order, by_release, by_madvise, by_madvise_counted,
	};
	double best[4];

	for (int way = 0; way < 4; way++) {
		for (int round = 0; round < ROUNDS; round++) {
			double ns;

			fill(advice);
			ns = ways[way](piece) / (double)pages_of(piece);
			if (!round || ns < best[way])
				best[way] = ns;
		}
	}
	printf("%-6s %8zu %10.0f %10.0f %10.0f %10.0f\n", pages, piece / KIB, best[0], best[1],
	       best[2], best[3]);
	fflush(stdout);
}

int main(void)
{
	static const size_t pieces[] = { 8 * KIB, 64 * KIB, 256 * KIB, 2 * MIB, LENGTH };

	if (device_heap(&heap, LENGTH))
		die(SPANHEAP_DEVICE);
	printf("%-6s %8s %10s %10s %10s %10s   (ns a base page)\n", "pages", "KiB each", "revoke",
	       "release", "DONTNEED", "counted");
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		row("small", MADV_NOHUGEPAGE, pieces[i]);
	for (size_t i = 3; i < sizeof(pieces) / sizeof(*pieces); i++)
		row("huge", MADV_HUGEPAGE, pieces[i]);
	return 0;
}
