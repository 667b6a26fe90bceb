// SPDX-License-Identifier: MIT
/*
 * giveback-cost - what it costs to give free spans back and to use them again, by
 * release mode and by the length of the spans, through the library's own path:
 * page heap, page map, madvise. Beside it what "keep" costs, which gives nothing
 * back: that is the price of the page heap alone.
 *
 * In a guest that counts instructions a nanosecond is one instruction:
 *	make bench-giveback
 *
 * Each row is a process of its own; it runs a second time under ptrace, where its
 * system calls are counted.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <spanheap.h>
#include "backend/backend.h"
#include "fork.h"
#include "giveback.h"
#include "heap.h"
#include "intent.h"
#include "span.h"

#define KIB		1024UL
#define MIB		(1024 * KIB)

/* Given back; as much again stays in use between, so that no two spans join. */
#define LENGTH		(32 * MIB)
#define MAX_SPANS	(2 * LENGTH / (8 * KIB))

/* A call that the library has no use for: the tracer's mark. */
#define MARK		SYS_getpgid

enum { TO_RELEASE, TO_USE, PHASES };

struct row {
	double ns[PHASES];	/* a MiB */
	long calls[PHASES];	/* system calls in all */
};

static const unsigned long units[] = { 8 * KIB, 64 * KIB, 256 * KIB, 2 * MIB };

static void die(const char *what)
{
	fprintf(stderr, "giveback-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void touch(struct span *span, unsigned long length)
{
	volatile char *at = (volatile char *)span->base;

	for (unsigned long i = 0; i < length; i += BASE_PAGE_SIZE)
		at[i] = 1;
}

static struct span *new_span(unsigned long unit)
{
	unsigned long align = unit == 2 * MIB ? unit >> HEAP_PAGE_SHIFT : 1;
	struct span *span = heap_span_alloc(unit >> HEAP_PAGE_SHIFT, align);

	if (!span)
		die("no memory");
	touch(span, unit);
	return span;
}

/* The job itself; prints what the two phases have cost. */
static int job(unsigned long unit, enum spanheap_release mode)
{
	static struct span *spans[MAX_SPANS];
	unsigned long nr = 2 * LENGTH / unit;
	bool device;
	double t[PHASES + 1];

	spanheap_set_release(SPANHEAP_RELEASE_KEEP);	/* no scavenger beside us */
	device = !strcmp(spanheap_backend(), "device");
	gate_enter(&gate_strays);
	for (unsigned long i = 0; i < nr; i++)
		spans[i] = new_span(unit);
	for (unsigned long i = 0; i < nr; i += 2)
		heap_span_free(spans[i]);
	heap_trim(0);

	syscall(MARK, 0);
	t[0] = now();
	giveback_pass(mode, device, false, 0);
	t[1] = now();
	syscall(MARK, 0);
	for (unsigned long i = 0; i < nr; i += 2)
		spans[i] = new_span(unit);
	t[2] = now();
	syscall(MARK, 0);
	gate_leave(&gate_strays);
	printf("%f %f\n", (t[1] - t[0]) / (LENGTH / MIB), (t[2] - t[1]) / (LENGTH / MIB));
	return 0;
}

static void exec_job(unsigned long unit, unsigned int mode)
{
	char number[32], name[32];

	snprintf(number, sizeof(number), "%lu", unit);
	snprintf(name, sizeof(name), "%u", mode);
	execl("/proc/self/exe", "giveback-cost", number, name, NULL);
	die("exec");
}

static void measure(struct row *row, unsigned long unit, unsigned int mode)
{
	int out[2], status;
	FILE *f;
	pid_t pid;

	if (pipe(out) || (pid = fork()) < 0)
		die("fork");
	if (!pid) {
		dup2(out[1], 1);
		exec_job(unit, mode);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	if (!f || fscanf(f, "%lf %lf", &row->ns[TO_RELEASE], &row->ns[TO_USE]) != 2)
		die("a row failed");
	fclose(f);
	waitpid(pid, &status, 0);
}

static void count(struct row *row, unsigned long unit, unsigned int mode)
{
	struct __ptrace_syscall_info info;
	int phase = -1, status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout) || ptrace(PTRACE_TRACEME, 0, 0, 0))
			die("ptrace");
		exec_job(unit, mode);
	}
	row->calls[TO_RELEASE] = row->calls[TO_USE] = 0;
	waitpid(pid, &status, 0);
	/* so that a stop at a call is told from others */
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD))
		die("ptrace");
	while (!ptrace(PTRACE_SYSCALL, pid, 0, 0) && waitpid(pid, &status, 0) == pid &&
	       !WIFEXITED(status)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
		    info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (info.entry.nr == MARK)
			phase++;
		else if (phase >= 0 && phase < PHASES)
			row->calls[phase]++;
	}
}

static void print_unit(unsigned long unit)
{
	struct row rows[SPANHEAP_RELEASE_KEEP + 1];
	const struct row *best = &rows[SPANHEAP_RELEASE_HANDOVER];

	for (unsigned int mode = 0; mode <= SPANHEAP_RELEASE_KEEP; mode++) {
		measure(&rows[mode], unit, mode);
		count(&rows[mode], unit, mode);
	}
	for (unsigned int mode = 0; mode <= SPANHEAP_RELEASE_KEEP; mode++) {
		const struct row *row = &rows[mode];
		double sum = row->ns[TO_RELEASE] + row->ns[TO_USE];

		printf("%5lu KiB  %-9s %10.0f %10.0f %10.0f %8.1f %8ld %8ld\n", unit / KIB,
		       spanheap_release_name(mode), row->ns[TO_RELEASE], row->ns[TO_USE], sum,
		       sum / (best->ns[TO_RELEASE] + best->ns[TO_USE]),
		       row->calls[TO_RELEASE], row->calls[TO_USE]);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return job(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
	if (argc != 1) {
		fprintf(stderr, "usage: giveback-cost\n");
		return 2;
	}
	printf("%-10s %-9s %10s %10s %10s %8s %17s\n", "", "", "", "", "ns a MiB", "", "system calls");
	printf("%-9s  %-9s %10s %10s %10s %8s %8s %8s\n", "span", "mode", "give back", "use again",
	       "both", "ratio", "give", "use");
	fflush(stdout);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		print_unit(units[i]);
	return 0;
}
