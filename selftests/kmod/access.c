// SPDX-License-Identifier: MIT
/*
 * Who may look at whom by PID. A target of some user is asked about by askers
 * of other kinds. Needs root.
 */
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>

#include "kselftest_harness.h"

#include "device.h"
#include "parameter.h"

#define SOME_USER	1000
#define OTHER_USER	1001

/* Become another user; dumpable or not, as a program that chose so. */
static int become(uid_t user, gid_t group)
{
	return setgroups(0, NULL) || setresgid(group, group, group) ||
	       setresuid(user, user, user);
}

FIXTURE(access) {
	pid_t target;
	int alive;
};

FIXTURE_VARIANT(access) {
	bool dumpable;
};

FIXTURE_VARIANT_ADD(access, dumpable) {
	.dumpable = true,
};

FIXTURE_VARIANT_ADD(access, undumpable) {
	.dumpable = false,
};

FIXTURE_SETUP(access)
{
	int pipes[2];
	char byte;

	self->target = 0;
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, pipe(pipes));
	self->target = fork();
	if (!self->target) {
		if (become(SOME_USER, SOME_USER))
			_exit(1);
		prctl(PR_SET_DUMPABLE, variant->dumpable);
		write(pipes[1], "", 1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pipes[0], &byte, 1));
}

FIXTURE_TEARDOWN(access)
{
	if (self->target > 0) {
		kill(self->target, SIGKILL);
		waitpid(self->target, NULL, 0);
	}
}

/* 0 or the errno that a user gets who asks about the target. */
static int ask(pid_t target, uid_t user, gid_t group)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct spanheap_ledger ledger;
		int fd;

		if (become(user, group))
			_exit(100);
		fd = device_open();
		if (fd < 0)
			_exit(101);
		_exit(-device_ledger(fd, &ledger, SPANHEAP_SCOPE_PID,
				     target ? target : getpid()));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(access, by_root)
{
	EXPECT_EQ(0, ask(self->target, 0, 0));
}

TEST_F(access, by_the_same_user)
{
	EXPECT_EQ(variant->dumpable ? 0 : EPERM, ask(self->target, SOME_USER, SOME_USER));
}

TEST_F(access, by_the_same_user_in_another_group)
{
	EXPECT_EQ(EPERM, ask(self->target, SOME_USER, OTHER_USER));
}

TEST_F(access, by_another_user)
{
	EXPECT_EQ(EPERM, ask(self->target, OTHER_USER, OTHER_USER));
}

TEST_F(access, of_oneself)
{
	EXPECT_EQ(0, ask(0, OTHER_USER, OTHER_USER));
}

TEST_F(access, of_init_by_a_user)
{
	EXPECT_EQ(EPERM, ask(1, SOME_USER, SOME_USER));
}

TEST_F(access, of_a_kernel_thread)
{
	EXPECT_EQ(ESRCH, ask(2, 0, 0));
}

TEST_F(access, by_the_same_user_when_turned_off)
{
	ASSERT_EQ(0, parameter_set("same_user", "N"));
	EXPECT_EQ(EPERM, ask(self->target, SOME_USER, SOME_USER));
	EXPECT_EQ(0, ask(self->target, 0, 0));
	EXPECT_EQ(0, ask(0, SOME_USER, SOME_USER));
	ASSERT_EQ(0, parameter_set("same_user", "Y"));
	EXPECT_EQ(variant->dumpable ? 0 : EPERM, ask(self->target, SOME_USER, SOME_USER));
}

TEST_HARNESS_MAIN
