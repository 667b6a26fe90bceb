// SPDX-License-Identifier: MIT
/*
 * Hints without the module. Headroom says how short memory is; it is looked at now and
 * then, the closer the more often, once a second when there is plenty. In between a
 * trigger of pressure stall information, where one may be set, of the process's own
 * cgroup or else of the machine, tells that tasks have stalled for want of memory. Called by the listener's thread
 * alone, but for psi_prepare(); takes no lock.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "../policy/release.h"
#include "../sys.h"
#include "backend.h"
#include "headroom.h"
#include "procfile.h"
#include "psi.h"

/*
 * 100 ms of stall within 2 s: some task waits for a twentieth of its time. Windows of
 * whole multiples of 2 s are the ones that everybody may ask for.
 */
static const char trigger[] = "some 100000 2000000";

/* While memory is short it is looked at this often. */
#define LOOK_MS		100

static int fd = -1;
static dev_t fd_dev;		/* to know our descriptor by */
static ino_t fd_ino;
static unsigned int told;	/* level */

static bool is_ours(void)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == fd_dev && st.st_ino == fd_ino;
}

static bool set_trigger(const char *path)
{
	struct iovec text = { (char *)trigger, sizeof(trigger) };
	struct stat st;

	fd = sys_open(path, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (sys_writev(fd, &text, 1) < 0 || fstat(fd, &st)) {
		sys_close(fd);
		fd = -1;
		return false;
	}
	fd_dev = st.st_dev;
	fd_ino = st.st_ino;
	return true;
}

/* Of the cgroup, where that is one's own to ask; else of the machine. */
static bool open_trigger(void)
{
	static const char root[] = "/sys/fs/cgroup", file[] = "/memory.pressure";
	char path[PATH_MAX];
	struct procfile f;
	char *line;

	path[0] = '\0';
	if (!procfile_open(&f, "/proc/self/cgroup")) {
		while ((line = procfile_line(&f)) && strncmp(line, "0::/", 4))
			;
		if (line && strlen(line) + sizeof(root) + sizeof(file) < sizeof(path)) {
			strcpy(path, root);
			strcat(path, line + 3);
			strcat(path, file);
		}
		procfile_close(&f);
	}
	return (path[0] && set_trigger(path)) || set_trigger("/proc/pressure/memory");
}

void psi_prepare(void)
{
	if (!is_ours())
		open_trigger();
}

/* Return: whether the trigger went off. */
static bool wait_for(int timeout_ms)
{
	struct pollfd p = { .fd = is_ours() ? fd : -1, .events = POLLPRI };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLPRI;
}

static int until_next_look(uint64_t headroom)
{
	return told ? LOOK_MS : (int)(policy_look_period(headroom) / MS);
}

int psi_listen(struct backend_hint *hint)
{
	bool stalled = false, news = false;

	while (!news) {
		hint->headroom = headroom_bytes();
		hint->level = policy_level(hint->headroom);
		if (stalled && !hint->level)
			hint->level = LEVEL_LOW;
		news = hint->level != told || (stalled && hint->level == LEVEL_CRITICAL);
		if (!news)
			stalled = wait_for(until_next_look(hint->headroom));
	}
	told = hint->level;
	hint->wanted = policy_wanted(hint->headroom);
	hint->ordered = 0;
	return 0;
}

void psi_fork_child(void)
{
	if (is_ours())
		sys_close(fd);
	fd = -1;
	told = 0;
}
