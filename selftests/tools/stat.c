// SPDX-License-Identifier: MIT
/*
 * spanheap stat against smaps: of a process that never heard of spanheap, and
 * of one that was started by spanheap run and has freed most of its heap. This
 * program is that process too: --eat BYTES FREED.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "kselftest_harness.h"
#include "capture.h"

#define MIB	(1024 * 1024LL)
#define OBJECT	(64 * 1024)
#define SLACK	(12 * MIB)

#define KEPT	(40 * MIB)
#define FREED	(160 * MIB)

/* Allocates, frees, says so, and stays until it is killed. */
static void eat(void)
{
	static char *objects[(KEPT + FREED) / OBJECT];
	const size_t nr = sizeof(objects) / sizeof(objects[0]);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < nr; i++) {
		objects[i] = malloc(OBJECT);
		memset(objects[i], 1, OBJECT);
	}
	for (size_t i = KEPT / OBJECT; i < nr; i++)
		free(objects[i]);
	if (write(1, "ready\n", 6) != 6)
		exit(1);
	for (;;)
		pause();
}

__attribute__((constructor)) static void maybe_eat(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--eat"))
		eat();
}

/* A process in the state that eat() leaves it in. */
static pid_t start_eater(const char *mode)
{
	char option[32], self[4096], word[8] = "";
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fds[2];
	pid_t pid;

	if (len < 0 || pipe2(fds, O_CLOEXEC))
		return -1;
	self[len] = '\0';
	snprintf(option, sizeof(option), "--release=%s", mode);
	setenv("SPANHEAP_DELAY_MS", "50", 1);
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		execlp(spanheap(), "spanheap", "run", option, "--", self, "--eat", NULL);
		_exit(99);
	}
	close(fds[1]);
	if (read(fds[0], word, 6) != 6 || strcmp(word, "ready\n")) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(fds[0]);
	return pid;
}

static long long smaps_field(pid_t pid, const char *field)
{
	char path[64], line[256];
	size_t len = strlen(field);
	long long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, len) && line[len] == ':')
			kib = strtoll(line + len + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return kib * 1024;
}

static bool exact(const struct capture *c)
{
	return strstr(c->out, "\"exact\": true") != NULL;
}

static bool have_device(void)
{
	return !access("/dev/spanheap", R_OK | W_OK);
}

static void ask(struct capture *c, pid_t pid)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	CAPTURE(c, "stat", "--json", number);
}

/* Asks until a figure lies within @SLACK of @want, at most 30 s. */
static bool eventually(struct capture *c, pid_t pid, const char *key, long long want)
{
	for (int i = 0; i < 600; i++) {
		long long is;

		ask(c, pid);
		is = json_number(c->out, key);
		if (is > want - SLACK && is < want + SLACK)
			return true;
		poll(NULL, 0, 50);
	}
	return false;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(keys)
{
	static const char *const figures[] = {
		"rss", "in_use", "idle", "lazyfree", "taken", "freed", "revoked",
		"swapped", "other",
	};
	struct capture c;
	long long sum;

	CAPTURE(&c, "stat", "--json");
	ASSERT_EQ(0, c.status);
	EXPECT_EQ(1, count_lines(c.out));
	EXPECT_GT(json_number(c.out, "pid"), 0);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		EXPECT_GE(json_number(c.out, figures[i]), 0)
			TH_LOG("%s", figures[i]);
	}
	EXPECT_NE(NULL, strstr(c.out, have_device() ? "\"backend\": \"device\"" :
						      "\"backend\": \"procfs\""));
	EXPECT_EQ(have_device(), exact(&c));
	EXPECT_NE(NULL, strstr(c.out, have_device() ? "\"nodes\": [{\"node\": 0, \"rss\": " :
						      "\"nodes\": []"));
	sum = json_number(c.out, "in_use") + json_number(c.out, "idle") +
	      json_number(c.out, "lazyfree") + json_number(c.out, "other");
	EXPECT_EQ(sum, json_number(c.out, "rss"));
}

TEST(no_module_wanted)
{
	struct capture c;

	setenv("SPANHEAP_BACKEND", "procfs", 1);
	CAPTURE(&c, "stat", "--json");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "\"backend\": \"procfs\""));
	EXPECT_FALSE(exact(&c));
}

