// SPDX-License-Identifier: MIT
/*
 * The ledger of processes that run: threads that fault, map, unmap and free;
 * pages that move between nodes; forks, execs and kills. What is asked for while
 * that goes on must stay within what can be true, end, and harm nobody. Each
 * test ends after a fixed number of questions, not after some time.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "kselftest_harness.h"

#include "layouts.h"

#define LENGTH		(32 * MIB)
#define QUESTIONS	300

FIXTURE(running) {
	int fd;
	pid_t pid;
};

/* A process that does something until it is killed; ready when it says so. */
static pid_t start(void (*work)(void *memory, int ready))
{
	int pipes[2];
	pid_t pid;
	char byte;

	if (pipe(pipes))
		return -1;
	pid = fork();
	if (!pid) {
		struct device_heap heap;

		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (device_heap(&heap, LENGTH))
			_exit(1);
		device_say(&heap, 0, LENGTH / 2, SPANHEAP_IN_USE);
		device_say(&heap, LENGTH / 2, LENGTH / 2, SPANHEAP_LAZY);
		work(heap.memory, pipes[1]);
		_exit(0);
	}
	close(pipes[1]);
	if (pid > 0 && read(pipes[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(pipes[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

FIXTURE_SETUP(running)
{
	self->pid = 0;
	self->fd = device_open();
	if (self->fd < 0)
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
}

FIXTURE_TEARDOWN(running)
{
	if (self->pid > 0)
		stop(self->pid);
}

/*
 * What holds at any moment: rows of regions add up to their size; nothing
 * resident is counted twice, so that the heap holds no more than its size.
 */
static bool is_possible(const struct spanheap_ledger *ledger)
{
	uint64_t sum = ledger->skipped;

	for (unsigned int i = 0; i < SPANHEAP_OUTSIDE; i++)
		sum += ledger_row(ledger, i);
	return sum == LENGTH && ledger->start_ns <= ledger->end_ns;
}

#define ASK(questions) do {							\
	struct spanheap_ledger ledger;						\
										\
	for (int question = 0; question < (questions); question++) {		\
		ASSERT_EQ(0, device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid)); \
		ASSERT_TRUE(is_possible(&ledger));				\
	}									\
} while (0)

/* threads */

static char *shared_memory;

static void *fault_and_free(void *arg)
{
	size_t step = (uintptr_t)arg;

	for (;;) {
		for (size_t i = step; i < LENGTH / PAGE; i += 7)
			*page_of(shared_memory, i) = i;
		madvise(shared_memory + LENGTH / 2, LENGTH / 2, MADV_FREE);
		madvise(shared_memory + step * MIB, 4 * MIB, MADV_DONTNEED);
	}
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	for (;;) {
		char *at = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			continue;
		memset(at, 1, 64 * KIB);
		mprotect(at + MIB, MIB, PROT_READ);
		munmap(at + 2 * MIB, MIB);
		munmap(at, 4 * MIB);
	}
	return arg;
}

static void many_threads(void *memory, int ready)
{
	pthread_t thread;

	shared_memory = memory;
	for (uintptr_t i = 1; i < 3; i++)
		pthread_create(&thread, NULL, fault_and_free, (void *)i);
	pthread_create(&thread, NULL, map_and_unmap, NULL);
	write(ready, "", 1);
	for (;;)
		pause();
}

TEST_F(running, threads_fault_map_and_unmap)
{
	self->pid = start(many_threads);
	ASSERT_LT(0, self->pid);
	ASK(QUESTIONS);
}

/* Threads of one process ask about themselves while others change it. */
static void *ask_oneself(void *arg)
{
	struct spanheap_ledger ledger;
	long good = 0;

	for (int i = 0; i < QUESTIONS; i++)
		good += !device_ledger((uintptr_t)arg, &ledger, SPANHEAP_SCOPE_PID, getpid());
	return (void *)good;
}

TEST_F(running, askers_ask_about_themselves)
{
	pthread_t askers[2], thread;
	void *good;

	shared_memory = device_reserve(LENGTH);
	ASSERT_EQ(0, mprotect(shared_memory, LENGTH, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, fault_and_free, (void *)1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_and_unmap, NULL));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&askers[i], NULL, ask_oneself,
					    (void *)(uintptr_t)self->fd));
	for (int i = 0; i < 2; i++) {
		pthread_join(askers[i], &good);
		EXPECT_EQ(QUESTIONS, (long)good);
	}
}

/* The vector of a process goes into memory that another of its threads unmaps. */
TEST_F(running, vector_into_memory_that_goes)
{
	size_t length = LENGTH / PAGE;
	struct spanheap_ledger ledger;
	struct device_heap heap;
	pthread_t thread;
	int ret;

	ASSERT_EQ(0, device_heap(&heap, LENGTH));
	shared_memory = heap.memory;
	ASSERT_EQ(0, pthread_create(&thread, NULL, fault_and_free, (void *)1));
	for (int i = 0; i < QUESTIONS; i++) {
		ledger = (struct spanheap_ledger) {
			.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_REGION,
			.addr = heap.region.addr,
			/* part of the region that is looked at */
			.vec = heap.region.addr + MIB, .vec_len = length,
		};
		ret = device_do(heap.fd, SPANHEAP_IOC_LEDGER, &ledger);
		ASSERT_EQ(0, ret);
	}
}

/* pages that move */

static void move_for_ever(void *memory, int ready)
{
	static void *pages[LENGTH / PAGE];
	static int nodes[LENGTH / PAGE], status[LENGTH / PAGE];

	madvise(memory, LENGTH, MADV_NOHUGEPAGE);
	memset(memory, 1, LENGTH);
	for (size_t i = 0; i < LENGTH / PAGE; i++)
		pages[i] = (char *)memory + i * PAGE;
	write(ready, "", 1);
	for (int node = 0;; node = !node) {
		for (size_t i = 0; i < LENGTH / PAGE; i++)
			nodes[i] = node;
		syscall(SYS_move_pages, 0, LENGTH / PAGE, pages, nodes, status, 2);
	}
}

/* Entries on their way are seen, and count as resident: nothing ever misses. */
TEST_F(running, pages_move_between_nodes)
{
	struct spanheap_ledger ledger;
	bool seen = false;

	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "one NUMA node only");
	self->pid = start(move_for_ever);
	ASSERT_LT(0, self->pid);
	for (int i = 0; i < QUESTIONS || !seen; i++) {
		uint64_t resident;

		ASSERT_EQ(0, device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid));
		ASSERT_TRUE(is_possible(&ledger));
		resident = ledger.total.bytes[SPANHEAP_IN_USE][SPANHEAP_RESIDENT] +
			   ledger.total.bytes[SPANHEAP_IN_USE][SPANHEAP_MIGRATING] +
			   ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_RESIDENT] +
			   ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_MIGRATING];
		ASSERT_EQ(LENGTH, resident);
		ASSERT_EQ(ledger_column(&ledger, SPANHEAP_MIGRATING), ledger.migrating_anon);
		seen = seen || ledger.migrating_anon;
	}
}

