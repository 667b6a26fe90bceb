/* SPDX-License-Identifier: MIT */
/*
 * Running the spanheap command and catching what it says.
 */
#ifndef SPANHEAP_SELFTESTS_TOOLS_CAPTURE_H
#define SPANHEAP_SELFTESTS_TOOLS_CAPTURE_H

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/**
 * struct capture - what a program left
 * @status: its exit status, or -1 when it ended otherwise
 */
struct capture {
	int status;
	char out[16384];
	char err[4096];
};

/* The command of this build, or the one on the path, as in a guest. */
static inline const char *spanheap(void)
{
	return access("build/spanheap", X_OK) ? "spanheap" : "build/spanheap";
}

static inline void capture_read(int fd, char *buf, size_t size, size_t *len, struct pollfd *p)
{
	ssize_t n = read(fd, buf + *len, size - 1 - *len);

	if (n <= 0)
		p->fd = -1;
	else
		*len += (size_t)n;
	buf[*len] = '\0';
}

/* Runs @argv (NULL-terminated), waits for its end. */
static inline void capture(struct capture *c, char *const argv[])
{
	struct pollfd p[2];
	int out[2], err[2], status;
	size_t nr_out = 0, nr_err = 0;
	pid_t pid;

	memset(c, 0, sizeof(*c));
	c->status = -1;
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		execvp(argv[0], argv);
		_exit(99);
	}
	close(out[1]);
	close(err[1]);
	p[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		poll(p, 2, -1);
		if (p[0].fd >= 0 && p[0].revents)
			capture_read(out[0], c->out, sizeof(c->out), &nr_out, &p[0]);
		if (p[1].fd >= 0 && p[1].revents)
			capture_read(err[0], c->err, sizeof(c->err), &nr_err, &p[1]);
	}
	close(out[0]);
	close(err[0]);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status))
		c->status = WEXITSTATUS(status);
}

/* CAPTURE(&c, "stat", "--json") runs the command with these arguments. */
#define CAPTURE(c, ...) \
	capture(c, (char *const []){ (char *)spanheap(), ##__VA_ARGS__, NULL })

/* The number behind "key": in @json, the first one; -1 when there is none. */
static inline long long json_number(const char *json, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	at = strstr(json, quoted);
	return at ? strtoll(at + strlen(quoted), NULL, 10) : -1;
}

static inline int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

#endif /* SPANHEAP_SELFTESTS_TOOLS_CAPTURE_H */
