// SPDX-License-Identifier: MIT
/*
 * eat MIB - the demo's other process: takes that much memory, 4 MiB at a time, says
 * so, and holds it until its standard input ends. When the kernel has to kill a
 * process, it is to be this one. Linked with libc alone, so that nothing of the
 * project has a hand in what it measures.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define STEP_MIB	4L

/* Slow enough that a process that is asked to give back can do so meanwhile. */
static const struct timespec pace = { .tv_nsec = 20 * 1000 * 1000 };

static int offer_myself(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "w");
	int ret = 0;

	if (!f)
		return -1;
	if (fputs("1000", f) < 0)
		ret = -1;
	return fclose(f) ? -1 : ret;
}

int main(int argc, char **argv)
{
	char *end;
	long eaten, mib = argc == 2 ? strtol(argv[1], &end, 10) : -1;

	if (argc != 2 || *end || end == argv[1] || mib < STEP_MIB || mib > 1 << 20) {
		fprintf(stderr, "usage: eat MIB (%ld or more)\n", STEP_MIB);
		return 2;
	}
	if (offer_myself()) {
		fprintf(stderr, "eat: oom_score_adj: %s\n", strerror(errno));
		return 1;
	}
	for (eaten = 0; eaten < mib; eaten += STEP_MIB) {
		void *p = mmap(NULL, STEP_MIB << 20, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			fprintf(stderr, "eat: mmap: %s\n", strerror(errno));
			return 1;
		}
		memset(p, 0x5a, STEP_MIB << 20);
		nanosleep(&pace, NULL);
	}
	printf("%ld\n", eaten);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
