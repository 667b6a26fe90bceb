// SPDX-License-Identifier: MIT
/*
 * The ledger of a whole process against /proc/PID/smaps, page for page, for
 * many kinds of memory. The process that has made the memory is stopped while
 * both are asked. Needs root, swap and two NUMA nodes for all of them.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/utsname.h>

#include "kselftest_harness.h"

#include "cgroup.h"
#include "layouts.h"

#define CGROUP	"spanheap-ledger"

FIXTURE(ledger) {
	int fd;
	pid_t pid;
};

/*
 * @make: makes the memory, in a process of its own
 * @residency: where most of it must be found
 * @at_least: how much of it, in bytes
 */
FIXTURE_VARIANT(ledger) {
	void (*make)(void);
	unsigned int residency;
	uint64_t at_least;
};

#define LAYOUT(name, where, bytes)						\
static void make_##name(void);							\
FIXTURE_VARIANT_ADD(ledger, name) {						\
	.make = make_##name, .residency = SPANHEAP_##where, .at_least = bytes,	\
};										\
static void make_##name(void)

LAYOUT(nothing, FILE, 1)
{
}

LAYOUT(small, RESIDENT, SIZE)
{
	small_pages();
}

LAYOUT(huge, RESIDENT, SIZE)
{
	huge_pages();
}

LAYOUT(huge_split_by_mprotect, RESIDENT, SIZE)
{
	char *at = huge_pages();

	NEEDS(!mprotect(at + 5 * PAGE, PAGE, PROT_READ));
}

LAYOUT(huge_partly_freed, RESIDENT, SIZE - 100 * PAGE)
{
	char *at = huge_pages();

	madvise(at + 5 * PAGE, 100 * PAGE, MADV_DONTNEED);
}

LAYOUT(huge_lazily_freed, LAZYFREE, SIZE)
{
	char *at = huge_pages();

	lazily_free(at, SIZE);
}

LAYOUT(huge_partly_lazily_freed, LAZYFREE, PAGE)
{
	char *at = huge_pages();

	lazily_free(at + MIB, 2 * MIB);
}

LAYOUT(huge_lazily_freed_and_reused, RESIDENT, SIZE)
{
	char *at = huge_pages();

	lazily_free(at, SIZE);
	memset(at, 2, SIZE);
}

LAYOUT(huge_split_and_lazily_freed, LAZYFREE, PAGE)
{
	char *at = huge_pages();

	NEEDS(!mprotect(at + 5 * PAGE, PAGE, PROT_READ));
	lazily_free(at, SIZE);
}

/*
 * Reclaim finds that the first page was written again and gives the whole huge
 * page its swap back, while the other entries stay clean.
 */
LAYOUT(huge_lazily_freed_and_rescued, RESIDENT, 2 * HUGE_PAGE)
{
	char *at;

	NEEDS(!cgroup_enter(CGROUP));
	at = huge_pages();
	lazily_free(at, SIZE);
	for (size_t i = 0; i < SIZE; i += HUGE_PAGE) {
		NEEDS(!mprotect(at + i + 5 * PAGE, PAGE, PROT_READ));
		*page_of(at, i / PAGE) = 2;
	}
	cgroup_write(CGROUP, "memory.reclaim", "64K");
}

LAYOUT(huge_collapsed, RESIDENT, SIZE)
{
	char *at = small_pages();

	madvise(at, SIZE, MADV_HUGEPAGE);
	NEEDS(!madvise(at, SIZE, MADV_COLLAPSE));
}

LAYOUT(lazily_freed, LAZYFREE, SIZE)
{
	char *at = small_pages();

	lazily_free(at, SIZE);
}

LAYOUT(lazily_freed_in_part, LAZYFREE, SIZE / 2)
{
	char *at = small_pages();

	drain_batches();
	for (size_t i = 0; i < SIZE / PAGE; i += 2)
		NEEDS(!madvise(at + i * PAGE, PAGE, MADV_FREE));
	drain_batches();
}