/* swapping */

static void swap_for_ever(void *memory, int ready)
{
	memset(memory, 1, LENGTH);
	write(ready, "", 1);
	for (;;) {
		madvise(memory, LENGTH, MADV_PAGEOUT);
		read_pages(memory, LENGTH / 2);
	}
}

TEST_F(running, pages_go_to_swap_and_back)
{
	struct spanheap_ledger ledger;
	bool seen = false;

	self->pid = start(swap_for_ever);
	ASSERT_LT(0, self->pid);
	for (int i = 0; i < QUESTIONS || !seen; i++) {
		ASSERT_EQ(0, device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid));
		ASSERT_TRUE(is_possible(&ledger));
		/* whatever its state, it is somewhere */
		ASSERT_EQ(0, ledger.total.bytes[SPANHEAP_IN_USE][SPANHEAP_NONE]);
		seen = seen || ledger_column(&ledger, SPANHEAP_SWAPPED);
	}
}

/* forks, execs and ends */

static void fork_for_ever(void *memory, int ready)
{
	memset(memory, 1, LENGTH);
	write(ready, "", 1);
	for (int i = 0;; i++) {
		pid_t pid = fork();

		if (!pid) {
			memset(memory, 2, MIB);
			_exit(0);
		}
		memset((char *)memory + MIB * (i % 16), 3, MIB);
		waitpid(pid, NULL, 0);
	}
}

