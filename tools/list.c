// SPDX-License-Identifier: MIT
/*
 * spanheap list: the heaps of this machine that the caller may see, from the module
 * itself: the library tells of processes, and has nothing to list without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/spanheap.h>
#include "command.h"

/* Heaps a call. */
#define ROOM	64

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print(const struct spanheap_heap_info *heap, bool json, bool first)
{
	if (json)
		printf("%s{\"heap\": %" PRIu64 ", \"pid\": %d, \"regions\": %u, \"bytes\": %" PRIu64
		       ", \"idle\": %" PRIu64 ", \"revoked\": %" PRIu64 "}", first ? "" : ", ",
		       (uint64_t)heap->heap_id, heap->pid, heap->nr_regions,
		       (uint64_t)heap->bytes, (uint64_t)heap->idle, (uint64_t)heap->revoked);
	else
		printf("%10" PRIu64 " %8d %8u %10.1f MiB %10.1f MiB %10.1f MiB\n",
		       (uint64_t)heap->heap_id, heap->pid, heap->nr_regions, mib(heap->bytes),
		       mib(heap->idle), mib(heap->revoked));
}

static int list(int fd, bool json)
{
	struct spanheap_heap_info heaps[ROOM];
	struct spanheap_heaps args = { .size = sizeof(args), .heaps = (uintptr_t)heaps };
	bool first = true;

	do {
		args.nr_heaps = ROOM;
		if (ioctl(fd, SPANHEAP_IOC_HEAPS, &args))
			return -errno;
		for (unsigned int i = 0; i < args.nr_heaps; i++) {
			print(&heaps[i], json, first);
			first = false;
		}
	} while (args.nr_heaps == ROOM);
	return 0;
}

static int list_run(int argc, char **argv)
{
	bool json = false;
	int fd, ret;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json"))
			return usage_error(&list_command, "unknown argument '%s'", argv[i]);
		json = true;
	}
	fd = open(SPANHEAP_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		failure(&list_command, "no heaps are known without spanheap.ko: "
			SPANHEAP_DEVICE ": %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (json)
		printf("{\"heaps\": [");
	else
		printf("%10s %8s %8s %14s %14s %14s\n", "heap", "pid", "regions", "size", "idle",
		       "revoked");
	ret = list(fd, json);
	if (json)
		puts("]}");
	close(fd);
	if (!ret)
		return 0;
	failure(&list_command, "%s", strerror(-ret));
	return EXIT_FAILED;
}

const struct command list_command = {
	.name = "list",
	.synopsis = "[--json]",
	.summary = "the heaps that spanheap.ko knows",
	.help =
"Lists the heaps of the processes that may be looked at: the number of the heap, the\n"
"process, its regions, their size, how much of it is idle by the page map, and how\n"
"much the module has taken so far.\n"
"\n"
"  --json   in bytes: heaps: heap, pid, regions, bytes, idle, revoked\n"
"\n"
"Exit status: 0; 1 when there is no spanheap.ko; 2 when the arguments are wrong.\n",
	.run = list_run,
};
