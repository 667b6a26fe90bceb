// SPDX-License-Identifier: MIT
/*
 * launch FD SECONDS PRELOAD PROGRAM [ARGUMENT...] - runs PROGRAM with PRELOAD as its
 * LD_PRELOAD and writes to FD what it took, when it has ended or when its time is up
 * (then it is killed, and its whole process group):
 *
 *	cpu_us=N rss_kb=N status=N
 *
 * cpu_us: of the program and the children it waited for; status: exit status, or 128
 * and the signal; 128 + SIGALRM when its time was up. Called by measure.py, which is
 * not the parent itself because the peak of a child's memory counts from the image
 * that was replaced by exec: that of this program is small.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t out_of_time;
static pid_t child;

static void on_alarm(int signal)
{
	out_of_time = signal;
	kill(-child, SIGKILL);
}

static void run(const char *preload, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	setenv("LD_PRELOAD", preload, 1);
	execvp(argv[0], argv);
	fprintf(stderr, "launch: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status, fd;

	if (argc < 5) {
		fputs("usage: launch FD SECONDS PRELOAD PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	fd = atoi(argv[1]);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	child = fork();
	if (child < 0) {
		perror("launch: fork");
		return 1;
	}
	if (!child)
		run(argv[3], argv + 4);
	setpgid(child, child);
	signal(SIGALRM, on_alarm);
	alarm((unsigned int)atoi(argv[2]));
	while (wait4(child, &status, 0, &usage) < 0)
		if (errno != EINTR)
			return 1;
	status = out_of_time ? 128 + SIGALRM :
		 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	dprintf(fd, "cpu_us=%lld rss_kb=%ld status=%d\n",
		(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
			usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
		usage.ru_maxrss, status);
	return 0;
}
