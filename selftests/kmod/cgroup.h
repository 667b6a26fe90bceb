/* SPDX-License-Identifier: MIT */
/* A memory cgroup for the time of a test. Needs root and cgroup v2. */
#ifndef SELFTESTS_KMOD_CGROUP_H
#define SELFTESTS_KMOD_CGROUP_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUP_ROOT	"/sys/fs/cgroup"

static inline void cgroup_path(char path[256], const char *group, const char *file)
{
	snprintf(path, 256, CGROUP_ROOT "/%s/%s", group, file);
}

/* 0 or -errno, which memory.reclaim uses to tell. */
static inline int cgroup_write(const char *group, const char *file, const char *value)
{
	char path[256];
	int fd, ret;

	cgroup_path(path, group, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The figure of a file, or of the line that begins with @key in it; -1: none. */
static inline int64_t cgroup_read(const char *group, const char *file, const char *key)
{
	int64_t value = -1;
	char path[256], line[256];
	FILE *f;

	cgroup_path(path, group, file);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		size_t length = key ? strlen(key) : 0;

		if (key && (strncmp(line, key, length) || line[length] != ' '))
			continue;
		value = strtoll(line + length, NULL, 10);
		break;
	}
	fclose(f);
	return value;
}

/* Make @group and move this process there: 0 or -errno. */
static inline int cgroup_enter(const char *group)
{
	char path[256], pid[32];

	cgroup_path(path, group, "");
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	snprintf(pid, sizeof(pid), "%d", getpid());
	return cgroup_write(group, "cgroup.procs", pid);
}

/* Back to the root, and away with @group. */
static inline void cgroup_leave(const char *group)
{
	char path[256], pid[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	cgroup_write("", "cgroup.procs", pid);
	cgroup_path(path, group, "");
	rmdir(path);
}

#endif /* SELFTESTS_KMOD_CGROUP_H */
