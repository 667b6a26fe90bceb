// SPDX-License-Identifier: MIT
/*
 * The spanheap command as a person meets it: help, errors, exit statuses, and
 * what run hands on to a program.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include "kselftest_harness.h"
#include "capture.h"

/* This program is also one that allocates and shows its mappings: --maps. */
__attribute__((constructor)) static void maybe_maps(int argc, char **argv)
{
	char buf[16384], *volatile object;
	ssize_t n;
	int fd;

	if (argc < 2 || strcmp(argv[1], "--maps"))
		return;
	object = malloc(100);
	free(object);
	fd = open("/proc/self/maps", O_RDONLY);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(1, buf, (size_t)n) != n)
			exit(1);
	exit(0);
}

static char *number(char buf[16], int n)
{
	snprintf(buf, 16, "%d", n);
	return buf;
}

TEST(help_and_version)
{
	struct capture c;

	CAPTURE(&c, "--help");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "run"));
	EXPECT_NE(NULL, strstr(c.out, "stat"));
	EXPECT_NE(NULL, strstr(c.out, "reclaim"));
	EXPECT_STREQ("", c.err);
	CAPTURE(&c, "--version");
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(0, strncmp(c.out, "spanheap ", 9));
	CAPTURE(&c, "stat", "--help");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "--json"));
	CAPTURE(&c, "run", "--help");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "dontneed"));
}

TEST(wrong_usage)
{
	/* What is typed, and what the answer names. */
	static const struct {
		char *args[3];
		const char *named;
	} cases[] = {
		{ { NULL }, "COMMAND" },
		{ { "frobnicate" }, "'frobnicate'" },
		{ { "--jsom" }, "'--jsom'" },
		{ { "run" }, "which program" },
		{ { "run", "--" }, "which program" },
		{ { "run", "--release=sometimes", "true" }, "'sometimes'" },
		{ { "run", "--release", "true" }, "'--release'" },
		{ { "stat", "--xml" }, "'--xml'" },
		{ { "stat", "1", "x" }, "'x'" },
		{ { "stat", "0" }, "'0'" },
		{ { "stat", "-1" }, "'-1'" },
		{ { "stat", "12x" }, "'12x'" },
		{ { "stat", " 1" }, "' 1'" },
		{ { "stat", "" }, "''" },
		{ { "stat", "99999999999999999999" }, "'99999999999999999999'" },
	};
	struct capture c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CAPTURE(&c, cases[i].args[0], cases[i].args[1], cases[i].args[2]);
		EXPECT_EQ(2, c.status)
			TH_LOG("case %zu", i);
		EXPECT_NE(NULL, strstr(c.err, cases[i].named))
			TH_LOG("case %zu: %s", i, c.err);
		EXPECT_STREQ("", c.out);
	}
}

TEST(processes_that_cannot_be_asked)
{
	struct capture c;
	char pid[16];
	siginfo_t info;
	pid_t zombie = fork();

	if (!zombie)
		_exit(0);
	waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT);
	CAPTURE(&c, "stat", number(pid, zombie));
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "has no memory of its own"));
	waitpid(zombie, NULL, 0);
	CAPTURE(&c, "stat", number(pid, zombie));
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "there is no process"));
	EXPECT_NE(NULL, strstr(c.err, pid));
	EXPECT_STREQ("", c.out);
}

TEST(a_stranger_may_not_look)
{
	struct capture c;
	char pid[16];

	if (geteuid())
		SKIP(return, "only root can become somebody else");
	number(pid, getpid());
	if (!fork()) {
		if (setgid(65534) || setuid(65534))
			_exit(9);
		CAPTURE(&c, "stat", pid);
		_exit(c.status != 1 || !strstr(c.err, "may not be looked at") ||
		      !strstr(c.err, "root") || c.out[0]);
	}
	int status;

	wait(&status);
	EXPECT_EQ(0, status);
}

TEST(nowhere_to_write)
{
	struct capture c;
	char *const argv[] = {
		"sh", "-c", "\"$0\" stat >/dev/full", (char *)spanheap(), NULL
	};

	capture(&c, argv);
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "No space left on device"));
}

