// SPDX-License-Identifier: MIT
/*
 * spanheap stat: the ledgers of processes. Arguments and errors; stat_table.c and
 * stat_json.c print.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanheap.h>
#include "arguments.h"
#include "command.h"
#include "stat.h"

const struct figure figure_table[NR_FIGURES] = {
	{ "rss", "rss", "resident memory, all told",
	  offsetof(struct spanheap_figures, rss), true, false },
	{ "in_use", "in use", "holds objects of the heap, or is kept for the next",
	  offsetof(struct spanheap_figures, in_use), true, true },
	{ "idle", "idle", "handed over: goes when memory is short",
	  offsetof(struct spanheap_figures, idle), true, true },
	{ "lazyfree", "lazily freed", "given back by MADV_FREE, still resident",
	  offsetof(struct spanheap_figures, lazyfree), true, false },
	{ "taken", "taken", "given back by MADV_FREE, gone (or never touched)",
	  offsetof(struct spanheap_figures, taken), false, true },
	{ "freed", "freed", "given back by MADV_DONTNEED, gone",
	  offsetof(struct spanheap_figures, freed), false, true },
	{ "revoked", "revoked", "taken by the module, gone",
	  offsetof(struct spanheap_figures, revoked), false, true },
	{ "swapped", "swapped", "on swap",
	  offsetof(struct spanheap_figures, swapped), false, false },
	{ "other", "other", "code, files, stacks, memory outside the heap",
	  offsetof(struct spanheap_figures, other), true, false },
};

uint64_t figure_value(const struct spanheap_figures *f, const struct figure *what)
{
	return *(const uint64_t *)((const char *)f + what->offset);
}

static void explain(pid_t pid, int error)
{
	char path[32];

	switch (error) {
	case ESRCH:
		snprintf(path, sizeof(path), "/proc/%d", pid);
		if (access(path, F_OK))
			failure(&stat_command, "there is no process %d", pid);
		else
			failure(&stat_command, "process %d has no memory of its own: "
				"a kernel thread, or it has ended", pid);
		break;
	case EPERM:
		failure(&stat_command, "process %d may not be looked at: that takes its "
			"own user (and a process that allows it), or root "
			"(CAP_SYS_PTRACE)", pid);
		break;
	case ENOENT:
		failure(&stat_command, "there is neither spanheap.ko nor /proc to ask");
		break;
	default:
		failure(&stat_command, "process %d: %s", pid, strerror(error));
	}
}

static int show(const pid_t *pids, size_t nr, bool json, bool nodes)
{
	struct spanheap_report *reports = calloc(nr, sizeof(*reports));
	int *errors = calloc(nr, sizeof(*errors));
	int status = EXIT_FAILED;

	if (!reports || !errors ||
	    spanheap_ledgers(pids, reports, errors, nr, sizeof(*reports))) {
		failure(&stat_command, "%s", strerror(errno));
		goto out;
	}
	status = 0;
	for (size_t i = 0; i < nr; i++) {
		if (errors[i]) {
			explain(pids[i], errors[i]);
			status = EXIT_FAILED;
		} else if (json) {
			stat_print_json(pids[i], &reports[i]);
		} else {
			if (i)
				putchar('\n');
			stat_print_table(pids[i], &reports[i], nodes);
		}
	}
out:
	free(reports);
	free(errors);
	return status;
}

static int stat_run(int argc, char **argv)
{
	bool json = false, nodes = false, options = true;
	pid_t *pids = calloc((size_t)argc, sizeof(*pids));
	size_t nr = 0;
	int status = 0;

	if (!pids) {
		failure(&stat_command, "%s", strerror(errno));
		return EXIT_FAILED;
	}
	for (int i = 1; i < argc && !status; i++) {
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (options && !strcmp(argv[i], "--json"))
			json = true;
		else if (options && !strcmp(argv[i], "--nodes"))
			nodes = true;
		else if (options && argv[i][0] == '-')
			status = usage_error(&stat_command, "unknown option '%s'", argv[i]);
		else if (parse_pid(argv[i], &pids[nr++]))
			status = usage_error(&stat_command, "'%s' is no process ID", argv[i]);
	}
	if (!nr)
		pids[nr++] = getpid();
	if (!status)
		status = show(pids, nr, json, nodes);
	free(pids);
	return status;
}

const struct command stat_command = {
	.name = "stat",
	.synopsis = "[--json] [--nodes] [PID...]",
	.summary = "where the memory of a process is",
	.help =
"Prints the ledger of each process PID, which need not know of spanheap; without\n"
"PID that of this command itself. Many are asked at once, by io_uring if it is there.\n"
"Exact with spanheap.ko; without it, what /proc can tell, and the rest is unknown.\n"
"\n"
"  --json   a line each, in bytes: pid, backend, exact, rss, in_use, idle,\n"
"           lazyfree, taken, freed, revoked, swapped, other, nodes\n"
"  --nodes  one column more for each NUMA node\n"
"\n"
"Exit status: 0; 1 when one of them is no process or may not be looked at; 2 when\n"
"the arguments are wrong.\n",
	.run = stat_run,
};
