// SPDX-License-Identifier: MIT
/*
 * What oom.sh and swap.sh run in a small guest: a heap of 200 MiB of which 160 are
 * idle, and a process that takes 180 MiB. Prints what became of both.
 */
#include <stdlib.h>

#include "device.h"

/* In a guest of 400 MiB with Debian's kernels. */
#define FREE	(304 * MIB)

/* Forked before there is a heap, so that no page is shared. */
static int eat_when_told(const int go[2])
{
	char *at, c;

	if (read(go[0], &c, 1) != 1)
		return 1;
	at = mmap(NULL, 180 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return 1;
	memset(at, 1, 180 * MIB);
	return 0;
}

/* The owner is not the one to be killed. */
static bool spare_me(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "w");

	return f && fputs("-1000", f) >= 0 && !fclose(f);
}

/* A figure of a file of /proc, or 0. */
static unsigned long figure(const char *file, const char *format)
{
	FILE *f = fopen(file, "r");
	unsigned long nr = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &nr) == 1)
			break;
	if (f)
		fclose(f);
	return nr;
}

/*
 * Guests whose kernels look for bugs are given more memory, since these need more:
 * what is free beyond that of other guests is taken out of the game.
 */
static bool same_room_everywhere(void)
{
	size_t free = figure("/proc/meminfo", "MemFree: %lu kB") * KIB;

	return free <= FREE ||
	       mmap(NULL, free - FREE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0) != MAP_FAILED;
}

int main(void)
{
	struct device_heap heap;
	struct spanheap_ledger ledger;
	size_t lost = 0;
	int go[2], status;
	pid_t pid;
	char c = 0;

	if (pipe(go))
		return 1;
	pid = fork();
	if (!pid)
		_exit(eat_when_told(go));
	if (!spare_me() || !same_room_everywhere() || device_heap(&heap, 200 * MIB))
		return 1;
	for (size_t i = 0; i < 200 * MIB / PAGE; i++)
		heap.memory[i * PAGE] = 42;
	device_say(&heap, 0, 40 * MIB, SPANHEAP_IN_USE);
	device_say(&heap, 40 * MIB, 160 * MIB, SPANHEAP_IDLE);
	if (write(go[1], &c, 1) != 1 || waitpid(pid, &status, 0) != pid)
		return 1;
	for (size_t i = 0; i < 40 * MIB / PAGE; i++)
		lost += heap.memory[i * PAGE] != 42;
	if (device_ledger(heap.fd, &ledger, SPANHEAP_SCOPE_HEAP, 0))
		return 1;
	printf("%s, %zu pages lost, %llu KiB revoked, %lu pages swapped out\n",
	       !status ? "survived" : WIFSIGNALED(status) ? "killed" : "failed", lost,
	       (unsigned long long)ledger_row(&ledger, SPANHEAP_REVOKED) / KIB,
	       figure("/proc/vmstat", "pswpout %lu"));
	return WIFEXITED(status) && WEXITSTATUS(status);
}
