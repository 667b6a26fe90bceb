// SPDX-License-Identifier: MIT
/*
 * Headroom from /proc/meminfo and the files of cgroup v2. Called by the
 * scavenger, never from malloc(); takes no lock.
 *
 * Clean file pages of a cgroup count as free, as MemAvailable counts those of
 * the machine: the inactive list only, which also holds lazily freed pages.
 * Without that a cgroup that reads large files would look full for ever.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "headroom.h"
#include "procfile.h"

#define CGROUP_ROOT	"/sys/fs/cgroup"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t machine(void)
{
	struct procfile f;
	struct sysinfo info;
	uint64_t kib = 0;
	bool found = false;
	char *line;

	if (!procfile_open(&f, "/proc/meminfo")) {
		while (!found && (line = procfile_line(&f)))
			found = procfile_value(line, "MemAvailable:", &kib);
		procfile_close(&f);
	}
	if (found)
		return kib * 1024;
	/* No /proc, as in a chroot: less than the truth, by the page cache. */
	if (sysinfo(&info))
		return UINT64_MAX;
	return (uint64_t)info.freeram * info.mem_unit;
}

/* One level of the hierarchy; @dir has room for the names of its files. */
static uint64_t level(char *dir)
{
	size_t len = strlen(dir);
	uint64_t max = UINT64_MAX, high = UINT64_MAX;
	uint64_t used = 0, clean = 0;
	struct procfile f;
	char *line;

	strcpy(dir + len, "/memory.max");
	procfile_number(dir, &max);
	strcpy(dir + len, "/memory.high");
	procfile_number(dir, &high);
	max = min_u64(max, high);
	if (max != UINT64_MAX) {
		strcpy(dir + len, "/memory.current");
		procfile_number(dir, &used);
		strcpy(dir + len, "/memory.stat");
		if (!procfile_open(&f, dir)) {
			while ((line = procfile_line(&f)) &&
			       !procfile_value(line, "inactive_file", &clean))
				;
			procfile_close(&f);
		}
		used -= min_u64(used, clean);
		max -= min_u64(max, used);
	}
	dir[len] = '\0';
	return max;
}

uint64_t headroom_cgroup(const char *root, const char *path)
{
	char dir[PATH_MAX + sizeof("/memory.current")];
	size_t root_len = strlen(root);
	uint64_t tightest = UINT64_MAX;
	char *slash;

	if (root_len + strlen(path) >= PATH_MAX)
		return UINT64_MAX;
	strcpy(dir, root);
	strcpy(dir + root_len, path);
	/* A path "/" ends with the root itself, which has a limit in a namespace. */
	while ((slash = strrchr(dir + root_len, '/')) && !slash[1])
		*slash = '\0';
	for (;;) {
		tightest = min_u64(tightest, level(dir));
		slash = strrchr(dir + root_len, '/');
		if (!slash)
			return tightest;
		*slash = '\0';
	}
}

uint64_t headroom_bytes(void)
{
	uint64_t tightest = machine();
	struct procfile f;
	char *line;

	if (procfile_open(&f, "/proc/self/cgroup"))
		return tightest;
	while ((line = procfile_line(&f))) {
		/* "0::" is the unified hierarchy; the older ones have no such files. */
		if (!strncmp(line, "0::/", 4)) {
			tightest = min_u64(tightest,
					   headroom_cgroup(CGROUP_ROOT, line + 3));
			break;
		}
	}
	procfile_close(&f);
	return tightest;
}
