// SPDX-License-Identifier: MIT
/*
 * eat LEAVE_MIB - the demo's other process: takes memory 4 MiB at a time until
 * only LEAVE_MIB are available on the machine, says how much it took, and holds
 * it until its standard input ends. Linked with libc alone, so that nothing of
 * the project has a hand in what it measures.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STEP	(4UL << 20)

/* Slow enough that a process that is asked to give back can do so meanwhile. */
static const struct timespec pace = { .tv_nsec = 20 * 1000 * 1000 };

static long available_kib(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		return -1;
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) != 1)
			kib = -1;
	fclose(f);
	return kib;
}

int main(int argc, char **argv)
{
	char *end;
	unsigned long eaten = 0;
	long leave = argc == 2 ? strtol(argv[1], &end, 10) : -1;

	if (argc != 2 || *end || end == argv[1] || leave < 8) {
		fprintf(stderr, "usage: eat LEAVE_MIB (8 or more)\n");
		return 2;
	}
	while (available_kib() > leave * 1024) {
		void *p = mmap(NULL, STEP, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			fprintf(stderr, "eat: mmap: %s\n", strerror(errno));
			return 1;
		}
		memset(p, 0x5a, STEP);
		eaten += STEP;
		nanosleep(&pace, NULL);
	}
	printf("%lu\n", eaten);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
