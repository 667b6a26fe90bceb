// SPDX-License-Identifier: MIT
/*
 * What programs do to descriptors they do not know, and to themselves: the heap
 * goes on. With spanheap.ko the device is in force before each of these; without
 * it the same must work all the more.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "heapload.h"

/*
 * Before the next one, which starts the program anew: with a heap for each node the one
 * region that is allowed below may be another node's.
 */
__attribute__((constructor(102))) static void run_without_nodes(void)
{
	setenv("SPANHEAP_NODES", "0", 1);
}

RUN_WITH_DELAY("50")

/* The number of this process's open device, -1 when it has none. */
static int device_fd(void)
{
	DIR *dir = opendir("/proc/self/fd");
	char link[PATH_MAX];
	struct dirent *d;
	int found = -1;

	while (dir && found < 0 && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		if (!strcmp(link, "/dev/spanheap"))
			found = atoi(d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static const char *expected_backend(void)
{
	return have_device() ? "device" : "procfs";
}

/*
 * The heap outgrows its first reserve and opens the device, then its second one:
 * RESERVE_MIN of heap.c.
 */
#define FIRST	(48 * MIB)
#define SECOND	(96 * MIB)

/* A heap beyond its first reserve, half of it free, then again as large. */
static bool grow_twice(struct load *first, struct load *second)
{
	load_free(first, 0, first->nr / 2);
	return load_fill(second, SECOND) && load_intact(first) && load_intact(second);
}

FIXTURE(grown)
{
	struct load load;
	struct load more;
};

FIXTURE_SETUP(grown)
{
	ASSERT_TRUE(load_fill(&self->load, FIRST));
	ASSERT_STREQ(expected_backend(), spanheap_backend());
}

FIXTURE_TEARDOWN(grown)
{
	EXPECT_TRUE(load_intact(&self->load));
	EXPECT_TRUE(load_intact(&self->more));
}

TEST_F(grown, the_descriptor_is_out_of_the_way)
{
	int fd = device_fd();

	if (!have_device())
		SKIP(return, "no spanheap.ko");
	EXPECT_GT(fd, 255);
	EXPECT_LT(fd, 1024);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST_F(grown, all_descriptors_closed)
{
	ASSERT_EQ(0, close_range(3, ~0U, 0));
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	EXPECT_GE(FIGURE(rss), SECOND + FIRST / 2);
	EXPECT_STREQ("procfs", spanheap_backend());
	/* Nothing comes back behind the program's back. */
	EXPECT_EQ(-1, device_fd());
}

TEST_F(grown, the_number_reused_for_a_file)
{
	char name[] = "/tmp/spanheap.XXXXXX", text[16] = "";
	int file = mkstemp(name);
	int fd = device_fd();

	if (fd < 0)
		SKIP(return, "no spanheap.ko");
	ASSERT_EQ(fd, dup2(file, fd));
	ASSERT_EQ(5, write(fd, "mine\n", 5));
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	EXPECT_GE(FIGURE(rss), SECOND + FIRST / 2);
	/* Ours no more: neither closed nor changed. */
	EXPECT_EQ(5, pread(fd, text, sizeof(text), 0));
	EXPECT_STREQ("mine\n", text);
	unlink(name);
}

TEST_F(grown, the_number_reused_for_another_heap)
{
	int fd = device_fd();
	int other;

	if (fd < 0)
		SKIP(return, "no spanheap.ko");
	other = open("/dev/spanheap", O_RDWR | O_CLOEXEC);
	ASSERT_EQ(fd, dup2(other, fd));
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	EXPECT_GE(FIGURE(in_use), FIRST / 2);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
}

TEST_F(grown, a_child_is_right_and_gets_a_heap_of_its_own)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		bool right = load_intact(&self->load);

		/* Inherited objects are the child's to free. */
		right &= grow_twice(&self->load, &self->more);
		right &= !strcmp(expected_backend(), spanheap_backend());
		right &= load_intact(&self->load) && load_intact(&self->more);
		right &= FIGURE(rss) >= SECOND + FIRST / 2;
		_exit(!right);
	}
	load_free(&self->load, self->load.nr / 2, self->load.nr);
	EXPECT_TRUE(load_fill(&self->more, FIRST));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_STREQ(expected_backend(), spanheap_backend());
}

TEST_F_TIMEOUT(grown, children_while_pages_are_idle, 120)
{
	int status;

	load_free(&self->load, 0, self->load.nr / 2);
	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	ASSERT_TRUE(EVENTUALLY(FIGURE(idle) > FIRST / 2 - SLACK));
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(!load_fill(&self->more, 24 * MIB) ||
			      !load_intact(&self->load) || !load_intact(&self->more));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_GT(FIGURE(idle), FIRST / 2 - SLACK);
}

TEST_F(grown, a_spawned_program_is_no_fork)
{
	char *const argv[] = { "true", NULL };
	int status = -1;
	pid_t pid;

	ASSERT_EQ(0, posix_spawnp(&pid, "true", NULL, NULL, argv, environ));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	EXPECT_STREQ(expected_backend(), spanheap_backend());
}

/* Forks twice, leaves the session, closes everything, and goes on to work. */
TEST_F(grown, a_daemon)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setsid();
		pid = fork();
		if (pid) {
			waitpid(pid, &status, 0);
			_exit(status != 0);
		}
		for (int fd = sysconf(_SC_OPEN_MAX); fd >= 3; fd--)
			close(fd);
		_exit(chdir("/") || !grow_twice(&self->load, &self->more));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(grown, chroot_to_an_empty_directory)
{
	char dir[] = "/tmp/spanheap.XXXXXX";
	int status;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root may");
	ASSERT_NE(NULL, mkdtemp(dir));
	pid = fork();
	if (!pid) {
		struct spanheap_report report;

		if (chroot(dir) || chdir("/"))
			_exit(2);
		if (!grow_twice(&self->load, &self->more))
			_exit(3);
		/* Neither /dev nor /proc: an error, or the figures; no crash. */
		spanheap_ledger(0, &report, sizeof(report));
		_exit(strcmp("procfs", spanheap_backend()) ? 4 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	rmdir(dir);
}

TEST_F(grown, privileges_dropped)
{
	if (geteuid())
		SKIP(return, "only root has any");
	ASSERT_EQ(0, setgid(65534));
	ASSERT_EQ(0, setuid(65534));
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	EXPECT_GE(FIGURE(rss), SECOND + FIRST / 2);
	EXPECT_STREQ(expected_backend(), spanheap_backend());
}

/* From now on this system call is refused to the calling process. */
static bool forbid(unsigned int nr)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST(open_is_forbidden)
{
	struct load load, more;

	ASSERT_TRUE(forbid(SYS_openat));
	ASSERT_TRUE(load_fill(&load, FIRST));
	EXPECT_TRUE(grow_twice(&load, &more));
	EXPECT_STREQ("procfs", spanheap_backend());
}

TEST(ioctl_is_forbidden)
{
	struct load load, more;

	ASSERT_TRUE(forbid(SYS_ioctl));
	ASSERT_TRUE(load_fill(&load, FIRST));
	EXPECT_TRUE(grow_twice(&load, &more));
	EXPECT_STREQ("procfs", spanheap_backend());
	EXPECT_GE(FIGURE(rss), SECOND + FIRST / 2);
}

TEST_F(grown, ioctl_is_forbidden_later)
{
	ASSERT_TRUE(forbid(SYS_ioctl));
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	EXPECT_GE(FIGURE(rss), SECOND + FIRST / 2);
}

/* Nor is the module let do it. */
TEST_F(grown, madvise_is_forbidden)
{
	ASSERT_TRUE(forbid(SYS_madvise));
	ASSERT_TRUE(forbid(SYS_ioctl));
	EXPECT_TRUE(grow_twice(&self->load, &self->more));
	load_free(&self->more, 0, self->more.nr);
	EXPECT_EQ(0, spanheap_release_all());
}

TEST(threads_are_forbidden)
{
	struct load load, more;

	ASSERT_TRUE(forbid(SYS_clone3));
	ASSERT_TRUE(forbid(SYS_clone));
	ASSERT_TRUE(load_fill(&load, FIRST));
	EXPECT_TRUE(grow_twice(&load, &more));
	load_free(&more, 0, more.nr);
	EXPECT_GE(spanheap_release_all(), SECOND - SLACK);
}

/* The administrator allows one region: the rest of the heap is not the module's. */
TEST(more_than_the_module_takes)
{
	static const char limit[] = "/sys/module/spanheap/parameters/max_regions";
	int fd = open(limit, O_RDWR);
	struct load load, more;
	char old[16] = "";

	if (fd < 0 || read(fd, old, sizeof(old)) <= 0)
		SKIP(return, "no spanheap.ko, or not root");
	ASSERT_EQ(1, pwrite(fd, "1", 1, 0));
	EXPECT_TRUE(load_fill(&load, FIRST) && grow_twice(&load, &more));
	EXPECT_STREQ("device", spanheap_backend());
	EXPECT_GE(FIGURE(in_use), FIRST / 2);
	/* Handed over where the module knows it, released where it does not. */
	load_free(&load, 0, load.nr);
	load_free(&more, 0, more.nr);
	EXPECT_TRUE(EVENTUALLY(FIGURE(idle) > FIRST / 2 && FIGURE(rss) < SECOND));
	pwrite(fd, old, strlen(old), 0);
	close(fd);
}

TEST(a_small_program_opens_nothing)
{
	struct load load;

	ASSERT_TRUE(load_fill(&load, MIB));
	EXPECT_EQ(-1, device_fd());
}

TEST(hardly_any_descriptors_allowed)
{
	struct rlimit few = { 8, 8 };
	struct load load;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	ASSERT_TRUE(load_fill(&load, FIRST));
	EXPECT_TRUE(load_intact(&load));
	EXPECT_STREQ(expected_backend(), spanheap_backend());
	EXPECT_LT(device_fd(), 8);
}

TEST(no_descriptor_left)
{
	struct rlimit none = { 0, 0 };
	struct load load;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	ASSERT_TRUE(load_fill(&load, FIRST));
	EXPECT_TRUE(load_intact(&load));
	EXPECT_STREQ("procfs", spanheap_backend());
}

/* A program that starts with 0, 1 and 2 closed may expect to get them next. */
TEST(standard_descriptors_are_not_taken)
{
	struct load load;
	int fd;

	close(0);
	ASSERT_TRUE(load_fill(&load, FIRST));
	fd = open("/dev/null", O_RDONLY);
	EXPECT_EQ(0, fd);
}

TEST_HARNESS_MAIN
