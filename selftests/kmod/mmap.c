// SPDX-License-Identifier: MIT
/*
 * What may be mapped where, what it costs and how long it lives: page maps, the
 * header, heap memory; over fork, exec, descriptors passed on, and rmmod.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "device.h"
#include "witness.h"

#define LENGTH		(8 * MIB)

FIXTURE(mmap) {
	struct device_heap heap;
};

FIXTURE_SETUP(mmap)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&self->heap, LENGTH));
}

FIXTURE_TEARDOWN(mmap)
{
}

/* 0 or the errno of a mapping that is made and taken away again. */
static int mapping(int fd, void *at, size_t length, int flags, uint64_t offset)
{
	void *got = device_mmap(fd, at, length, flags, offset);

	if (got == MAP_FAILED)
		return errno;
	munmap(got, length);
	return 0;
}

TEST_F(mmap, map_must_be_shared)
{
	size_t length = self->heap.region.map_length;
	uint64_t offset = self->heap.region.map_offset;

	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, length, MAP_PRIVATE, offset));
	EXPECT_EQ(0, mapping(self->heap.fd, NULL, length, MAP_SHARED, offset));
}

TEST_F(mmap, map_must_be_writable)
{
	size_t length = self->heap.region.map_length;
	int fd;

	/* an open file of its own that cannot be written is no heap */
	fd = open(SPANHEAP_DEVICE, O_RDONLY);
	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER,
			       &(struct spanheap_register) { .size = sizeof(struct spanheap_register) }));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, mapping(self->heap.fd, NULL, length, MAP_SHARED,
			     self->heap.region.map_offset));
}

TEST_F(mmap, map_ends_where_it_ends)
{
	size_t length = self->heap.region.map_length;
	uint64_t offset = self->heap.region.map_offset;

	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, length + PAGE, MAP_SHARED, offset));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, PAGE, MAP_SHARED, offset + length));
	EXPECT_EQ(0, mapping(self->heap.fd, NULL, length, MAP_SHARED, offset));
}

TEST_F(mmap, map_of_a_removed_region)
{
	struct spanheap_region gone = {
		.size = sizeof(gone), .addr = self->heap.region.addr, .length = LENGTH,
	};
	size_t length = self->heap.region.map_length;
	uint64_t offset = self->heap.region.map_offset;

	EXPECT_EQ(0, mapping(self->heap.fd, NULL, length, MAP_SHARED, offset));
	self->heap.map[3] = 7;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &gone));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, length, MAP_SHARED, offset));
	/* the old mapping lives on */
	EXPECT_EQ(7, self->heap.map[3]);
	self->heap.map[LENGTH / PAGE - 1] = 9;
	EXPECT_EQ(9, self->heap.map[LENGTH / PAGE - 1]);
}

TEST_F(mmap, map_in_two_mappings_is_one)
{
	volatile uint8_t *again = device_mmap(self->heap.fd, NULL, self->heap.region.map_length,
					      MAP_SHARED, self->heap.region.map_offset);

	self->heap.map[5] = SPANHEAP_IDLE;
	EXPECT_EQ(SPANHEAP_IDLE, again[5]);
}

TEST_F(mmap, header_is_one_shared_page)
{
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, PAGE, MAP_PRIVATE,
				  self->heap.reg.header_offset));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, 2 * PAGE, MAP_SHARED,
				  self->heap.reg.header_offset));
	EXPECT_EQ(0, mapping(self->heap.fd, NULL, PAGE, MAP_SHARED,
			     self->heap.reg.header_offset));
}

TEST_F(mmap, memory_must_be_private)
{
	uint64_t offset = self->heap.region.mem_offset;

	EXPECT_EQ(EINVAL, mapping(self->heap.fd, self->heap.memory, LENGTH,
				  MAP_SHARED | MAP_FIXED, offset));
	EXPECT_EQ(0, mapping(self->heap.fd, self->heap.memory, LENGTH,
			     MAP_PRIVATE | MAP_FIXED, offset));
}

TEST_F(mmap, memory_must_be_at_its_address)
{
	uint64_t offset = self->heap.region.mem_offset;

	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, LENGTH, MAP_PRIVATE, offset));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, self->heap.memory + PAGE, PAGE,
				  MAP_PRIVATE | MAP_FIXED, offset));
	EXPECT_EQ(0, mapping(self->heap.fd, self->heap.memory + PAGE, PAGE,
			     MAP_PRIVATE | MAP_FIXED, offset + PAGE));
}

