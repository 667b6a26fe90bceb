// SPDX-License-Identifier: MIT
/*
 * spanheap reclaim: arguments and errors everywhere; with the device, that what it
 * says has happened, by pagemap and the map of a heap of this test's own.
 */
#include "kselftest_harness.h"
#include "../kmod/device.h"
#include "../kmod/witness.h"
#include "capture.h"

#define LENGTH	(16 * MIB)
#define PAGES	(LENGTH / PAGE)

static char *number(char buf[16], int n)
{
	snprintf(buf, 16, "%d", n);
	return buf;
}

TEST(wrong_usage)
{
	static const struct {
		char *args[3];
		const char *named;
	} cases[] = {
		{ { NULL }, "which process" },
		{ { "1" }, "how much" },
		{ { "--quick" }, "'--quick'" },
		{ { "x", "1M" }, "'x'" },
		{ { "1", "0" }, "'0'" },
		{ { "1", "-1" }, "'-1'" },
		{ { "1", "1T" }, "'1T'" },
		{ { "1", "1MB" }, "'1MB'" },
		{ { "1", "M" }, "'M'" },
		{ { "1", "9999999999G" }, "'9999999999G'" },
		{ { "1", "99999999999999999999" }, "'99999999999999999999'" },
		{ { "1", "1M", "1M" }, "one order" },
	};
	struct capture c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CAPTURE(&c, "reclaim", cases[i].args[0], cases[i].args[1], cases[i].args[2]);
		EXPECT_EQ(2, c.status)
			TH_LOG("case %zu", i);
		EXPECT_NE(NULL, strstr(c.err, cases[i].named))
			TH_LOG("case %zu: %s", i, c.err);
	}
}

TEST(without_the_module)
{
	struct capture c;

	if (!access(SPANHEAP_DEVICE, F_OK))
		return;
	CAPTURE(&c, "reclaim", "1", "1M");
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "no spanheap.ko"));
}

TEST(says_what_happened)
{
	struct device_heap heap;
	uint64_t entries[PAGES];
	size_t gone = 0;
	bool revokes;
	struct capture c;
	char pid[16];

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&heap, LENGTH));
	madvise(heap.memory, LENGTH, MADV_NOHUGEPAGE);
	memset(heap.memory, 1, LENGTH);
	device_say(&heap, 0, LENGTH, SPANHEAP_IN_USE);
	device_say(&heap, 0, 4 * MIB, SPANHEAP_IDLE);
	revokes = heap.header->features & SPANHEAP_FEATURE_REVOKE;
	CAPTURE(&c, "reclaim", "--json", number(pid, getpid()), "1024K");
	ASSERT_EQ(0, c.status);
	EXPECT_EQ(getpid(), json_number(c.out, "pid"));
	EXPECT_EQ(MIB, json_number(c.out, "bytes"));
	/* the command's own fork shares no page with us any more when it asks */
	EXPECT_EQ(revokes ? MIB : 0, json_number(c.out, "taken"));
	EXPECT_EQ(MIB, json_number(c.out, "taken") + json_number(c.out, "asked"));
	CAPTURE(&c, "reclaim", pid, "6M");
	ASSERT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, revokes ? "3.0 MiB went at once, 3.0 MiB asked for" :
					       "0.0 MiB went at once, 6.0 MiB asked for"));
	ASSERT_EQ(0, pagemap_entries(getpid(), address(heap.memory), PAGES, entries));
	for (size_t i = 0; i < PAGES; i++)
		gone += !(entries[i] & PM_PRESENT);
	EXPECT_EQ(revokes ? 4 * MIB / PAGE : 0, gone);
}

TEST(who_has_no_heap)
{
	struct capture c;

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	CAPTURE(&c, "reclaim", "1", "1M");
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "has no heap"));
	CAPTURE(&c, "reclaim", "2", "1M");
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, "no memory of its own"));
}

TEST(a_stranger_may_not)
{
	struct capture c;
	int status;

	if (access(SPANHEAP_DEVICE, F_OK) || geteuid())
		SKIP(return, "needs root and " SPANHEAP_DEVICE);
	if (!fork()) {
		if (setgid(65534) || setuid(65534))
			_exit(9);
		CAPTURE(&c, "reclaim", "1", "1M");
		_exit(c.status != 1 || !strstr(c.err, "may not be given orders"));
	}
	wait(&status);
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