TEST_F(running, parent_forks)
{
	self->pid = start(fork_for_ever);
	ASSERT_LT(0, self->pid);
	ASK(QUESTIONS / 3);
}

static void exec_for_ever(void *memory, int ready)
{
	(void)memory;
	if (ready >= 0)
		write(ready, "", 1);
	execl("/proc/self/exe", "running", "exec-for-ever", NULL);
	_exit(1);
}

TEST_F(running, process_execs)
{
	struct spanheap_ledger ledger;

	self->pid = start(exec_for_ever);
	ASSERT_LT(0, self->pid);
	for (int i = 0; i < QUESTIONS; i++) {
		int ret = device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid);

		ASSERT_EQ(0, ret);
	}
}

static void sit(void *memory, int ready)
{
	memset(memory, 1, LENGTH);
	write(ready, "", 1);
	for (;;)
		pause();
}

TEST_F(running, process_is_killed_meanwhile)
{
	for (int i = 0; i < 20; i++) {
		struct spanheap_ledger ledger;
		int status, ret;
		pid_t killer;

		self->pid = start(sit);
		ASSERT_LT(0, self->pid);
		killer = fork();
		if (!killer)
			_exit(kill(self->pid, SIGKILL));
		do {
			ret = device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid);
			if (!ret)
				ASSERT_GE(LENGTH, ledger_row(&ledger, SPANHEAP_IN_USE));
		} while (!ret);
		ASSERT_EQ(-ESRCH, ret);
		ASSERT_EQ(killer, waitpid(killer, &status, 0));
		ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
		self->pid = 0;
	}
}

/* An asker that is killed in the middle of a long question ends. */
TEST_F(running, asker_is_killed)
{
	int status;

	self->pid = start(many_threads);
	ASSERT_LT(0, self->pid);
	for (int i = 0; i < 50; i++) {
		struct spanheap_ledger ledger;
		pid_t asker = fork();

		if (!asker)
			for (;;)
				device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid);
		ASSERT_EQ(0, device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid));
		kill(asker, SIGKILL);
		ASSERT_EQ(asker, waitpid(asker, &status, 0));
		ASSERT_EQ(SIGKILL, WTERMSIG(status));
	}
}

/* Heaps that come and go while their owner is asked about. */
static void register_for_ever(void *memory, int ready)
{
	(void)memory;
	write(ready, "", 1);
	for (;;) {
		struct device_heap heap;
		struct spanheap_region again;

		if (device_heap(&heap, 4 * MIB))
			_exit(1);
		memset(heap.memory, 1, MIB);
		device_say(&heap, 0, MIB, SPANHEAP_IDLE);
		again = (struct spanheap_region) {
			.size = sizeof(again), .addr = heap.region.addr, .length = 4 * MIB,
		};
		if (device_do(heap.fd, SPANHEAP_IOC_REMOVE, &again) ||
		    device_do(heap.fd, SPANHEAP_IOC_ADD, &again))
			_exit(2);
		munmap(heap.memory, 4 * MIB);
		munmap((void *)heap.map, heap.region.map_length);
		munmap((void *)heap.header, PAGE);
		close(heap.fd);
	}
}

TEST_F(running, heaps_come_and_go)
{
	struct spanheap_ledger ledger;

	self->pid = start(register_for_ever);
	ASSERT_LT(0, self->pid);
	for (int i = 0; i < QUESTIONS; i++) {
		ASSERT_EQ(0, device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid));
		ASSERT_GE(4 * MIB, ledger_row(&ledger, SPANHEAP_IDLE));
	}
	ASSERT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "exec-for-ever"))
		exec_for_ever(NULL, -1);
	return test_harness_run(argc, argv);
}