TEST_F(mmap, memory_ends_where_it_ends)
{
	char *at = device_reserve(LENGTH + HUGE_PAGE);
	struct spanheap_region region = {
		.size = sizeof(region), .addr = address(at), .length = LENGTH,
	};

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, at, LENGTH + PAGE, MAP_PRIVATE | MAP_FIXED,
				  region.mem_offset));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, at + LENGTH, PAGE, MAP_PRIVATE | MAP_FIXED,
				  region.mem_offset + LENGTH));
	EXPECT_EQ(0, mapping(self->heap.fd, at, LENGTH, MAP_PRIVATE | MAP_FIXED,
			     region.mem_offset));
}

TEST_F(mmap, memory_of_another_region)
{
	char *at = device_reserve(LENGTH);
	struct spanheap_region region = {
		.size = sizeof(region), .addr = address(at), .length = LENGTH,
	};

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, at, LENGTH, MAP_PRIVATE | MAP_FIXED,
				  self->heap.region.mem_offset));
	EXPECT_EQ(0, mapping(self->heap.fd, at, LENGTH, MAP_PRIVATE | MAP_FIXED,
			     region.mem_offset));
}

TEST_F(mmap, memory_of_a_removed_region)
{
	struct spanheap_region gone = {
		.size = sizeof(gone), .addr = self->heap.region.addr, .length = LENGTH,
	};
	uint64_t offset = self->heap.region.mem_offset;

	self->heap.memory[0] = 42;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &gone));
	EXPECT_EQ(42, self->heap.memory[0]);
	munmap(self->heap.memory, LENGTH);
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, self->heap.memory, LENGTH,
				  MAP_PRIVATE | MAP_FIXED, offset));
}

TEST_F(mmap, memory_in_pieces)
{
	uint64_t offset = self->heap.region.mem_offset;

	munmap(self->heap.memory, LENGTH);
	for (size_t at = 0; at < LENGTH; at += MIB)
		ASSERT_EQ(self->heap.memory + at,
			  device_mmap(self->heap.fd, self->heap.memory + at, MIB,
				      MAP_PRIVATE | MAP_FIXED, offset + at));
	memset(self->heap.memory, 1, LENGTH);
	EXPECT_EQ(1, self->heap.memory[LENGTH - 1]);
}

TEST_F(mmap, memory_is_anonymous)
{
	memset(self->heap.memory, 1, LENGTH);
	EXPECT_EQ(0, madvise(self->heap.memory, MIB, MADV_FREE));
	EXPECT_EQ(0, madvise(self->heap.memory + MIB, MIB, MADV_DONTNEED));
	EXPECT_EQ(0, self->heap.memory[MIB]);
	EXPECT_EQ(1, self->heap.memory[2 * MIB]);
}

TEST_F(mmap, nothing_at_other_offsets)
{
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, PAGE, MAP_SHARED, 1ULL << 40));
	EXPECT_EQ(EINVAL, mapping(self->heap.fd, NULL, PAGE, MAP_PRIVATE, 1ULL << 60));
}

TEST_F(mmap, nothing_before_registering)
{
	struct spanheap_register reg = { .size = sizeof(reg) };
	int fd = device_open();

	EXPECT_EQ(ENXIO, mapping(fd, NULL, PAGE, MAP_SHARED, 0));
	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(0, mapping(fd, NULL, PAGE, MAP_SHARED, 0));
}

/* Shared pages */

TEST_F(mmap, shared_pages_stay_as_they_are)
{
	size_t length = self->heap.region.map_length;
	void *map = (void *)self->heap.map;

	EXPECT_EQ(-1, madvise(map, length, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, madvise(map, length, MADV_DODUMP));
	EXPECT_EQ(MAP_FAILED, mremap(map, length, length + PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(map, 0, length, MREMAP_MAYMOVE));
}

TEST_F(mmap, shared_pages_are_not_in_rss)
{
	struct smaps before, after;
	struct device_heap big;

	ASSERT_EQ(0, device_heap(&big, 1024 * MIB));
	big.map[0] = 1;
	ASSERT_EQ(0, smaps_read(getpid(), &before));
	device_say(&big, 0, 1024 * MIB, SPANHEAP_IN_USE);
	ASSERT_EQ(0, smaps_read(getpid(), &after));
	EXPECT_EQ(before.rss, after.rss);
}

#define CGROUP	"/sys/fs/cgroup/spanheap-mmap-test"

/* A figure of our memory cgroup, in bytes. */
static uint64_t memory_stat(const char *name)
{
	char line[128], key[64];
	unsigned long long value = 0;
	FILE *f = fopen(CGROUP "/memory.stat", "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %llu", key, &value) == 2 && !strcmp(key, name))
			break;
	fclose(f);
	return value;
}

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int bad = fd < 0 || write(fd, text, strlen(text)) < 0;

	close(fd);
	return bad ? -1 : 0;
}

