/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own words on a process, which the ledger is held against: smaps,
 * pagemap, kpageflags. Nothing of spanheap's is in here.
 */
#ifndef SELFTESTS_KMOD_WITNESS_H
#define SELFTESTS_KMOD_WITNESS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* smaps summed over all mappings, in bytes. */
struct smaps {
	uint64_t rss;
	uint64_t anonymous;
	uint64_t lazyfree;
	uint64_t swap;		/* of mappings that are not shmem */
	uint64_t huge;		/* mapped by huge entries, hugetlbfs apart */
	uint64_t hugetlb;
};

/* Whether the line that opens a mapping names shmem. */
static inline bool smaps_is_shmem(const char *line)
{
	static const char *const names[] = {
		"/dev/shm/", "/tmp/", "/memfd:", "/dev/zero (deleted)", "/SYSV", "[anon_shmem",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strstr(line, names[i]))
			return true;
	return false;
}

static inline int smaps_read(pid_t pid, struct smaps *sum)
{
	char path[64], line[512], name[64];
	unsigned long kib;
	bool shmem = false;
	FILE *f;

	*sum = (struct smaps) {};
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63[A-Za-z_]: %lu kB", name, &kib) != 2) {
			if (strchr(line, '-') && strstr(line, " "))
				shmem = smaps_is_shmem(line);
			continue;
		}
		if (!strcmp(name, "Rss"))
			sum->rss += kib << 10;
		else if (!strcmp(name, "Anonymous"))
			sum->anonymous += kib << 10;
		else if (!strcmp(name, "LazyFree"))
			sum->lazyfree += kib << 10;
		else if (!strcmp(name, "Swap") && !shmem)
			sum->swap += kib << 10;
		else if (!strcmp(name, "AnonHugePages") || !strcmp(name, "ShmemPmdMapped") ||
			 !strcmp(name, "FilePmdMapped"))
			sum->huge += kib << 10;
		else if (!strcmp(name, "Shared_Hugetlb") || !strcmp(name, "Private_Hugetlb"))
			sum->hugetlb += kib << 10;
	}
	fclose(f);
	return 0;
}

/* /proc/PID/pagemap, from Documentation/admin-guide/mm/pagemap.rst */
#define PM_PFN(entry)	((entry) & ((1ULL << 55) - 1))
#define PM_SWAPPED	(1ULL << 62)
#define PM_PRESENT	(1ULL << 63)

/* /proc/kpageflags, from include/uapi/linux/kernel-page-flags.h */
#define KPF_DIRTY	(1ULL << 4)
#define KPF_MMAP	(1ULL << 11)
#define KPF_ANON	(1ULL << 12)
#define KPF_SWAPBACKED	(1ULL << 14)
#define KPF_COMPOUND_TAIL	(1ULL << 16)
#define KPF_KSM		(1ULL << 21)
#define KPF_THP		(1ULL << 22)
#define KPF_ZERO_PAGE	(1ULL << 24)

/* @nr entries of @pid's pagemap from @addr on: 0 or -1. */
static inline int pagemap_entries(pid_t pid, uintptr_t addr, size_t nr, uint64_t *entries)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	got = pread(fd, entries, nr * 8, (off_t)(addr / 4096 * 8));
	close(fd);
	return got == (ssize_t)(nr * 8) ? 0 : -1;
}

/*
 * The flags of a page frame; 0 when they cannot be read. What is said of a huge
 * page stands at its head, and with some kernels only there.
 */
static inline uint64_t kpageflags(uint64_t pfn)
{
	static int fd = -1;
	uint64_t flags;

	if (fd < 0)
		fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	do {
		if (pread(fd, &flags, 8, (off_t)(pfn * 8)) != 8)
			return 0;
	} while (flags & KPF_COMPOUND_TAIL && pfn--);
	return flags;
}

/*
 * Bring every page out of the per-CPU batches of all CPUs: a call of
 * move_pages(2) with a target does so before it looks at any page.
 */
static inline void drain_batches(void)
{
	static char page[4096] __attribute__((aligned(4096)));
	void *pages[] = { page };
	int node = 0, status;

	page[0] = 1;
	syscall(SYS_move_pages, 0, 1UL, pages, &node, &status, 2 /* MPOL_MF_MOVE */);
}

#endif /* SELFTESTS_KMOD_WITNESS_H */