LAYOUT(lazily_freed_and_in_batches, LAZYFREE, 0)
{
	char *at = small_pages();

	drain_batches();
	NEEDS(!madvise(at, 11 * PAGE, MADV_FREE));
}

LAYOUT(lazily_freed_and_read, LAZYFREE, SIZE)
{
	char *at = small_pages();

	lazily_free(at, SIZE);
	read_pages(at, SIZE);
}

LAYOUT(lazily_freed_and_reused, RESIDENT, SIZE / 2)
{
	char *at = small_pages();

	lazily_free(at, SIZE);
	for (size_t i = 0; i < SIZE / PAGE; i += 2)
		*page_of(at, i) = 2;
}

LAYOUT(lazily_freed_and_taken, NONE, SIZE)
{
	char *at = small_pages();

	NEEDS(!madvise(at, SIZE, MADV_FREE));
	swap_out(at, SIZE);
}

LAYOUT(lazily_freed_before_fork, LAZYFREE, SIZE)
{
	char *at = small_pages();

	lazily_free(at, SIZE);
	shared_with_child();
}

LAYOUT(lazily_freed_after_fork, RESIDENT, PAGE)
{
	char *at = small_pages();

	drain_batches();
	shared_with_child();
	lazily_free(at, SIZE);
}

LAYOUT(zero_page, ZERO, SIZE)
{
	read_pages(anonymous(MADV_NOHUGEPAGE), SIZE);
}

LAYOUT(huge_zero_page, ZERO, SIZE)
{
	read_pages(anonymous(MADV_HUGEPAGE), SIZE);
}

LAYOUT(huge_zero_page_written_in_part, RESIDENT, PAGE)
{
	char *at = anonymous(MADV_HUGEPAGE);

	read_pages(at, SIZE);
	*page_of(at, 7) = 1;
}

LAYOUT(huge_zero_page_split, ZERO, SIZE)
{
	char *at = anonymous(MADV_HUGEPAGE);

	read_pages(at, SIZE);
	NEEDS(!mprotect(at + 5 * PAGE, PAGE, PROT_NONE));
}

LAYOUT(swapped_out, SWAPPED, SIZE)
{
	swap_out(small_pages(), SIZE);
}

LAYOUT(swapped_out_huge, SWAPPED, SIZE)
{
	swap_out(huge_pages(), SIZE);
}

LAYOUT(swapped_out_and_read, RESIDENT, SIZE / 2)
{
	char *at = small_pages();

	swap_out(at, SIZE);
	read_pages(at, SIZE / 2);
}

LAYOUT(swapped_out_and_written, RESIDENT, SIZE / 2)
{
	char *at = small_pages();

	swap_out(at, SIZE);
	memset(at, 2, SIZE / 2);
}

LAYOUT(swapped_out_and_lazily_freed, NONE, SIZE)
{
	char *at = small_pages();

	swap_out(at, SIZE);
	NEEDS(!madvise(at, SIZE, MADV_FREE));
}

LAYOUT(swapped_in_and_lazily_freed, LAZYFREE, PAGE)
{
	char *at = small_pages();

	swap_out(at, SIZE);
	read_pages(at, SIZE);
	drain_batches();
	lazily_free(at, SIZE);
}

LAYOUT(fork_shared, RESIDENT, SIZE)
{
	small_pages();
	shared_with_child();
}

LAYOUT(fork_shared_huge, RESIDENT, SIZE)
{
	huge_pages();
	shared_with_child();
}

LAYOUT(fork_shared_and_written, RESIDENT, SIZE)
{
	char *at = small_pages();

	shared_with_child();
	memset(at, 2, SIZE / 2);
}

LAYOUT(swapped_out_and_fork_shared, SWAPPED, SIZE)
{
	swap_out(small_pages(), SIZE);
	shared_with_child();
}

LAYOUT(locked, RESIDENT, SIZE)
{
	NEEDS(!mlock(small_pages(), SIZE));
}

LAYOUT(locked_huge, RESIDENT, SIZE)
{
	NEEDS(!mlock(huge_pages(), SIZE));
}

LAYOUT(everything_locked, RESIDENT, SIZE)
{
	NEEDS(!mlockall(MCL_CURRENT));
	NEEDS(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED);
}

