// SPDX-License-Identifier: MIT
/*
 * spanheap list: arguments everywhere; with the device, that heaps of this test's own
 * stand there with their figures, also when they are more than one call tells.
 */
#include <inttypes.h>

#include "kselftest_harness.h"
#include "../kmod/device.h"
#include "capture.h"

TEST(wrong_usage)
{
	struct capture c;

	CAPTURE(&c, "list", "--quick");
	EXPECT_EQ(2, c.status);
	EXPECT_NE(NULL, strstr(c.err, "'--quick'"));
	CAPTURE(&c, "list", "1");
	EXPECT_EQ(2, c.status);
}

TEST(no_device)
{
	struct capture c;

	if (!access(SPANHEAP_DEVICE, F_OK))
		return;
	CAPTURE(&c, "list");
	EXPECT_EQ(1, c.status);
	EXPECT_NE(NULL, strstr(c.err, SPANHEAP_DEVICE));
}

TEST(figures)
{
	struct device_heap heap;
	char wanted[256];
	struct capture c;

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&heap, 4 * MIB));
	device_say(&heap, 0, MIB, SPANHEAP_IDLE);
	CAPTURE(&c, "list", "--json");
	EXPECT_EQ(0, c.status);
	snprintf(wanted, sizeof(wanted), "{\"heap\": %" PRIu64 ", \"pid\": %d, \"regions\": 1, "
		 "\"bytes\": 4194304, \"idle\": 1048576, \"revoked\": 0}",
		 (uint64_t)heap.reg.heap_id, getpid());
	EXPECT_NE(NULL, strstr(c.out, wanted));
	CAPTURE(&c, "list");
	EXPECT_EQ(0, c.status);
	EXPECT_NE(NULL, strstr(c.out, "4.0 MiB        1.0 MiB        0.0 MiB"));
}

TEST(many)
{
	struct capture c;
	int found = 0;

	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	for (int i = 0; i < 100; i++) {
		struct spanheap_register reg = { .size = sizeof(reg) };

		ASSERT_EQ(0, device_do(device_open(), SPANHEAP_IOC_REGISTER, &reg));
	}
	CAPTURE(&c, "list", "--json");
	EXPECT_EQ(0, c.status);
	for (const char *at = c.out; (at = strstr(at, "\"regions\": 0,")); at++)
		found++;
	EXPECT_EQ(100, found);
}

TEST_HARNESS_MAIN
