/* SPDX-License-Identifier: MIT */
/*
 * What the device's tests share: opening it, registering a heap, asking for a
 * ledger. Everything returns what the kernel said; the tests judge.
 */
#ifndef SELFTESTS_KMOD_DEVICE_H
#define SELFTESTS_KMOD_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/spanheap.h>

#define PAGE		4096UL
#define KIB		1024UL
#define MIB		(1024UL * KIB)
#define HUGE_PAGE	(2 * MIB)

/* Addresses cross the ABI as __u64, also from 32 bits. */
static inline uint64_t address(const volatile void *p)
{
	return (uintptr_t)p;
}

static inline int device_open(void)
{
	return open(SPANHEAP_DEVICE, O_RDWR | O_CLOEXEC);
}

/* An ioctl as 0 or -errno. */
static inline int device_do(int fd, unsigned long command, void *args)
{
	return ioctl(fd, command, args) ? -errno : 0;
}

/* Why nothing can be revoked by who asks, or NULL. */
static inline const char *device_cannot_revoke(void)
{
	struct spanheap_features features = { .size = sizeof(features) };
	int fd = device_open(), ret;

	if (fd < 0)
		return "no " SPANHEAP_DEVICE;
	ret = device_do(fd, SPANHEAP_IOC_FEATURES, &features);
	close(fd);
	if (ret || !(features.features & SPANHEAP_FEATURE_REVOKE))
		return "the module does not revoke";
	return geteuid() ? "needs root" : NULL;
}

/* Who was killed lets go of its heaps a little later: wait until there are none. */
static inline void device_wait_for_no_heaps(void)
{
	struct spanheap_totals totals;
	int fd = device_open();

	do {
		usleep(1000);
		totals = (struct spanheap_totals) { .size = sizeof(totals) };
	} while (!device_do(fd, SPANHEAP_IOC_TOTALS, &totals) && totals.heaps);
	close(fd);
}

/* A heap with one region, its memory and its page map. */
struct device_heap {
	int fd;
	size_t length;
	char *memory;
	volatile uint8_t *map;
	volatile struct spanheap_header *header;
	struct spanheap_register reg;
	struct spanheap_region region;
};

/* Address space for a region, aligned for huge pages; NULL when there is none. */
static inline char *device_reserve(size_t length)
{
	char *at = mmap(NULL, length + HUGE_PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t aligned;

	if (at == MAP_FAILED)
		return NULL;
	aligned = ((uintptr_t)at + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	munmap(at, aligned - (uintptr_t)at);
	munmap((char *)aligned + length, (uintptr_t)at + HUGE_PAGE - aligned);
	return (char *)aligned;
}

static inline void *device_mmap(int fd, void *at, size_t length, int flags, uint64_t offset)
{
	return mmap(at, length, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);
}

/* Region and mappings for a heap that is registered: 0 or -errno. */
static inline int device_add(struct device_heap *heap, size_t length)
{
	int ret;

	heap->length = length;
	heap->memory = device_reserve(length);
	if (!heap->memory)
		return -errno;
	heap->region = (struct spanheap_region) {
		.size = sizeof(heap->region),
		.addr = address(heap->memory),
		.length = length,
	};
	ret = device_do(heap->fd, SPANHEAP_IOC_ADD, &heap->region);
	if (ret)
		return ret;
	if (device_mmap(heap->fd, heap->memory, length, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
			heap->region.mem_offset) != heap->memory)
		return -errno;
	heap->map = device_mmap(heap->fd, NULL, heap->region.map_length, MAP_SHARED,
				heap->region.map_offset);
	return heap->map == MAP_FAILED ? -errno : 0;
}

/* A whole heap: 0 or -errno. */
static inline int device_heap(struct device_heap *heap, size_t length)
{
	int ret;

	heap->fd = device_open();
	if (heap->fd < 0)
		return -errno;
	heap->reg = (struct spanheap_register) { .size = sizeof(heap->reg) };
	ret = device_do(heap->fd, SPANHEAP_IOC_REGISTER, &heap->reg);
	if (ret)
		return ret;
	heap->header = device_mmap(heap->fd, NULL, heap->reg.header_length, MAP_SHARED,
				   heap->reg.header_offset);
	if (heap->header == MAP_FAILED)
		return -errno;
	return device_add(heap, length);
}

/* What the owner says of pages of its region. */
static inline void device_say(struct device_heap *heap, size_t offset, size_t length,
			      unsigned int intent)
{
	memset((void *)(heap->map + offset / PAGE), intent, length / PAGE);
}

/* Ask with a scope alone: 0 or -errno. */
static inline int device_ledger(int fd, struct spanheap_ledger *ledger, unsigned int scope,
				pid_t pid)
{
	*ledger = (struct spanheap_ledger) {
		.size = sizeof(*ledger), .scope = scope, .pid = pid,
	};
	return device_do(fd, SPANHEAP_IOC_LEDGER, ledger);
}

static inline uint64_t ledger_row(const struct spanheap_ledger *ledger, unsigned int intent)
{
	uint64_t sum = 0;

	for (unsigned int r = 0; r < SPANHEAP_NR_RESIDENCIES; r++)
		sum += ledger->total.bytes[intent][r];
	return sum;
}

static inline uint64_t ledger_column(const struct spanheap_ledger *ledger,
				     unsigned int residency)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		sum += ledger->total.bytes[i][residency];
	return sum;
}

static inline uint64_t ledger_rss(const struct spanheap_ledger *ledger)
{
	return ledger_column(ledger, SPANHEAP_RESIDENT) +
	       ledger_column(ledger, SPANHEAP_LAZYFREE) +
	       ledger_column(ledger, SPANHEAP_MIGRATING) +
	       ledger_column(ledger, SPANHEAP_FILE) +
	       ledger_column(ledger, SPANHEAP_SHMEM);
}

/* Run in a child; what it returned (0-255), or -1 when it was killed. */
static inline int in_child(int (*what)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(what(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#endif /* SELFTESTS_KMOD_DEVICE_H */
