// SPDX-License-Identifier: MIT
/*
 * The spanheap command: finds the subcommand, prints help. What the subcommands
 * do is in files of their own; what they tell comes through the library's public
 * API. Described in Documentation/spanheap.md.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

#define VERSION	"0.1"

static const struct command *const commands[] = {
	&run_command,
	&stat_command,
	&list_command,
	&reclaim_command,
	&watch_command,
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void report(const struct command *cmd, const char *fmt, va_list ap)
{
	fprintf(stderr, "spanheap %s: ", cmd->name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void failure(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(cmd, fmt, ap);
	va_end(ap);
}

int usage_error(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(cmd, fmt, ap);
	va_end(ap);
	fprintf(stderr, "usage: spanheap %s %s\n", cmd->name, cmd->synopsis);
	return EXIT_USAGE;
}

static void print_help(FILE *out)
{
	fputs("usage: spanheap COMMAND [ARGUMENT...]\n\n", out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-7s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nspanheap COMMAND --help tells more about one; spanheap --version\n"
	      "which one this is.\n", out);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		printf("usage: spanheap %s %s\n\n%s", cmd->name, cmd->synopsis, cmd->help);
		return 0;
	}
	return cmd->run(argc, argv);
}

/* What was printed and did not get out is no success. */
static int flushed(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		perror("spanheap: cannot write");
		return status ? status : EXIT_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return flushed(0);
	}
	if (!strcmp(argv[1], "--version")) {
		puts("spanheap " VERSION);
		return flushed(0);
	}
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (!strcmp(argv[1], commands[i]->name))
			return flushed(run(commands[i], argc - 1, argv + 1));
	}
	fprintf(stderr, "spanheap: no command '%s'; spanheap --help lists them\n", argv[1]);
	return EXIT_USAGE;
}