TEST(a_process_that_never_heard_of_it)
{
	struct capture c;
	long long lazyfree;
	int status;
	pid_t pid = fork();

	if (!pid) {
		char *p = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(p, 1, 64 * MIB);
		madvise(p, 16 * MIB, MADV_FREE);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, &status, WUNTRACED);
	lazyfree = smaps_field(pid, "LazyFree");
	ask(&c, pid);
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(pid, json_number(c.out, "pid"));
	EXPECT_EQ(smaps_field(pid, "Rss"), json_number(c.out, "rss"));
	/* smaps lags by what waits in per-CPU batches. */
	EXPECT_GE(json_number(c.out, "lazyfree"), lazyfree);
	EXPECT_GT(json_number(c.out, "lazyfree"), 15 * MIB);
	EXPECT_EQ(0, json_number(c.out, "in_use"));
	EXPECT_EQ(0, json_number(c.out, "idle"));
	stop(pid);
}

TEST(the_table)
{
	struct capture c;

	CAPTURE(&c, "stat", "--nodes");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, have_device() ? "exact, by spanheap.ko" :
						      "without spanheap.ko"));
	EXPECT_NE(NULL, strstr(c.out, "lazily freed"));
	EXPECT_NE(NULL, strstr(c.out, "not resident:"));
	EXPECT_NE(NULL, strstr(c.out, have_device() ? "node 0" : "nodes: unknown"));
}

FIXTURE(eater)
{
	pid_t pid;
};

FIXTURE_SETUP(eater)
{
	self->pid = -1;
}

FIXTURE_TEARDOWN(eater)
{
	if (self->pid > 0)
		stop(self->pid);
}

TEST_F(eater, handover)
{
	struct capture c;

	if (!have_device())
		SKIP(return, "no spanheap.ko: pages of others are not known");
	self->pid = start_eater("handover");
	ASSERT_GT(self->pid, 0);
	EXPECT_TRUE(eventually(&c, self->pid, "idle", FREED))
		TH_LOG("%s", c.out);
	EXPECT_GT(json_number(c.out, "rss"), KEPT + FREED);
	EXPECT_GT(json_number(c.out, "in_use"), KEPT - SLACK);
	EXPECT_LT(json_number(c.out, "in_use"), KEPT + SLACK);
	EXPECT_EQ(0, json_number(c.out, "lazyfree"));
	kill(self->pid, SIGSTOP);
	waitpid(self->pid, NULL, WUNTRACED);
	ask(&c, self->pid);
	EXPECT_EQ(smaps_field(self->pid, "Rss"), json_number(c.out, "rss"));
}

TEST_F(eater, free)
{
	struct capture c;

	self->pid = start_eater("free");
	ASSERT_GT(self->pid, 0);
	EXPECT_TRUE(eventually(&c, self->pid, "lazyfree", FREED))
		TH_LOG("%s", c.out);
	/* What top shows has not moved. */
	EXPECT_GT(smaps_field(self->pid, "Rss"), KEPT + FREED);
	if (have_device())
		EXPECT_LT(json_number(c.out, "in_use"), KEPT + SLACK);
}

TEST_F(eater, dontneed)
{
	struct capture c;

	self->pid = start_eater("dontneed");
	ASSERT_GT(self->pid, 0);
	EXPECT_TRUE(eventually(&c, self->pid, "rss", KEPT))
		TH_LOG("%s", c.out);
	EXPECT_LT(smaps_field(self->pid, "Rss"), KEPT + SLACK);
	EXPECT_EQ(0, json_number(c.out, "lazyfree"));
	if (have_device())
		EXPECT_GT(json_number(c.out, "freed"), FREED - SLACK);
}

/* It has not told the module of its heap, which then is like anybody's memory. */
TEST_F(eater, on_its_own)
{
	struct capture c;

	setenv("SPANHEAP_BACKEND", "procfs", 1);
	self->pid = start_eater("dontneed");
	unsetenv("SPANHEAP_BACKEND");
	ASSERT_GT(self->pid, 0);
	EXPECT_TRUE(eventually(&c, self->pid, "rss", KEPT))
		TH_LOG("%s", c.out);
	EXPECT_EQ(have_device(), exact(&c));
	EXPECT_EQ(0, json_number(c.out, "in_use"));
	EXPECT_EQ(0, json_number(c.out, "freed"));
	EXPECT_EQ(json_number(c.out, "rss"), json_number(c.out, "other"));
}

TEST_F(eater, keep)
{
	struct capture c;

	self->pid = start_eater("keep");
	ASSERT_GT(self->pid, 0);
	ask(&c, self->pid);
	EXPECT_GT(json_number(c.out, "rss"), KEPT + FREED);
	EXPECT_EQ(0, json_number(c.out, "idle"));
	EXPECT_EQ(0, json_number(c.out, "lazyfree"));
	EXPECT_EQ(0, json_number(c.out, "freed"));
}

TEST_HARNESS_MAIN
