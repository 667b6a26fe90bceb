// SPDX-License-Identifier: MIT
/*
 * spanheap run: start a program on libspanheap, by LD_PRELOAD.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spanheap.h>
#include "command.h"
#include "program.h"

#define LIBRARY	"libspanheap.so.1"

/* Does the loader know the library by its name? Tried where it does no harm. */
static int loader_finds(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return 0;
	if (!child)
		_exit(dlopen(LIBRARY, RTLD_LAZY) ? 0 : 1);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/*
 * Beside this program, as in a build tree; in ../lib, as when it is installed
 * below some prefix; else wherever the loader looks.
 */
static int find_library(char path[static PATH_MAX])
{
	static const char *const beside[] = { "/", "/../lib/" };
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *dir;

	if (len > 0) {
		self[len] = '\0';
		dir = dirname(self);
		for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
			int n = snprintf(path, PATH_MAX, "%s%s" LIBRARY, dir, beside[i]);

			if (n < PATH_MAX && !access(path, R_OK))
				return 0;
		}
	}
	strcpy(path, LIBRARY);
	return loader_finds() ? 0 : -1;
}

/* In front of what is preloaded already: the first malloc wins. */
static int preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *value;
	int ret;

	if (!old || !*old)
		return setenv("LD_PRELOAD", library, 1);
	if (asprintf(&value, "%s:%s", library, old) < 0)
		return -1;
	ret = setenv("LD_PRELOAD", value, 1);
	free(value);
	return ret;
}

static int set_mode(const char *mode)
{
	for (unsigned int i = 0; spanheap_release_name(i); i++) {
		if (!strcmp(mode, spanheap_release_name(i)))
			return setenv("SPANHEAP_RELEASE", mode, 1);
	}
	errno = EINVAL;
	return -1;
}

static int run(int argc, char **argv)
{
	static const char release[] = "--release=";
	char library[PATH_MAX];
	const char *what;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (strncmp(argv[i], release, strlen(release)))
			return usage_error(&run_command, "unknown option '%s'", argv[i]);
		if (set_mode(argv[i] + strlen(release)))
			return usage_error(&run_command,
				"'%s' is no release mode: handover, free, dontneed or keep",
				argv[i] + strlen(release));
	}
	if (i == argc)
		return usage_error(&run_command, "which program?");
	if (find_library(library)) {
		failure(&run_command, LIBRARY " is neither beside this program, nor in "
			"../lib, nor where the loader looks");
		return EXIT_NOT_STARTED;
	}
	if (strpbrk(library, ": ")) {
		failure(&run_command, "the loader cannot preload '%s': a colon or a space "
			"is in its path", library);
		return EXIT_NOT_STARTED;
	}
	if (preload(library)) {
		failure(&run_command, "cannot set LD_PRELOAD: %s", strerror(errno));
		return EXIT_NOT_STARTED;
	}
	what = program_ignores_preload(argv[i]);
	if (what)
		failure(&run_command, "'%s' is %s: it keeps its own malloc", argv[i], what);
	execvp(argv[i], argv + i);
	failure(&run_command, "cannot run '%s': %s", argv[i], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

const struct command run_command = {
	.name = "run",
	.synopsis = "[--release=MODE] [--] PROGRAM [ARGUMENT...]",
	.summary = "start a program on libspanheap",
	.help =
"Starts PROGRAM with libspanheap in place of its malloc, by LD_PRELOAD; what is\n"
"preloaded already stays. MODE says what becomes of memory that is free:\n"
"\n"
"  handover  marked idle; goes when memory is short (default with spanheap.ko)\n"
"  free      MADV_FREE: cheap, but stays in RSS until memory is short\n"
"  dontneed  MADV_DONTNEED, in the background (default without spanheap.ko)\n"
"  keep      nothing\n"
"\n"
"Set-user-ID and statically linked programs keep their own malloc; you are told.\n"
"Exit status: that of PROGRAM; 125 when libspanheap is not found, 126 when\n"
"PROGRAM cannot be run, 127 when there is none of that name.\n",
	.run = run,
};
