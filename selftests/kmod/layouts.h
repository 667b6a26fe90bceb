/* SPDX-License-Identifier: MIT */
/*
 * Memory as programs lay it out, one kind a function, for the tests that hold
 * the ledger against smaps. Each is made in a process of its own.
 */
#ifndef SELFTESTS_KMOD_LAYOUTS_H
#define SELFTESTS_KMOD_LAYOUTS_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <linux/userfaultfd.h>

#include "device.h"
#include "witness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif

#define SIZE		(8 * MIB)

/* What a layout cannot be made of on this machine ends the process with 4. */
#define NEEDS(condition) do {				\
	if (!(condition)) {				\
		fprintf(stderr, "# needs %s: %s\n", #condition, strerror(errno)); \
		_exit(4);				\
	}						\
} while (0)

/* Anonymous memory that is aligned for huge pages. */
static inline char *anonymous(int advice)
{
	char *at = device_reserve(SIZE);

	NEEDS(mmap(at, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
	madvise(at, SIZE, advice);
	return at;
}

/* Written, and on the LRU lists: MADV_FREE skips pages that are not there yet. */
static inline char *small_pages(void)
{
	char *at = anonymous(MADV_NOHUGEPAGE);

	memset(at, 1, SIZE);
	drain_batches();
	return at;
}

static inline char *huge_pages(void)
{
	char *at = anonymous(MADV_HUGEPAGE);

	memset(at, 1, SIZE);
	drain_batches();
	return at;
}

/* Each page apart, so that sums of wrong signs do not hide each other. */
static inline volatile char *page_of(char *at, size_t i)
{
	return at + i * PAGE;
}

/*
 * MADV_FREE skips a page that is off the LRU lists for a moment, as compaction and
 * whoever else drains batches may have it: so once more. The last drain leaves none
 * that smaps does not see yet.
 */
static inline void lazily_free(char *at, size_t length)
{
	for (int i = 0; i < 3; i++) {
		NEEDS(!madvise(at, length, MADV_FREE));
		drain_batches();
	}
}

static inline void read_pages(char *at, size_t length)
{
	for (size_t i = 0; i < length / PAGE; i++)
		(void)*page_of(at, i);
}

static inline void swap_out(char *at, size_t length)
{
	drain_batches();
	NEEDS(!madvise(at, length, MADV_PAGEOUT));
}

/* A file of ordinary kind (the root of a guest is a ramfs), or of tmpfs. */
static inline int file(const char *directory)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/layout-XXXXXX", directory);
	fd = mkstemp(path);
	NEEDS(fd >= 0);
	unlink(path);
	NEEDS(!ftruncate(fd, SIZE));
	return fd;
}

static inline char *mapped(int fd, int prot, int flags)
{
	char *at = device_reserve(SIZE);

	NEEDS(mmap(at, SIZE, prot, flags | MAP_FIXED, fd, 0) == at);
	return at;
}

static inline bool write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool good;

	if (!f)
		return false;
	good = fputs(text, f) >= 0;
	good &= !fclose(f);
	return good;
}

/* A child that keeps what it shares with this process until it is killed. */
static inline void shared_with_child(void)
{
	if (!fork())
		for (;;)
			pause();
}

/* Merge equal pages until the last of them shows @flag. */
static inline void merge(char *at, const char *zero_pages, uint64_t flag)
{
	uint64_t last, flags = 0;

	NEEDS(!madvise(at, SIZE, MADV_MERGEABLE));
	NEEDS(write_file("/sys/kernel/mm/ksm/use_zero_pages", zero_pages));
	NEEDS(write_file("/sys/kernel/mm/ksm/pages_to_scan", "10000"));
	NEEDS(write_file("/sys/kernel/mm/ksm/sleep_millisecs", "1"));
	NEEDS(write_file("/sys/kernel/mm/ksm/run", "1"));
	while (!(flags & flag)) {
		NEEDS(!pagemap_entries(getpid(), (uintptr_t)at + SIZE - PAGE, 1, &last));
		flags = kpageflags(PM_PFN(last));
	}
	NEEDS(write_file("/sys/kernel/mm/ksm/run", "0"));
}

static inline unsigned long vmstat(const char *name)
{
	char line[128], key[64];
	unsigned long value = 0;
	FILE *f = fopen("/proc/vmstat", "r");

	NEEDS(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lu", key, &value) == 2 && !strcmp(key, name))
			break;
	fclose(f);
	return value;
}

static inline void *idle(void *arg)
{
	pause();
	return arg;
}

static inline void survive(int signal)
{
}

/* As if the hardware had lost a page; later kernels tell by SIGBUS at once. */
static inline void poison(char *page)
{
	signal(SIGBUS, survive);
	NEEDS(!madvise(page, PAGE, MADV_HWPOISON));
}

static inline int userfault(char *at, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)at, .len = SIZE }, .mode = mode,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	NEEDS(fd >= 0);
	NEEDS(!ioctl(fd, UFFDIO_API, &api));
	NEEDS(!ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static inline void write_protect(int fd, char *at, size_t length)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)at, .len = length },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	NEEDS(!ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
}

#endif /* SELFTESTS_KMOD_LAYOUTS_H */
