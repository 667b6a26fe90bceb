// SPDX-License-Identifier: MIT
/*
 * spanheap watch: tells each hint as the module gives it to a process. It looks on by
 * descriptors of its own and takes nothing from the process that is hinted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/spanheap.h>
#include "arguments.h"
#include "command.h"
#include "watch.h"

/* Heaps a call of the list. */
#define ROOM	64

/**
 * struct watched - the heaps that are looked on
 * @nr: their number
 * @refused: how many may not be
 * @fds: a descriptor of each
 * @heaps: and what the list said of it
 */
struct watched {
	size_t nr;
	size_t refused;
	int *fds;
	struct spanheap_heap_info *heaps;
};

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/* A moment of CLOCK_MONOTONIC, as people tell the time. */
static void print_time(uint64_t ns)
{
	struct timespec now, then;
	struct tm tm;
	uint64_t ago;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ago = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - ns;
	clock_gettime(CLOCK_REALTIME, &now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - ago;
	then.tv_sec = (time_t)(ns / 1000000000);
	localtime_r(&then.tv_sec, &tm);
	printf("%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
	       (unsigned int)(ns % 1000000000 / 1000000));
}

static void print(const struct spanheap_heap_info *heap, const struct spanheap_event *event)
{
	static const char *const levels[] = { "none", "low", "medium", "critical" };
	const char *what = event->what & SPANHEAP_EVENT_ORDER ? "order" :
			   event->what & SPANHEAP_EVENT_STILL ? "still" : "level";

	print_time(event->time_ns);
	printf(" %8d %8" PRIu64 " %-6s %-8s %10.1f %10.1f %10.1f", heap->pid,
	       (uint64_t)heap->heap_id, what, event->level < 4 ? levels[event->level] : "?",
	       mib(event->headroom), mib(event->wanted), mib(event->ordered));
	if (event->merged)
		printf("  %u before it missed", event->merged);
	putchar('\n');
}

static bool happened(size_t i, unsigned int events, void *arg)
{
	struct watched *w = arg;
	struct spanheap_event event;

	if (events & POLLPRI && read(w->fds[i], &event, sizeof(event)) == sizeof(event))
		print(&w->heaps[i], &event);
	if (events & POLLPRI)
		return true;
	printf("process %d: heap %" PRIu64 " is gone\n", w->heaps[i].pid,
	       (uint64_t)w->heaps[i].heap_id);
	close(w->fds[i]);
	return false;
}

static int add(struct watched *w, int fd, const struct spanheap_heap_info *heap)
{
	struct spanheap_observe args = { .size = sizeof(args), .heap_id = heap->heap_id };
	void *heaps, *fds;

	if (ioctl(fd, SPANHEAP_IOC_OBSERVE, &args)) {
		w->refused += errno == EPERM;
		/* it has just ended, or is somebody else's */
		return errno == ENOENT || errno == ESRCH || errno == EPERM ? 0 : -errno;
	}
	/* events are read by whoever finds them: never wait for one */
	fcntl(args.fd, F_SETFL, O_NONBLOCK);
	heaps = realloc(w->heaps, (w->nr + 1) * sizeof(*w->heaps));
	if (heaps)
		w->heaps = heaps;
	fds = realloc(w->fds, (w->nr + 1) * sizeof(*w->fds));
	if (fds)
		w->fds = fds;
	if (!heaps || !fds)
		return -ENOMEM;
	w->heaps[w->nr] = *heap;
	w->fds[w->nr++] = args.fd;
	return 0;
}

/* The heaps of @pid, or all when that is 0. */
static int find(struct watched *w, int fd, pid_t pid)
{
	struct spanheap_heap_info heaps[ROOM];
	struct spanheap_heaps args = { .size = sizeof(args), .heaps = (uintptr_t)heaps };
	int ret = 0;

	do {
		args.nr_heaps = ROOM;
		if (ioctl(fd, SPANHEAP_IOC_HEAPS, &args))
			return -errno;
		for (unsigned int i = 0; i < args.nr_heaps && !ret; i++)
			if (!pid || pid == heaps[i].pid)
				ret = add(w, fd, &heaps[i]);
	} while (!ret && args.nr_heaps == ROOM);
	return ret;
}

/* Of all processes named, or of all there are; each of those named must have one. */
static int find_all(struct watched *w, int fd, int argc, char **argv)
{
	for (int i = 1; i < argc || i == 1; i++) {
		size_t before = w->nr, refused = w->refused;
		pid_t pid = 0;
		int ret;

		if (argc > 1)
			parse_pid(argv[i], &pid);
		ret = find(w, fd, pid);
		if (ret) {
			failure(&watch_command, "%s", strerror(-ret));
			return EXIT_FAILED;
		}
		if (w->nr > before)
			continue;
		if (w->refused > refused)
			failure(&watch_command, "looking on takes root (CAP_SYS_PTRACE), or to be "
				"the process itself");
		else if (pid)
			failure(&watch_command, "process %d has no heap that spanheap.ko knows "
				"and you may see", pid);
		else
			failure(&watch_command, "there is no heap that spanheap.ko knows "
				"and you may see");
		return EXIT_FAILED;
	}
	return 0;
}

static int watch(int fd, int argc, char **argv)
{
	struct watched w = {};
	int ret = find_all(&w, fd, argc, argv);

	if (!ret) {
		setvbuf(stdout, NULL, _IOLBF, 0);
		printf("%-12s %8s %8s %-6s %-8s %10s %10s %10s  (MiB)\n", "time", "pid", "heap",
		       "event", "level", "headroom", "wanted", "ordered");
		ret = watch_all(w.fds, w.nr, happened, &w);
		if (ret) {
			failure(&watch_command, "%s", strerror(-ret));
			ret = EXIT_FAILED;
		}
	}
	free(w.fds);
	free(w.heaps);
	return ret;
}

static int watch_run(int argc, char **argv)
{
	pid_t pid;
	int fd, ret;

	for (int i = 1; i < argc; i++)
		if (parse_pid(argv[i], &pid))
			return usage_error(&watch_command, "'%s' is no process ID", argv[i]);
	fd = open(SPANHEAP_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		failure(&watch_command, "there are no hints without spanheap.ko: "
			SPANHEAP_DEVICE ": %s", strerror(errno));
		return EXIT_FAILED;
	}
	ret = watch(fd, argc, argv);
	close(fd);
	return ret;
}

const struct command watch_command = {
	.name = "watch",
	.synopsis = "[PID...]",
	.summary = "the hints that processes get, as they come",
	.help =
"Prints a line for each hint that the module gives to the processes PID, or to all\n"
"that have a heap now: another level of pressure, that it stays critical, an order.\n"
"With it the headroom, the bytes wanted and those ordered. Ends when the last of\n"
"the heaps is gone. Looking on takes nothing from the process; it takes root\n"
"(CAP_SYS_PTRACE).\n"
"\n"
"Exit status: 0; 1 when there is no spanheap.ko, no such heap, or it may not be\n"
"looked on; 2 when the arguments are wrong.\n",
	.run = watch_run,
};
