// SPDX-License-Identifier: MIT
/*
 * Revocation never takes what is shared, locked, moved, pinned or otherwise not the
 * owner's alone, and never changes what others hold of a page.
 */
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "squeeze.h"

TEST_F(revoke, leaves_locked_memory_alone)
{
	fill(self->heap.memory, 0, PAGES);
	ASSERT_EQ(0, mlock(self->heap.memory + 8 * MIB, 8 * MIB));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_EQ(8 * MIB / PAGE, count_said(&self->heap, 8 * MIB / PAGE, 8 * MIB / PAGE, SPANHEAP_IDLE));
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	for (size_t i = 8 * MIB / PAGE; i < 16 * MIB / PAGE; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
}

/* A child that holds on to its copy, a word at a time through two pipes. */
struct holder {
	const char *memory;
	int go[2];
	int done[2];
};

static int hold(void *arg)
{
	struct holder *holder = arg;
	char c = 0;

	/* it is told when the parent's pages have been squeezed */
	if (write(holder->done[1], &c, 1) != 1 || read(holder->go[0], &c, 1) != 1)
		return 2;
	for (size_t i = 0; i < PAGES; i++)
		if (!is_filled(holder->memory, i))
			return 1;
	return 0;
}

TEST_F(revoke, leaves_a_childs_copy_alone)
{
	struct holder holder = { .memory = self->heap.memory };
	int status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(holder.go));
	ASSERT_EQ(0, pipe(holder.done));
	fill(self->heap.memory, 0, PAGES);
	pid = fork();
	if (!pid)
		_exit(hold(&holder));
	ASSERT_EQ(1, read(holder.done[0], &c, 1));
	/* an eighth is the parent's own again */
	fill(self->heap.memory, 0, PAGES / 8);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_LT(PAGES / 16, count_said(&self->heap, 0, PAGES / 8, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, PAGES / 8, PAGES - PAGES / 8, SPANHEAP_REVOKED));
	ASSERT_EQ(1, write(holder.go[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* and now they are the parent's alone */
	squeeze();
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

/* A fork before the first touch leaves no trace for a notifier. */
TEST_F(revoke, leaves_a_child_of_before_alone)
{
	struct holder holder = { .memory = self->heap.memory };
	int status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(holder.go));
	ASSERT_EQ(0, pipe(holder.done));
	pid = fork();
	if (!pid) {
		fill(self->heap.memory, 0, PAGES);
		_exit(hold(&holder));
	}
	ASSERT_EQ(1, read(holder.done[0], &c, 1));
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	ASSERT_EQ(1, write(holder.go[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(revoke, leaves_moved_and_replaced_memory_alone)
{
	size_t at = 16 * MIB, length = 8 * MIB;
	char *memory = self->heap.memory, *moved;

	fill(memory, 0, PAGES);
	/* one piece moved elsewhere, plain memory in its place; one piece moved into another */
	moved = mremap(memory + at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		       device_reserve(length));
	ASSERT_NE(MAP_FAILED, moved);
	ASSERT_EQ(memory + at, mmap(memory + at, length, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(memory + at, 7, length);
	ASSERT_NE(MAP_FAILED, mremap(memory + 32 * MIB, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
				     memory + 40 * MIB));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	for (size_t i = 0; i < length / PAGE; i++) {
		const uint64_t *page = (const uint64_t *)(moved + i * PAGE);

		ASSERT_EQ(mark_of(at / PAGE + i), page[0]);
		ASSERT_EQ(7, memory[at + i * PAGE]);
		page = (const uint64_t *)(memory + 40 * MIB + i * PAGE);
		ASSERT_EQ(mark_of(32 * MIB / PAGE + i), page[0]);
	}
	EXPECT_EQ(0, count_said(&self->heap, at / PAGE, length / PAGE, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 32 * MIB / PAGE, 16 * MIB / PAGE, SPANHEAP_REVOKED));
	EXPECT_LT(8 * MIB / PAGE, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

TEST_F(revoke, leaves_a_removed_region_alone)
{
	struct spanheap_region gone = self->heap.region;

	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	gone.mem_offset = 0;
	gone.map_offset = 0;
	gone.map_length = 0;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &gone));
	squeeze();
	EXPECT_EQ(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	for (size_t i = 0; i < PAGES; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
}

TEST_F(revoke, leaves_memory_under_userfaultfd_alone)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = address(self->heap.memory), .len = 8 * MIB },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	ASSERT_LE(0, fd);
	fill(self->heap.memory, 0, PAGES);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &reg));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_EQ(0, count_said(&self->heap, 0, 8 * MIB / PAGE, SPANHEAP_REVOKED));
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
}

/* Pages in a pipe: the reader gets what was written, whatever has become of them. */
TEST_F(revoke, does_not_change_what_a_pipe_holds)
{
	struct iovec iov = { .iov_base = self->heap.memory, .iov_len = 8 * PAGE };
	static char copy[8 * PAGE];
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	fill(self->heap.memory, 0, PAGES);
	ASSERT_EQ(8 * PAGE, vmsplice(fds[1], &iov, 1, 0));
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	ASSERT_EQ(8 * PAGE, read(fds[0], copy, sizeof(copy)));
	for (size_t i = 0; i < 8; i++)
		EXPECT_TRUE(is_filled(copy, i));
}

struct writer {
	struct device_heap *heap;
	atomic_bool stop;
	atomic_ulong writes;
};

/* The kernel writes into pages of the heap: the first eighth in use, all others idle. */
static void *write_on(void *arg)
{
	static char text[PAGE] = "written";
	struct iovec from = { .iov_base = text, .iov_len = PAGE };
	struct writer *writer = arg;

	for (size_t i = 0; !writer->stop; i = (i + 1) % PAGES) {
		struct iovec to = { .iov_base = writer->heap->memory + i * PAGE, .iov_len = PAGE };

		if (process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)PAGE)
			writer->writes++;
	}
	return NULL;
}

TEST_F(revoke, goes_on_while_the_kernel_writes)
{
	struct writer writer = { .heap = &self->heap };
	pthread_t thread;

	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	device_say(&self->heap, 0, LENGTH / 8, SPANHEAP_IN_USE);
	pthread_create(&thread, NULL, write_on, &writer);
	squeeze();
	while (writer.writes < PAGES / 4)
		squeeze();
	writer.stop = true;
	pthread_join(thread, NULL);
	EXPECT_LT(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKING));
	/* what is in use holds what was written last */
	for (size_t i = 0; i < PAGES / 8; i++)
		ASSERT_EQ(0, strcmp(self->heap.memory + i * PAGE, "written"));
}

/* A device's target: pinned for as long as the buffer is registered. */
TEST_F(revoke, leaves_fixed_buffers_alone)
{
	size_t at = 8 * MIB, length = 4 * MIB;
	struct iovec buffer = { .iov_base = self->heap.memory + at, .iov_len = length };
	struct io_uring_params params = {};
	int ring = (int)syscall(SYS_io_uring_setup, 4, &params);

	ASSERT_LE(0, ring);
	fill(self->heap.memory, 0, PAGES);
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1)) {
		/* 6.1 registers no memory of which the mapping has a file */
		ASSERT_EQ(EOPNOTSUPP, errno);
		return;
	}
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	squeeze();
	EXPECT_LT(PAGES / 2, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	EXPECT_EQ(length / PAGE, count_said(&self->heap, at / PAGE, length / PAGE, SPANHEAP_IDLE));
	for (size_t i = at / PAGE; i < (at + length) / PAGE; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
	ASSERT_EQ(0, syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0));
	close(ring);
	squeeze();
	EXPECT_LT(length / PAGE / 2, count_said(&self->heap, at / PAGE, length / PAGE, SPANHEAP_REVOKED));
}

/* A child that reads all of it, as one that writes a snapshot, until it is told. */
static int read_on(struct holder *holder)
{
	char c = 0;

	fcntl(holder->go[0], F_SETFL, O_NONBLOCK);
	if (write(holder->done[1], &c, 1) != 1)
		return 2;
	do {
		for (size_t i = 0; i < PAGES; i++)
			if (!is_filled(holder->memory, i))
				return 1;
	} while (read(holder->go[0], &c, 1) != 1);
	return 0;
}

TEST_F(revoke, leaves_a_snapshot_alone)
{
	struct holder holder = { .memory = self->heap.memory };
	size_t n = 0, revoked = 0;
	int status;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(holder.go) | pipe(holder.done));
	fill(self->heap.memory, 0, PAGES);
	pid = fork();
	if (!pid)
		_exit(read_on(&holder));
	ASSERT_EQ(1, read(holder.done[0], &c, 1));
	/* the parent writes, frees, and has it taken, again and again */
	while (n++ < 3) {
		memset(self->heap.memory, (int)n, LENGTH / 2);
		device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
		squeeze();
		revoked += count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED);
		device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	}
	EXPECT_LT(PAGES, revoked);
	ASSERT_EQ(1, write(holder.go[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

static void *reclaim_all(void *arg)
{
	squeeze();
	return NULL;
}

/* Once REMOVE has returned nothing goes, also when a scan is half through. */
TEST_F(revoke, stops_when_a_region_is_removed)
{
	size_t half_way = 0;

	for (int round = 0; round < rounds(12); round++) {
		struct device_heap heap;
		size_t before, length = 32 * MIB;
		pthread_t reclaimer;

		ASSERT_EQ(0, device_heap(&heap, length));
		madvise(heap.memory, length, MADV_NOHUGEPAGE);
		/* eight pages of each chunk: a scan has to go through all of them */
		for (size_t i = 0; i < length; i += 2 * MIB) {
			memset(heap.memory + i, 1, 8 * PAGE);
			device_say(&heap, i, 8 * PAGE, SPANHEAP_IDLE | epoch_ago(9));
		}
		pthread_create(&reclaimer, NULL, reclaim_all, NULL);
		while (!count_said(&heap, 0, length / PAGE, SPANHEAP_REVOKED))
			;
		heap.region.mem_offset = heap.region.map_offset = heap.region.map_length = 0;
		ASSERT_EQ(0, device_do(heap.fd, SPANHEAP_IOC_REMOVE, &heap.region));
		before = count_said(&heap, 0, length / PAGE, SPANHEAP_REVOKED);
		half_way += before < length / MIB / 2 * 8;
		pthread_join(reclaimer, NULL);
		ASSERT_EQ(before, count_said(&heap, 0, length / PAGE, SPANHEAP_REVOKED));
		munmap(heap.memory, length);
		munmap((void *)heap.map, heap.region.map_length);
		munmap((void *)heap.header, PAGE);
		close(heap.fd);
	}
	TH_LOG("removed half way %zu times", half_way);
}

/* Pages belong to the cgroup that paid for them, wherever their process is now. */
TEST_F(revoke, leaves_pages_of_another_cgroup_alone)
{
	static const char other[] = "spanheap-revoke-other";
	size_t half = PAGES / 2;

	fill(self->heap.memory, 0, half);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IN_USE);
	ASSERT_EQ(0, cgroup_enter(other));
	fill(self->heap.memory, half, half);
	device_say(&self->heap, 0, LENGTH, SPANHEAP_IDLE | epoch_ago(9));
	/* its pages hang on the list of the cgroup of before */
	cgroup_write(other, "memory.reclaim", "64M");
	EXPECT_EQ(0, count_said(&self->heap, 0, PAGES, SPANHEAP_REVOKED));
	squeeze();
	EXPECT_LT(half / 2, count_said(&self->heap, 0, half, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, half, half, SPANHEAP_REVOKED));
	for (size_t i = half; i < PAGES; i++)
		ASSERT_TRUE(is_filled(self->heap.memory, i));
	cgroup_enter(GROUP);
	cgroup_leave(other);
}

TEST_HARNESS_MAIN
