// SPDX-License-Identifier: MIT
/*
 * recorder PID PERIOD_MS - the demo's recorder: prints a line of record with
 * the ledger of a process, what /proc says of it beside, and the time, over and
 * over until the process is gone; with a period of 0 just once. The format is
 * read by record.py.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanheap.h>

#define MS	1000000L

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / MS;
}

/* Minor faults, then user and system ticks: fields 10, 14 and 15 of stat. */
static int read_cost(int pid, unsigned long *faults, unsigned long *ticks)
{
	unsigned long user, system;
	char path[64], text[1024], *rest;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %lu %*u %*u %*u %lu %lu",
			    faults, &user, &system) != 3)
		return -1;
	*ticks = user + system;
	return 0;
}

static int read_vmrss(int pid, unsigned long *kib)
{
	char path[64], line[256];
	int found = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (found && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %lu", kib) == 1)
			found = 0;
	fclose(f);
	return found;
}

static int sample(int pid)
{
	static struct spanheap_report r;
	const struct spanheap_figures *t = &r.total;
	unsigned long faults, ticks, vmrss;

	if (spanheap_ledger(pid, &r, sizeof(r)) || read_cost(pid, &faults, &ticks) ||
	    read_vmrss(pid, &vmrss))
		return -1;
	printf("sample ms=%ld vmrss=%lu faults=%lu ticks=%lu exact=%d rss=%ju in_use=%ju idle=%ju lazyfree=%ju taken=%ju freed=%ju revoked=%ju other=%ju\n",
	       now_ms(), vmrss * 1024, faults, ticks,
	       r.exact && !strcmp(r.backend, "device"),
	       (uintmax_t)t->rss, (uintmax_t)t->in_use, (uintmax_t)t->idle,
	       (uintmax_t)t->lazyfree, (uintmax_t)t->taken, (uintmax_t)t->freed,
	       (uintmax_t)t->revoked, (uintmax_t)t->other);
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	int pid = argc == 3 ? atoi(argv[1]) : 0;
	long period = argc == 3 ? atol(argv[2]) : 0;
	struct timespec ts = { period / 1000, period % 1000 * MS };

	if (pid <= 0 || period < 0) {
		fprintf(stderr, "usage: recorder PID PERIOD_MS\n");
		return 2;
	}
	if (!period) {
		if (sample(pid)) {
			fprintf(stderr, "recorder: no ledger of %d: %s\n", pid, strerror(errno));
			return 1;
		}
		return 0;
	}
	while (!sample(pid))
		nanosleep(&ts, NULL);
	return 0;
}
