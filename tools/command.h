/* SPDX-License-Identifier: MIT */
/*
 * A subcommand of the spanheap command: a file of its own and a line in the
 * table of main.c.
 */
#ifndef SPANHEAP_TOOLS_COMMAND_H
#define SPANHEAP_TOOLS_COMMAND_H

/* Exit statuses, besides 0. */
#define EXIT_FAILED		1
#define EXIT_USAGE		2
/* As env(1), nice(1) and their like have them. */
#define EXIT_NOT_STARTED	125	/* we failed before the program was tried */
#define EXIT_CANNOT_EXECUTE	126
#define EXIT_NOT_FOUND		127

/**
 * struct command - a subcommand
 * @name: as it is typed
 * @synopsis: its arguments, for usage lines
 * @summary: one line for the list of commands
 * @help: what --help says below the usage line
 * @run: gets the arguments from its own name on; returns the exit status
 */
struct command {
	const char *name;
	const char *synopsis;
	const char *summary;
	const char *help;
	int (*run)(int argc, char **argv);
};

extern const struct command list_command;
extern const struct command reclaim_command;
extern const struct command run_command;
extern const struct command stat_command;
extern const struct command watch_command;

/** usage_error() - an argument is wrong: say so, and how to get help */
__attribute__((format(printf, 2, 3)))
int usage_error(const struct command *cmd, const char *fmt, ...);

/** failure() - something went wrong: say so on stderr */
__attribute__((format(printf, 2, 3)))
void failure(const struct command *cmd, const char *fmt, ...);

#endif /* SPANHEAP_TOOLS_COMMAND_H */
