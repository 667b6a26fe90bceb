/* SPDX-License-Identifier: MIT */
/*
 * A program with a large heap of which most is freed, for the tests that look
 * at what becomes of free pages; and the kernel's own word about a process.
 */
#ifndef SPANHEAP_SELFTESTS_LIB_HEAPLOAD_H
#define SPANHEAP_SELFTESTS_LIB_HEAPLOAD_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <spanheap.h>

#define KIB		1024UL
#define MIB		(1024 * KIB)

#define OBJECT_SIZE	(64 * KIB)
#define MAX_OBJECTS	4096

/* What spans stay cached, and what of a huge page waits for the rest of it. */
#define SLACK		(12 * MIB)

struct load {
	size_t nr;
	unsigned char *objects[MAX_OBJECTS];
};

static inline unsigned char load_mark(size_t i, size_t at)
{
	return (unsigned char)(i * 7 + at / 4096 + 1);
}

/* Each node has a heap of its own: who moves finds nothing of what he has freed. */
static inline void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

/* Every page of every object is written, with a mark of its own. */
static inline bool load_fill(struct load *l, size_t bytes)
{
	stay_here();
	l->nr = bytes / OBJECT_SIZE;
	for (size_t i = 0; i < l->nr; i++) {
		l->objects[i] = malloc(OBJECT_SIZE);
		if (!l->objects[i])
			return false;
		for (size_t at = 0; at < OBJECT_SIZE; at += 4096)
			l->objects[i][at] = load_mark(i, at);
	}
	return true;
}

/* Frees [from, to) of the objects. */
static inline void load_free(struct load *l, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		free(l->objects[i]);
		l->objects[i] = NULL;
	}
}

static inline bool load_intact(const struct load *l)
{
	for (size_t i = 0; i < l->nr; i++)
		for (size_t at = 0; l->objects[i] && at < OBJECT_SIZE; at += 4096)
			if (l->objects[i][at] != load_mark(i, at))
				return false;
	return true;
}

/* A field of smaps_rollup in bytes; the kernel's word, not the library's. */
static inline size_t smaps_field(pid_t pid, const char *field)
{
	char path[64], line[256];
	size_t len = strlen(field), kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, len) && line[len] == ':')
			kib = strtoul(line + len + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return kib * KIB;
}

static inline bool have_device(void)
{
	return !access("/dev/spanheap", R_OK | W_OK);
}

/*
 * Wait until a condition holds, at most 20 s where nothing is slow: how long the
 * scavenger needs is not what is tested.
 */
static inline void moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
}

#define EVENTUALLY(condition) \
({ \
	unsigned int tries_ = 2000 * patience(); \
	bool held_; \
	while (!(held_ = (condition)) && --tries_) \
		moment(); \
	held_; \
})

/* One figure of this process's ledger. */
#define FIGURE(name) \
({ \
	struct spanheap_report report_; \
	spanheap_ledger(0, &report_, sizeof(report_)) ? 0 : (size_t)report_.total.name; \
})

/*
 * Options are read when a process first needs them: tests with short delays
 * start themselves again with SPANHEAP_DELAY_MS set.
 */
#define RUN_WITH_DELAY(ms) \
__attribute__((constructor)) static void run_with_delay(int argc, char **argv) \
{ \
	(void)argc; \
	if (!getenv("SPANHEAP_DELAY_MS")) { \
		setenv("SPANHEAP_DELAY_MS", ms, 1); \
		execv("/proc/self/exe", argv); \
	} \
}

#endif /* SPANHEAP_SELFTESTS_LIB_HEAPLOAD_H */
