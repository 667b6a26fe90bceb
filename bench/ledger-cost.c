// SPDX-License-Identifier: MIT
/*
 * What a ledger costs per base page, beside what /proc asks for the same: a heap
 * of 256 MiB, in use, half and fully lazily freed, small pages and huge ones.
 * Each figure is the least of some rounds, divided by the pages of the heap.
 *
 * In a guest that counts instructions a nanosecond is one instruction:
 *	make bench-ledger
 *
 * The rest of the process costs some 65000 instructions a question, one a page.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/spanheap.h>

#define PAGE		4096UL
#define HEAP_PAGE	8192UL
#define HUGE_PAGE	(2UL << 20)
#define LENGTH		(256UL << 20)
#define PAGES		(LENGTH / PAGE)
#define ROUNDS		3

static int device;
static char *heap;
static uint64_t mem_offset;
static unsigned char *map;

static void die(const char *what)
{
	fprintf(stderr, "ledger-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void open_heap(void)
{
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct spanheap_region region = { .size = sizeof(region), .length = LENGTH };
	char *room;

	device = open(SPANHEAP_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0 || ioctl(device, SPANHEAP_IOC_REGISTER, &reg))
		die(SPANHEAP_DEVICE);
	room = mmap(NULL, LENGTH + HUGE_PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	heap = (char *)(((uintptr_t)room + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	region.addr = (uintptr_t)heap;
	if (ioctl(device, SPANHEAP_IOC_ADD, &region))
		die("add");
	mem_offset = region.mem_offset;
	map = mmap(NULL, region.map_length, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		   region.map_offset);
	if (map == MAP_FAILED)
		die("page map");
}

static void lazily_free(size_t offset, size_t length)
{
	if (madvise(heap + offset, length, MADV_FREE))
		die("MADV_FREE");
	memset(map + offset / PAGE, SPANHEAP_LAZY, length / PAGE);
}

/* The per-CPU batches are emptied when pages are about to be moved. */
static void drain(void)
{
	void *page = map;
	int node = 0, status;

	syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, 2);
}

/* Mapped anew, so that no page table of the last layout stands in the way. */
static void fill(int advice)
{
	if (mmap(heap, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, device,
		 mem_offset) != heap)
		die("memory");
	madvise(heap, LENGTH, advice);
	memset(heap, 1, LENGTH);
	memset(map, SPANHEAP_IN_USE, PAGES);
	drain();
}

static void in_use(void)
{
	fill(MADV_NOHUGEPAGE);
}

static void half_in_one(void)
{
	fill(MADV_NOHUGEPAGE);
	lazily_free(0, LENGTH / 2);
	drain();
}

static void half_scattered(void)
{
	fill(MADV_NOHUGEPAGE);
	for (size_t at = 0; at < LENGTH; at += 2 * HEAP_PAGE)
		lazily_free(at, HEAP_PAGE);
	drain();
}

static void all_lazily_freed(void)
{
	fill(MADV_NOHUGEPAGE);
	lazily_free(0, LENGTH);
	drain();
}

static void huge_in_use(void)
{
	fill(MADV_HUGEPAGE);
}

static void huge_lazily_freed(void)
{
	fill(MADV_HUGEPAGE);
	lazily_free(0, LENGTH);
	drain();
}

static void released(void)
{
	fill(MADV_NOHUGEPAGE);
	madvise(heap, LENGTH, MADV_DONTNEED);
	memset(map, SPANHEAP_RELEASED, PAGES);
}

/* The ways to ask. Each returns bytes that it found resident, as a check. */
static uint64_t resident(const struct spanheap_ledger *ledger)
{
	uint64_t sum = 0;

	for (int i = 0; i < SPANHEAP_OUTSIDE; i++)
		sum += ledger->total.bytes[i][SPANHEAP_RESIDENT] +
		       ledger->total.bytes[i][SPANHEAP_LAZYFREE];
	return sum;
}

static uint64_t ask_ledger(void)
{
	struct spanheap_ledger ledger = { .size = sizeof(ledger), .scope = SPANHEAP_SCOPE_MM };

	if (ioctl(device, SPANHEAP_IOC_LEDGER, &ledger))
		die("ledger");
	return resident(&ledger);
}