LAYOUT(lazily_freed_then_locked, RESIDENT, 0)
{
	char *at = small_pages();

	lazily_free(at, SIZE);
	NEEDS(!mlock(at, SIZE));
}

LAYOUT(file_private_clean, FILE, SIZE)
{
	read_pages(mapped(file("/root"), PROT_READ | PROT_WRITE, MAP_PRIVATE), SIZE);
}

LAYOUT(file_private_written, RESIDENT, SIZE / 2)
{
	char *at = mapped(file("/root"), PROT_READ | PROT_WRITE, MAP_PRIVATE);

	read_pages(at, SIZE);
	memset(at, 1, SIZE / 2);
}

LAYOUT(file_private_written_and_swapped, SWAPPED, SIZE / 2)
{
	char *at = mapped(file("/root"), PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(at, 1, SIZE / 2);
	swap_out(at, SIZE / 2);
}

LAYOUT(file_private_written_and_lazily_freed, RESIDENT, SIZE)
{
	char *at = mapped(file("/root"), PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(at, 1, SIZE);
	madvise(at, SIZE, MADV_FREE);	/* refused: not anonymous memory */
}

LAYOUT(file_shared, FILE, SIZE)
{
	memset(mapped(file("/root"), PROT_READ | PROT_WRITE, MAP_SHARED), 1, SIZE);
}

LAYOUT(tmpfs_shared, SHMEM, SIZE)
{
	memset(mapped(file("/dev/shm"), PROT_READ | PROT_WRITE, MAP_SHARED), 1, SIZE);
}

LAYOUT(tmpfs_private_written, RESIDENT, SIZE / 2)
{
	int fd = file("/dev/shm");
	char *at;

	memset(mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED), 1, SIZE);
	at = mapped(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	read_pages(at, SIZE);
	memset(at, 2, SIZE / 2);
}

LAYOUT(tmpfs_swapped, SHMEM, SIZE / 2)
{
	char *at = mapped(file("/dev/shm"), PROT_READ | PROT_WRITE, MAP_SHARED);

	memset(at, 1, SIZE);
	swap_out(at, SIZE);
	read_pages(at, SIZE / 2);
}

LAYOUT(tmpfs_huge, SHMEM, SIZE)
{
	static const char knob[] = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
	char *at;

	NEEDS(write_file(knob, "advise"));
	at = mapped(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
	madvise(at, SIZE, MADV_HUGEPAGE);
	memset(at, 1, SIZE);
}

LAYOUT(shared_anonymous, SHMEM, SIZE)
{
	memset(mapped(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS), 1, SIZE);
}

LAYOUT(memfd, SHMEM, SIZE)
{
	int fd = syscall(SYS_memfd_create, "layout", 0);

	NEEDS(fd >= 0 && !ftruncate(fd, SIZE));
	memset(mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED), 1, SIZE);
}

LAYOUT(hugetlb, NONE, 0)
{
	NEEDS(write_file("/proc/sys/vm/nr_hugepages", "8"));
	memset(mapped(-1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB),
	       1, SIZE / 2);
}

LAYOUT(hugetlb_shared, NONE, 0)
{
	NEEDS(write_file("/proc/sys/vm/nr_hugepages", "8"));
	memset(mapped(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB),
	       1, SIZE / 2);
}

LAYOUT(merged_by_ksm, RESIDENT, SIZE)
{
	merge(small_pages(), "0", KPF_KSM);
}

/* Zero pages with dirty entries, so that the kernel knows whose they are. */
LAYOUT(merged_into_zero_pages, ZERO, SIZE - MIB)
{
	char *at = small_pages();

	memset(at, 0, SIZE);
	merge(at, "1", KPF_ZERO_PAGE);
}

LAYOUT(protected_none, RESIDENT, SIZE)
{
	NEEDS(!mprotect(small_pages(), SIZE, PROT_NONE));
}

LAYOUT(protected_none_huge, RESIDENT, SIZE)
{
	NEEDS(!mprotect(huge_pages(), SIZE, PROT_NONE));
}

LAYOUT(protected_none_lazily_freed, LAZYFREE, SIZE)
{
	char *at = small_pages();

	lazily_free(at, SIZE);
	NEEDS(!mprotect(at, SIZE, PROT_NONE));
}

LAYOUT(read_only_after_write, RESIDENT, SIZE)
{
	NEEDS(!mprotect(small_pages(), SIZE, PROT_READ));
}

/* Entries that fault so that the kernel sees from which node they are used. */
LAYOUT(numa_hinting, RESIDENT, SIZE)
{
	static const char knobs[] = "/sys/kernel/debug/sched/numa_balancing/";
	unsigned long before;
	pthread_t thread;

	NEEDS(write_file("/proc/sys/kernel/numa_balancing", "1"));
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {
			"scan_delay_ms", "scan_period_min_ms", "scan_period_max_ms",
		};
		char path[128];

		snprintf(path, sizeof(path), "%s%s", knobs, names[i]);
		NEEDS(write_file(path, "1"));
	}
	/* pages on the node of a single thread would be left alone */
	NEEDS(!pthread_create(&thread, NULL, idle, NULL));
	before = vmstat("numa_pte_updates");
	small_pages();
	while (vmstat("numa_pte_updates") < before + 100)
		;
	NEEDS(write_file("/proc/sys/kernel/numa_balancing", "0"));
}

LAYOUT(moved_to_the_other_node, RESIDENT, SIZE)
{
	char *at = small_pages();
	unsigned long node = 2;

	NEEDS(!syscall(SYS_mbind, at, SIZE, 2 /* MPOL_BIND */, &node, 8UL, 1 << 1));
}

LAYOUT(moved_after_lazily_freed, LAZYFREE, SIZE)
{
	char *at = small_pages();
	unsigned long node = 2;

	lazily_free(at, SIZE);
	NEEDS(!syscall(SYS_mbind, at, SIZE, 2 /* MPOL_BIND */, &node, 8UL, 1 << 1));
}

LAYOUT(poisoned, MIGRATING, 3 * PAGE)
{
	char *at = small_pages();

	for (int i = 0; i < 3; i++)
		poison(at + 7 * i * PAGE);
}

LAYOUT(poisoned_file, FILE, 0)
{
	char *at = mapped(file("/dev/shm"), PROT_READ | PROT_WRITE, MAP_SHARED);

	memset(at, 1, SIZE);
	poison(at + 7 * PAGE);
}

LAYOUT(userfault_write_protected, RESIDENT, SIZE / 2)
{
	char *at = anonymous(MADV_NOHUGEPAGE);

	memset(at, 1, SIZE / 2);
	write_protect(userfault(at, UFFDIO_REGISTER_MODE_WP), at, SIZE);
}

LAYOUT(userfault_markers_in_shmem, SHMEM, SIZE / 2)
{
	char *at = mapped(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
	int fd = userfault(at, UFFDIO_REGISTER_MODE_WP);

	memset(at, 1, SIZE);
	write_protect(fd, at, SIZE);
	/* entries go, markers stay */
	NEEDS(!madvise(at, SIZE / 2, MADV_DONTNEED));
}

LAYOUT(userfault_swapped, SWAPPED, SIZE)
{
	char *at = small_pages();

	write_protect(userfault(at, UFFDIO_REGISTER_MODE_WP), at, SIZE);
	swap_out(at, SIZE);
}

LAYOUT(device_map_and_header, RESIDENT, SIZE)
{
	struct device_heap heap;

	NEEDS(!device_heap(&heap, 64 * MIB));
	memset(heap.memory, 1, SIZE);
	device_say(&heap, 0, 64 * MIB, SPANHEAP_IN_USE);
}

LAYOUT(heap_with_every_intent, LAZYFREE, MIB)
{
	struct device_heap heap;

	NEEDS(!device_heap(&heap, 64 * MIB));
	madvise(heap.memory, SIZE, MADV_NOHUGEPAGE);
	memset(heap.memory, 1, SIZE);
	for (unsigned int i = 0; i < 7; i++)
		device_say(&heap, i * MIB, MIB, i);
	drain_batches();
	NEEDS(!madvise(heap.memory + SPANHEAP_LAZY * MIB, MIB, MADV_FREE));
}

LAYOUT(many_small_mappings, RESIDENT, 1000 * PAGE)
{
	char *at = small_pages();

	for (size_t i = 0; i < SIZE / PAGE; i += 2)
		munmap(at + i * PAGE, PAGE);
}

FIXTURE_SETUP(ledger)
{
	int status;

	self->pid = 0;
	self->fd = device_open();
	if (self->fd < 0)
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	self->pid = fork();
	if (!self->pid) {
		setpgid(0, 0);
		variant->make();
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4) {
		self->pid = 0;
		SKIP(return, "this machine cannot make it");
	}
	ASSERT_TRUE(WIFSTOPPED(status));
}

FIXTURE_TEARDOWN(ledger)
{
	if (self->pid <= 0)
		return;
	kill(-self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	rmdir(CGROUP_ROOT "/" CGROUP);
}

/*
 * Before 6.7 smaps did not see huge pages under PROT_NONE. There the kernel's own
 * counters are the witness, which count them.
 */
static uint64_t unseen_by_smaps(void (*make)(void))
{
	struct utsname name;
	int major, minor;

	uname(&name);
	if (make != make_protected_none_huge ||
	    sscanf(name.release, "%d.%d", &major, &minor) != 2)
		return 0;
	return major < 6 || (major == 6 && minor < 7) ? SIZE : 0;
}

/* khugepaged, kswapd and batches do not stop: they get some tries to be still. */
#define TRIES	10

static bool agree(const struct spanheap_ledger *ledger, const struct smaps *smaps)
{
	return ledger_rss(ledger) == smaps->rss &&
	       ledger_column(ledger, SPANHEAP_RESIDENT) +
	       ledger_column(ledger, SPANHEAP_LAZYFREE) +
	       ledger->migrating_anon == smaps->anonymous &&
	       ledger_column(ledger, SPANHEAP_LAZYFREE) - ledger->batched == smaps->lazyfree &&
	       ledger_column(ledger, SPANHEAP_SWAPPED) == smaps->swap &&
	       ledger->huge == smaps->huge && ledger->hugetlb == smaps->hugetlb &&
	       ledger->rss + ledger->poisoned == smaps->rss && ledger->swap == smaps->swap;
}

TEST_F(ledger, agrees_with_smaps)
{
	uint64_t unseen = unseen_by_smaps(variant->make);
	struct spanheap_ledger ledger;
	struct smaps smaps;

	for (int i = 0; i < TRIES; i++) {
		ASSERT_EQ(0, device_ledger(self->fd, &ledger, SPANHEAP_SCOPE_PID, self->pid));
		ASSERT_EQ(0, smaps_read(self->pid, &smaps));
		smaps.rss += unseen;
		smaps.anonymous += unseen;
		smaps.huge += unseen;
		if (agree(&ledger, &smaps))
			break;
	}
	EXPECT_EQ(smaps.rss, ledger_rss(&ledger));
	EXPECT_EQ(smaps.anonymous, ledger_column(&ledger, SPANHEAP_RESIDENT) +
		  ledger_column(&ledger, SPANHEAP_LAZYFREE) + ledger.migrating_anon);
	EXPECT_EQ(smaps.lazyfree, ledger_column(&ledger, SPANHEAP_LAZYFREE) - ledger.batched);
	EXPECT_EQ(smaps.swap, ledger_column(&ledger, SPANHEAP_SWAPPED));
	EXPECT_EQ(smaps.huge, ledger.huge);
	EXPECT_EQ(smaps.hugetlb, ledger.hugetlb);
	EXPECT_EQ(smaps.rss, ledger.rss + ledger.poisoned);
	EXPECT_EQ(smaps.swap, ledger.swap);
	EXPECT_EQ(0, ledger.skipped);
	EXPECT_LE(variant->at_least, ledger_column(&ledger, variant->residency));
}

TEST_HARNESS_MAIN
