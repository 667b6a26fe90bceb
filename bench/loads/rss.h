/* SPDX-License-Identifier: MIT */
/*
 * What loads that watch their own memory ask: resident memory, CPU time, the clock.
 */
#ifndef SPANHEAP_BENCH_LOADS_RSS_H
#define SPANHEAP_BENCH_LOADS_RSS_H

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* Resident memory in MB, by the kernel's page tables (VmRSS is off by some pages a CPU);
 * allocates nothing. */
static inline double resident(void)
{
	char text[2048], *at;
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		die("/proc/self/smaps_rollup can't be read");
	close(fd);
	text[length] = '\0';
	at = strstr(text, "\nRss:");
	return at ? atof(at + 5) / 1024 : 0;
}

/* Seconds of all threads. */
static inline double cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline void sleep_ms(long ms)
{
	struct timespec span = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&span, &span) && errno == EINTR)
		;
}

#endif /* SPANHEAP_BENCH_LOADS_RSS_H */