static uint64_t ask_vector(void)
{
	static unsigned char vec[PAGES];
	struct spanheap_ledger ledger = {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_REGION,
		.addr = (uintptr_t)heap, .vec = (uintptr_t)vec, .vec_len = PAGES,
	};

	if (ioctl(device, SPANHEAP_IOC_LEDGER, &ledger))
		die("vector");
	return resident(&ledger);
}

static uint64_t ask_nodes(void)
{
	static struct spanheap_matrix nodes[1024];
	struct spanheap_ledger ledger = {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_MM,
		.nodes = (uintptr_t)nodes, .nr_nodes = 1024,
	};

	if (ioctl(device, SPANHEAP_IOC_LEDGER, &ledger))
		die("nodes");
	return resident(&ledger);
}

static uint64_t ask_smaps_rollup(void)
{
	unsigned long kib = 0;
	char text[2048], *line;
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);
	ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (got <= 0)
		die("smaps_rollup");
	text[got] = 0;
	line = strstr(text, "Anonymous:");
	if (line)
		sscanf(line, "Anonymous: %lu", &kib);
	return kib << 10;
}

/* Runs of page frames in one read, as a careful tool would. */
static uint64_t ask_pagemap_and_kpageflags(void)
{
	static uint64_t entries[4096], flags[4096];
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	int kpageflags = open("/proc/kpageflags", O_RDONLY);
	const uint64_t frame = (1ULL << 55) - 1;
	uint64_t sum = 0;

	if (pagemap < 0 || kpageflags < 0)
		die("pagemap");
	for (size_t at = 0; at < PAGES; at += 4096) {
		pread(pagemap, entries, sizeof(entries), ((uintptr_t)heap / PAGE + at) * 8);
		for (size_t i = 0, run; i < 4096; i += run) {
			run = 1;
			if (!(entries[i] >> 63))
				continue;
			while (i + run < 4096 && entries[i + run] >> 63 &&
			       (entries[i + run] & frame) == (entries[i] & frame) + run)
				run++;
			pread(kpageflags, flags, run * 8, (entries[i] & frame) * 8);
			for (size_t k = 0; k < run; k++)
				sum += flags[k] >> 12 & 1 ? PAGE : 0;
		}
	}
	close(pagemap);
	close(kpageflags);
	return sum;
}

static double cost(uint64_t (*ask)(void), uint64_t *found)
{
	double best = 1e18;

	for (int i = 0; i < ROUNDS; i++) {
		double start = now(), took;

		*found = ask();
		took = now() - start;
		if (took < best)
			best = took;
	}
	return best / PAGES;
}

static const struct {
	const char *name;
	void (*make)(void);
} layouts[] = {
	{ "in use", in_use },
	{ "half lazily freed, in one piece", half_in_one },
	{ "half lazily freed, every other 8 KiB", half_scattered },
	{ "lazily freed", all_lazily_freed },
	{ "in use, huge pages", huge_in_use },
	{ "lazily freed, huge pages", huge_lazily_freed },
	{ "released", released },
};

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_heap();
	printf("ns per base page of a heap of 256 MiB\n%-38s %8s %8s %8s %17s %23s\n", "",
	       "ledger", "vector", "nodes", "smaps_rollup", "pagemap+kpageflags");
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		uint64_t by_ledger, by_vector, by_nodes, by_rollup, by_pagemap;
		double ledger, vector, nodes, rollup, pagemap;

		layouts[i].make();
		ledger = cost(ask_ledger, &by_ledger);
		vector = cost(ask_vector, &by_vector);
		nodes = cost(ask_nodes, &by_nodes);
		rollup = cost(ask_smaps_rollup, &by_rollup);
		pagemap = cost(ask_pagemap_and_kpageflags, &by_pagemap);
		printf("%-38s %8.2f %8.2f %8.2f %8.2f (x%5.1f) %12.2f (x%6.1f)\n",
		       layouts[i].name, ledger, vector, nodes, rollup, rollup / ledger, pagemap, pagemap / ledger);
		if (by_vector != by_ledger || by_nodes != by_ledger || by_rollup < by_ledger)
			fprintf(stderr, "ledger-cost: they do not agree: %llu, %llu, %llu, %llu, %llu\n",
				(unsigned long long)by_ledger, (unsigned long long)by_vector,
				(unsigned long long)by_nodes,
				(unsigned long long)by_rollup, (unsigned long long)by_pagemap);
	}
	return 0;
}