TEST(run_hands_on_the_exit_status)
{
	struct capture c;

	CAPTURE(&c, "run", "--", "sh", "-c", "exit 41");
	EXPECT_EQ(41, c.status);
	/* the shell of a guest is static, and that is told */
	if (!strstr(c.err, "statically linked"))
		EXPECT_STREQ("", c.err);
	CAPTURE(&c, "run", "sh", "-c", "echo $1", "x", "--help");
	EXPECT_EQ(0, c.status);
	EXPECT_STREQ("--help\n", c.out);
}

TEST(run_says_what_cannot_be_run)
{
	char name[] = "/tmp/spanheap.XXXXXX";
	int fd = mkstemp(name);
	struct capture c;

	CAPTURE(&c, "run", "no-such-program-anywhere");
	EXPECT_EQ(127, c.status);
	EXPECT_NE(NULL, strstr(c.err, "no-such-program-anywhere"));
	CAPTURE(&c, "run", "--", name);
	EXPECT_EQ(126, c.status);
	EXPECT_NE(NULL, strstr(c.err, "Permission denied"));
	EXPECT_EQ(1, count_lines(c.err));
	close(fd);
	unlink(name);
}

TEST(run_preloads_in_front)
{
	struct capture c;

	unsetenv("LD_PRELOAD");
	unsetenv("SPANHEAP_RELEASE");
	CAPTURE(&c, "run", "--", "sh", "-c", "echo \"$LD_PRELOAD $SPANHEAP_RELEASE.\"");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "libspanheap.so.1 ."));
	setenv("LD_PRELOAD", "libc.so.6", 1);
	CAPTURE(&c, "run", "--release=free", "--", "sh", "-c",
		"echo \"$LD_PRELOAD $SPANHEAP_RELEASE.\"");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "libspanheap.so.1:libc.so.6 free."));
}

TEST(run_really_replaces_malloc)
{
	struct capture c;

	char self[4096] = "";

	ASSERT_GT(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	CAPTURE(&c, "run", "--", self, "--maps");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "libspanheap.so.1"));
	/* Nobody uses the break any more. */
	EXPECT_EQ(NULL, strstr(c.out, "[heap]"));
}

TEST(run_says_who_keeps_his_own_malloc)
{
	char name[] = "/tmp/spanheap.XXXXXX", self[4096] = "", text[8192];
	struct capture c;
	ssize_t n;
	int from, to;

	CAPTURE(&c, "run", "--", "busybox", "true");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.err, "'busybox' is statically linked"));
	EXPECT_EQ(1, count_lines(c.err));

	ASSERT_GT(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	CAPTURE(&c, "run", "--", self, "--maps");
	EXPECT_STREQ("", c.err);
	if (geteuid())
		return;
	from = open(self, O_RDONLY);
	to = mkstemp(name);
	while ((n = read(from, text, sizeof(text))) > 0)
		ASSERT_EQ(n, write(to, text, (size_t)n));
	ASSERT_EQ(0, fchown(to, 65534, 65534));
	ASSERT_EQ(0, fchmod(to, 04755));
	close(to);
	close(from);
	CAPTURE(&c, "run", "--", name, "--maps");
	EXPECT_NE(NULL, strstr(c.err, "is set-user-ID"));
	unlink(name);
}

TEST(bad_options_are_told_once)
{
	struct capture c;

	setenv("SPANHEAP_RELEASE", "sometimes", 1);
	CAPTURE(&c, "stat", "--json");
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(1, count_lines(c.err));
	EXPECT_NE(NULL, strstr(c.err, "SPANHEAP_RELEASE=sometimes"));
	EXPECT_NE(NULL, strstr(c.err, "handover, free, dontneed or keep"));
}

TEST(which_backend_is_told_who_asks)
{
	bool device = !access("/dev/spanheap", R_OK | W_OK);
	struct capture c;

	setenv("SPANHEAP_BACKEND", "device", 1);
	CAPTURE(&c, "stat", "--json");
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(!device, !!strstr(c.err, "no use of /dev/spanheap: No such file"));
	EXPECT_EQ(!device, count_lines(c.err));
	unsetenv("SPANHEAP_BACKEND");
	CAPTURE(&c, "stat", "--json");
	EXPECT_STREQ("", c.err);
	setenv("SPANHEAP_VERBOSE", "1", 1);
	CAPTURE(&c, "stat", "--json");
	EXPECT_STREQ(device ? "spanheap: backend device\n" : "spanheap: backend procfs\n", c.err);
}

TEST_HARNESS_MAIN
