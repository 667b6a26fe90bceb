/* SPDX-License-Identifier: MIT */
/* The module's tracepoints, in an instance of tracefs of the test's own. Needs root. */
#ifndef SELFTESTS_KMOD_TRACEFS_H
#define SELFTESTS_KMOD_TRACEFS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACEFS_INSTANCE	"/sys/kernel/tracing/instances/spanheap-test"

/* 0 or -errno */
static inline int tracefs_write(const char *file, const char *value)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), TRACEFS_INSTANCE "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* An empty buffer, with all of the module's events on: 0 or -errno. */
static inline int tracefs_start(void)
{
	int ret;

	if (mkdir(TRACEFS_INSTANCE, 0700) && errno != EEXIST)
		return -errno;
	ret = tracefs_write("buffer_size_kb", "1024");
	if (!ret)
		ret = tracefs_write("trace", "");
	return ret ? ret : tracefs_write("events/spanheap/enable", "1");
}

static inline void tracefs_stop(void)
{
	tracefs_write("events/spanheap/enable", "0");
	rmdir(TRACEFS_INSTANCE);
}

/*
 * Call @what with what stands behind the name of each event of that name; whether
 * there was any.
 */
static inline bool tracefs_each(const char *event, void (*what)(const char *fields, void *arg),
				void *arg)
{
	char line[512], name[64];
	bool any = false;
	FILE *f = fopen(TRACEFS_INSTANCE "/trace", "r");

	if (!f)
		return false;
	snprintf(name, sizeof(name), ": %s: ", event);
	while (fgets(line, sizeof(line), f)) {
		const char *at = line[0] == '#' ? NULL : strstr(line, name);

		if (!at)
			continue;
		any = true;
		what(at + strlen(name), arg);
	}
	fclose(f);
	return any;
}

#endif /* SELFTESTS_KMOD_TRACEFS_H */
