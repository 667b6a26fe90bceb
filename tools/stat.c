// SPDX-License-Identifier: MIT
/*
 * spanheap stat: the ledger of a process. Arguments and errors; stat_table.c and
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

static int stat_run(int argc, char **argv)
{
	struct spanheap_report report;
	bool json = false, nodes = false, options = true;
	pid_t pid = 0;

	for (int i = 1; i < argc; i++) {
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (options && !strcmp(argv[i], "--json"))
			json = true;
		else if (options && !strcmp(argv[i], "--nodes"))
			nodes = true;
		else if (options && argv[i][0] == '-')
			return usage_error(&stat_command, "unknown option '%s'", argv[i]);
		else if (pid)
			return usage_error(&stat_command, "one process at a time");
		else if (parse_pid(argv[i], &pid))
			return usage_error(&stat_command, "'%s' is no process ID", argv[i]);
	}
	if (!pid)
		pid = getpid();
	if (spanheap_ledger(pid, &report, sizeof(report))) {
		explain(pid, errno);
		return EXIT_FAILED;
	}
	if (json)
		stat_print_json(pid, &report);
	else
		stat_print_table(pid, &report, nodes);
	return 0;
}

const struct command stat_command = {
	.name = "stat",
	.synopsis = "[--json] [--nodes] [PID]",
	.summary = "where the memory of a process is",
	.help =
"Prints the ledger of process PID, which need not know of spanheap; without PID\n"
"that of this command itself. Exact with spanheap.ko; without it, what /proc can\n"
"tell, and the rest is unknown.\n"
"\n"
"  --json   in bytes: pid, backend, exact, rss, in_use, idle, lazyfree, taken,\n"
"           freed, revoked, swapped, other, nodes\n"
"  --nodes  one column more for each NUMA node\n"
"\n"
"Exit status: 0; 1 when there is no such process or it may not be looked at; 2\n"
"when the arguments are wrong.\n",
	.run = stat_run,
};