TEST_F(mmap, shared_pages_are_charged_and_given_back)
{
	uint64_t start, touched, closed;
	struct device_heap big;
	char all[32];

	if (geteuid() || (mkdir(CGROUP, 0755) && errno != EEXIST))
		SKIP(return, "needs root and cgroup v2");
	ASSERT_EQ(0, write_to(CGROUP "/cgroup.procs", "0"));
	ASSERT_EQ(0, device_heap(&big, sizeof(long) == 8 ? 16384 * MIB : 512 * MIB));
	start = memory_stat("kernel");
	device_say(&big, 0, big.length, SPANHEAP_IN_USE);
	touched = memory_stat("kernel");
	EXPECT_LE(start + big.region.map_length, touched);
	munmap((void *)big.map, big.region.map_length);
	EXPECT_LE(start + big.region.map_length, memory_stat("kernel"));
	munmap(big.memory, big.length);
	munmap((void *)big.header, PAGE);
	close(big.fd);
	closed = memory_stat("kernel");
	EXPECT_GE(touched - big.region.map_length, closed);
	snprintf(all, sizeof(all), "%d", getpid());
	ASSERT_EQ(0, write_to("/sys/fs/cgroup/cgroup.procs", all));
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Fork */

static int touch_map(void *arg)
{
	struct device_heap *heap = arg;

	return heap->map[0];
}

static int touch_header(void *arg)
{
	struct device_heap *heap = arg;

	return heap->header->granule != 0;
}

/*
 * The neighbours are taken away first: the kernel joins a mapping that continues
 * another of the same file without asking the device.
 */
static int map_memory(void *arg)
{
	struct device_heap *heap = arg;

	munmap(heap->memory, LENGTH);
	return mapping(heap->fd, heap->memory, PAGE, MAP_PRIVATE | MAP_FIXED,
		       heap->region.mem_offset);
}

static int map_map(void *arg)
{
	struct device_heap *heap = arg;

	return mapping(heap->fd, NULL, heap->region.map_length, MAP_SHARED,
		       heap->region.map_offset);
}

static int map_header(void *arg)
{
	struct device_heap *heap = arg;

	return mapping(heap->fd, NULL, PAGE, MAP_SHARED, heap->reg.header_offset);
}

static int signal_in_child(int (*what)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(what(arg));
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(mmap, child_has_no_map)
{
	self->heap.map[0] = SPANHEAP_IN_USE;
	EXPECT_EQ(SIGSEGV, signal_in_child(touch_map, &self->heap));
	EXPECT_EQ(SIGSEGV, signal_in_child(touch_header, &self->heap));
	EXPECT_EQ(SPANHEAP_IN_USE, self->heap.map[0]);
}

TEST_F(mmap, child_cannot_map_the_parents)
{
	EXPECT_EQ(EPERM, in_child(map_map, &self->heap));
	EXPECT_EQ(EPERM, in_child(map_header, &self->heap));
	EXPECT_EQ(EPERM, in_child(map_memory, &self->heap));
	EXPECT_EQ(0, map_map(&self->heap));
	EXPECT_EQ(0, map_header(&self->heap));
	EXPECT_EQ(0, map_memory(&self->heap));
}

static int keep_and_change(void *arg)
{
	struct device_heap *heap = arg;

	for (size_t i = 0; i < LENGTH; i += PAGE)
		if (heap->memory[i] != (char)(i / PAGE))
			return 1;
	memset(heap->memory, 99, LENGTH);
	return madvise(heap->memory, LENGTH, MADV_FREE) ? 2 : 0;
}

TEST_F(mmap, child_has_its_own_memory)
{
	struct spanheap_ledger before, after;

	for (size_t i = 0; i < LENGTH; i += PAGE)
		self->heap.memory[i] = i / PAGE;
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &before, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(0, in_child(keep_and_change, &self->heap));
	for (size_t i = 0; i < LENGTH; i += PAGE)
		ASSERT_EQ((char)(i / PAGE), self->heap.memory[i]);
	ASSERT_EQ(0, device_ledger(self->heap.fd, &after, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(0, memcmp(&before.total, &after.total, sizeof(before.total)));
	EXPECT_EQ(LENGTH, after.total.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT]);
}

/* The child's figures by the inherited descriptor are the parent's. */
static int parents_ledger(void *arg)
{
	struct device_heap *heap = arg;
	struct spanheap_ledger ledger;

	munmap(heap->memory, LENGTH);
	if (device_ledger(heap->fd, &ledger, SPANHEAP_SCOPE_HEAP, 0))
		return 1;
	return ledger.total.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT] == MIB ? 0 : 2;
}

TEST_F(mmap, child_asks_for_the_parent)
{
	memset(self->heap.memory, 1, MIB);
	device_say(&self->heap, 0, MIB, SPANHEAP_IN_USE);
	EXPECT_EQ(0, in_child(parents_ledger, &self->heap));
}

static int heap_of_its_own(void *arg)
{
	struct device_heap heap;
	struct spanheap_ledger ledger;

	(void)arg;
	if (device_heap(&heap, LENGTH))
		return 1;
	memset(heap.memory, 1, MIB);
	device_say(&heap, 0, MIB, SPANHEAP_IN_USE);
	if (device_ledger(heap.fd, &ledger, SPANHEAP_SCOPE_PID, getpid()))
		return 2;
	return ledger_row(&ledger, SPANHEAP_IN_USE) == MIB ? 0 : 3;
}

TEST_F(mmap, child_makes_a_heap_of_its_own)
{
	memset(self->heap.memory, 1, LENGTH);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	EXPECT_EQ(0, in_child(heap_of_its_own, NULL));
}

TEST_F(mmap, vfork_child_is_the_owner)
{
	static volatile int result;
	int status;
	pid_t pid = vfork();

	if (!pid) {
		self->heap.map[1] = SPANHEAP_LAZY;
		result = map_map(&self->heap);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, result);
	EXPECT_EQ(SPANHEAP_LAZY, self->heap.map[1]);
}

/* Descriptors passed on */

static int observe(int fd, struct device_heap *heap)
{
	struct spanheap_region region = {
		.size = sizeof(region), .addr = heap->region.addr, .length = LENGTH,
	};
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct spanheap_ledger ledger;

	if (device_ledger(fd, &ledger, SPANHEAP_SCOPE_HEAP, 0) ||
	    ledger.total.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT] != MIB)
		return 1;
	if (device_ledger(fd, &ledger, SPANHEAP_SCOPE_MM, 0) || ledger.rss <= MIB)
		return 2;
	if (device_do(fd, SPANHEAP_IOC_REMOVE, &region) != -EPERM)
		return 3;
	if (device_do(fd, SPANHEAP_IOC_REGISTER, &reg) != -EBUSY)
		return 4;
	if (mapping(fd, NULL, heap->region.map_length, MAP_SHARED,
		    heap->region.map_offset) != EPERM)
		return 5;
	return 0;
}

static int observe_passed(void *arg)
{
	struct device_heap *heap = arg;
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	int fd;

	/* heap->fd is the socket here */
	if (recvmsg(heap->fd, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return 100;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return observe(fd, heap);
}

TEST_F(mmap, observer_by_scm_rights)
{
	char room[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct device_heap theirs = self->heap;
	int pair[2], status;
	pid_t pid;

	memset(self->heap.memory, 1, MIB);
	device_say(&self->heap, 0, MIB, SPANHEAP_IN_USE);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	theirs.fd = pair[1];
	pid = fork();
	if (!pid) {
		close(self->heap.fd);
		_exit(observe_passed(&theirs));
	}
	*CMSG_FIRSTHDR(&msg) = (struct cmsghdr) {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &self->heap.fd, sizeof(int));
	ASSERT_EQ(1, sendmsg(pair[0], &msg, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(mmap, observer_by_pidfd_getfd)
{
	struct device_heap *heap = &self->heap;
	int status;
	pid_t pid;

	memset(heap->memory, 1, MIB);
	device_say(heap, 0, MIB, SPANHEAP_IN_USE);
	pid = fork();
	if (!pid) {
		int owners = heap->fd, pidfd = syscall(SYS_pidfd_open, getppid(), 0);

		close(owners);
		_exit(observe(syscall(SYS_pidfd_getfd, pidfd, owners, 0), heap));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Lifetime */

static int module_refusal(void)
{
	return syscall(SYS_delete_module, "spanheap", O_NONBLOCK) ? errno : 0;
}

TEST_F(mmap, mapping_outlives_the_descriptor)
{
	close(self->heap.fd);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE);
	EXPECT_EQ(SPANHEAP_IDLE, self->heap.map[LENGTH / PAGE - 1]);
	memset(self->heap.memory, 1, LENGTH);
	EXPECT_EQ(self->heap.reg.heap_id, self->heap.header->heap_id);
}

TEST_F(mmap, ledger_outlives_the_descriptor)
{
	struct spanheap_ledger ledger;

	close(self->heap.fd);
	memset(self->heap.memory, 1, LENGTH);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE);
	ASSERT_EQ(0, device_ledger(device_open(), &ledger, SPANHEAP_SCOPE_PID, getpid()));
	EXPECT_EQ(LENGTH, ledger.total.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT]);
}

TEST_F(mmap, module_stays_while_open)
{
	if (geteuid())
		SKIP(return, "needs root");
	EXPECT_EQ(EAGAIN, module_refusal());
}

TEST_F(mmap, module_stays_while_mapped)
{
	if (geteuid())
		SKIP(return, "needs root");
	close(self->heap.fd);
	munmap((void *)self->heap.map, self->heap.region.map_length);
	munmap((void *)self->heap.header, PAGE);
	EXPECT_EQ(EAGAIN, module_refusal());
}

/* A child whose heap this process asks about when the child is gone. */
static int orphan(int pipe_to, struct device_heap *heap)
{
	if (device_heap(heap, LENGTH))
		return 1;
	memset(heap->memory, 1, MIB);
	return write(pipe_to, heap, sizeof(*heap)) == sizeof(*heap) ? 0 : 2;
}

TEST_F(mmap, owner_is_gone)
{
	struct spanheap_ledger ledger = { .size = sizeof(ledger) };
	struct device_heap theirs;
	int pipes[2], fd, pidfd;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	if (!pid) {
		if (orphan(pipes[1], &theirs))
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(sizeof(theirs), read(pipes[0], &theirs, sizeof(theirs)));
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, theirs.fd, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, device_ledger(fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(-ESRCH, device_ledger(fd, &ledger, SPANHEAP_SCOPE_HEAP, 0));
	EXPECT_EQ(-ESRCH, device_ledger(fd, &ledger, SPANHEAP_SCOPE_MM, 0));
	ledger = (struct spanheap_ledger) {
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_RANGE,
		.addr = theirs.region.addr, .length = PAGE,
	};
	EXPECT_EQ(-ESRCH, device_do(fd, SPANHEAP_IOC_LEDGER, &ledger));
	EXPECT_EQ(-ESRCH, device_ledger(fd, &ledger, SPANHEAP_SCOPE_PID, pid));
	EXPECT_EQ(EAGAIN, geteuid() ? EAGAIN : module_refusal());
}

/* After exec the descriptor, when it was kept, is one of a process long gone. */
TEST_F(mmap, exec_leaves_the_heap_behind)
{
	char fd[16], *args[] = { "/proc/self/exe", "after-exec", fd, NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct device_heap heap;

		if (device_heap(&heap, LENGTH))
			_exit(1);
		fcntl(heap.fd, F_SETFD, 0);
		snprintf(fd, sizeof(fd), "%d", heap.fd);
		execv(args[0], args);
		_exit(2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

static int after_exec(int fd)
{
	struct spanheap_ledger ledger;
	struct spanheap_register reg = { .size = sizeof(reg) };

	if (device_ledger(fd, &ledger, SPANHEAP_SCOPE_HEAP, 0) != -ESRCH)
		return 3;
	if (device_do(fd, SPANHEAP_IOC_REGISTER, &reg) != -EBUSY)
		return 4;
	if (device_ledger(fd, &ledger, SPANHEAP_SCOPE_PID, getpid()))
		return 5;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "after-exec"))
		return after_exec(atoi(argv[2]));
	return test_harness_run(argc, argv);
}
