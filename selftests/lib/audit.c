// SPDX-License-Identifier: MIT
/*
 * The library's books against the module's walk of the same heap: the running
 * totals in the header page, where any observer reads them, and the ledger.
 */
#include <dirent.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/spanheap.h>
#include "kselftest_harness.h"
#include "heapload.h"

RUN_WITH_DELAY("50")

static struct spanheap_ledger ledger;

/* This process's open device, as /proc shows it. */
static int device_fd(void)
{
	DIR *dir = opendir("/proc/self/fd");
	char link[PATH_MAX];
	struct dirent *d;
	int found = -1;

	while (dir && found < 0 && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		if (!strcmp(link, SPANHEAP_DEVICE))
			found = atoi(d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static uint64_t row(unsigned int intent)
{
	uint64_t sum = 0;

	for (int i = 0; i < SPANHEAP_NR_RESIDENCIES; i++)
		sum += ledger.total.bytes[intent][i];
	return sum;
}

static void ask(int fd)
{
	ledger = (struct spanheap_ledger){
		.size = sizeof(ledger), .scope = SPANHEAP_SCOPE_HEAP,
	};
	ioctl(fd, SPANHEAP_IOC_LEDGER, &ledger);
}

FIXTURE(audit)
{
	struct load load;
	const volatile struct spanheap_header *header;
	int fd;
};

/* 200 MiB, 160 of them free, and nobody has looked at them yet. */
FIXTURE_SETUP(audit)
{
	if (!have_device())
		SKIP(return, "no spanheap.ko");
	spanheap_set_release(SPANHEAP_RELEASE_KEEP);
	ASSERT_TRUE(load_fill(&self->load, 200 * MIB));
	load_free(&self->load, 0, self->load.nr / 5 * 4);
	self->fd = device_fd();
	ASSERT_GE(self->fd, 0);
	self->header = mmap(NULL, sizeof(*self->header), PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->header);
}

FIXTURE_TEARDOWN(audit)
{
}

/*
 * The books also know the first reserve, FIRST_RESERVE in heap.c, which is no
 * region. The scavenger publishes them when it has done its work.
 */
#define UNREGISTERED	(4 * MIB)

static bool agree(int fd, const volatile struct spanheap_header *header,
		  unsigned int intent, uint64_t least)
{
	uint64_t books, walk;

	ask(fd);
	walk = row(intent);
	books = header->owner_totals[intent];
	return walk >= least && books >= walk && books - walk <= UNREGISTERED;
}

TEST_F(audit, idle)
{
	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
	EXPECT_TRUE(EVENTUALLY(agree(self->fd, self->header, SPANHEAP_IDLE, 145 * MIB)));
	/* What the module does not know is never handed over: to the page. */
	EXPECT_EQ(row(SPANHEAP_IDLE), self->header->owner_totals[SPANHEAP_IDLE]);
	/* It was touched, and so is resident, all of it. */
	EXPECT_EQ(row(SPANHEAP_IDLE), ledger.total.bytes[SPANHEAP_IDLE][SPANHEAP_RESIDENT]);
	EXPECT_EQ(0, ledger.bad_intent);
	EXPECT_EQ(0, row(SPANHEAP_LAZY));
}

TEST_F(audit, lazy)
{
	spanheap_set_release(SPANHEAP_RELEASE_FREE);
	EXPECT_TRUE(EVENTUALLY(agree(self->fd, self->header, SPANHEAP_LAZY, 145 * MIB)));
	EXPECT_EQ(0, row(SPANHEAP_IDLE));
	/*
	 * A huge page of which a part is used again, by stdio say, is written as
	 * a whole for the kernel: the rest of it is resident again.
	 */
	EXPECT_GE(ledger.total.bytes[SPANHEAP_LAZY][SPANHEAP_LAZYFREE] + 4 * MIB,
		  row(SPANHEAP_LAZY));
}

TEST_F(audit, released)
{
	spanheap_set_release(SPANHEAP_RELEASE_DONTNEED);
	EXPECT_TRUE(EVENTUALLY(agree(self->fd, self->header, SPANHEAP_RELEASED, 145 * MIB)));
	EXPECT_EQ(0, row(SPANHEAP_IDLE));
	EXPECT_EQ(0, row(SPANHEAP_LAZY));
	EXPECT_GE(ledger.total.bytes[SPANHEAP_RELEASED][SPANHEAP_NONE] + 4 * MIB,
		  row(SPANHEAP_RELEASED));
}

TEST_HARNESS_MAIN
