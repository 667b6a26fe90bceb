// SPDX-License-Identifier: MIT
/*
 * spanheap reclaim: order a process to give back memory, now.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <spanheap.h>
#include "arguments.h"
#include "command.h"

static void explain(pid_t pid, int error)
{
	switch (error) {
	case ESRCH:
		failure(&reclaim_command, "there is no process %d, or it has no memory of its own",
			pid);
		break;
	case EPERM:
		failure(&reclaim_command, "process %d may not be given orders: that takes root "
			"(CAP_SYS_ADMIN)", pid);
		break;
	case ENOENT:
		failure(&reclaim_command, "process %d has no heap that spanheap.ko knows", pid);
		break;
	case EOPNOTSUPP:
		failure(&reclaim_command, "there is no spanheap.ko, or one without orders");
		break;
	default:
		failure(&reclaim_command, "process %d: %s", pid, strerror(error));
	}
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static int reclaim_run(int argc, char **argv)
{
	struct spanheap_reclaimed got;
	bool json = false, options = true;
	uint64_t bytes = 0;
	pid_t pid = 0;

	for (int i = 1; i < argc; i++) {
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (options && !strcmp(argv[i], "--json"))
			json = true;
		else if (options && argv[i][0] == '-')
			return usage_error(&reclaim_command, "unknown option '%s'", argv[i]);
		else if (bytes)
			return usage_error(&reclaim_command, "one order at a time");
		else if (pid && parse_size(argv[i], &bytes))
			return usage_error(&reclaim_command, "'%s' is no size", argv[i]);
		else if (!pid && parse_pid(argv[i], &pid))
			return usage_error(&reclaim_command, "'%s' is no process ID", argv[i]);
	}
	if (!pid || !bytes)
		return usage_error(&reclaim_command, "which process, and how much?");
	if (spanheap_reclaim(pid, bytes, &got, sizeof(got))) {
		explain(pid, errno);
		return EXIT_FAILED;
	}
	if (json)
		printf("{\"pid\": %d, \"bytes\": %" PRIu64 ", \"taken\": %" PRIu64
		       ", \"asked\": %" PRIu64 "}\n", pid, bytes, got.taken, got.asked);
	else
		printf("process %d: %.1f MiB went at once, %.1f MiB asked for\n", pid,
		       mib(got.taken), mib(got.asked));
	return 0;
}

const struct command reclaim_command = {
	.name = "reclaim",
	.synopsis = "[--json] PID BYTES[K|M|G]",
	.summary = "order a process to give back memory",
	.help =
"Has process PID give back so many bytes, now: what it has handed over goes at\n"
"once, the coldest first; for the rest it is asked by a hint, upon which its\n"
"library releases what is free and its callbacks are called. Needs spanheap.ko.\n"
"\n"
"  --json  in bytes: pid, bytes, taken, asked\n"
"\n"
"Exit status: 0; 1 when there is no such process, it has no heap, or it may not\n"
"be given orders; 2 when the arguments are wrong.\n",
	.run = reclaim_run,
};
