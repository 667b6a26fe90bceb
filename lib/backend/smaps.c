// SPDX-License-Identifier: MIT
/*
 * Summing smaps. Called by procfs.c; takes no lock, allocates nothing.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "procfile.h"
#include "smaps.h"

/* "/proc/" PID "/" file */
static void proc_path(char *out, pid_t pid, const char *file)
{
	char digits[16];
	size_t n = sizeof(digits);

	out = stpcpy(out, "/proc/");
	if (!pid) {
		out = stpcpy(out, "self");
	} else {
		for (; pid; pid /= 10)
			digits[--n] = (char)('0' + pid % 10);
		memcpy(out, digits + n, sizeof(digits) - n);
		out += sizeof(digits) - n;
	}
	*out++ = '/';
	strcpy(out, file);
}

static int sum(pid_t pid, const char *file, struct smaps_sums *sums)
{
	struct procfile f;
	char path[64];
	uint64_t kib;
	char *line;
	bool any = false;
	int ret;

	memset(sums, 0, sizeof(*sums));
	proc_path(path, pid, file);
	ret = procfile_open(&f, path);
	if (ret)
		return ret;
	while ((line = procfile_line(&f))) {
		if (procfile_value(line, "Rss:", &kib)) {
			sums->rss += kib * 1024;
			any = true;
		} else if (procfile_value(line, "LazyFree:", &kib)) {
			sums->lazyfree += kib * 1024;
		} else if (procfile_value(line, "Swap:", &kib)) {
			sums->swap += kib * 1024;
		}
	}
	procfile_close(&f);
	if (f.error)
		return f.error;
	/* A kernel thread or a zombie: the file is there, and empty. */
	return any ? 0 : -ESRCH;
}

int smaps_read(pid_t pid, struct smaps_sums *sums)
{
	int ret;

	if (pid < 0)
		return -ESRCH;
	ret = sum(pid, "smaps_rollup", sums);
	/* Kernels without the rollup have the long file. */
	if (ret == -ENOENT)
		ret = sum(pid, "smaps", sums);
	if (ret == -EACCES)
		ret = -EPERM;
	if (ret == -ENOENT && !access("/proc/self", F_OK))
		ret = -ESRCH;
	return ret;
}
