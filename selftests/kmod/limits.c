// SPDX-License-Identifier: MIT
/*
 * What a user may have: heaps and bytes of page maps, by module parameters; that what
 * is closed no longer counts; and that a limit never shows later than at ADD. Needs
 * root.
 */
#include <grp.h>
#include <stdlib.h>

#include "kselftest_harness.h"

#include "parameter.h"
#include "refused.h"

FIXTURE(limits) {
	struct device_heap heap;
	char heaps[32];
	char maps[32];
};

FIXTURE_SETUP(limits)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	if (geteuid())
		SKIP(return, "needs root");
	device_wait_for_no_heaps();
	ASSERT_EQ(0, parameter_get("max_heaps_per_user", self->heaps, sizeof(self->heaps)));
	ASSERT_EQ(0, parameter_get("max_map_bytes", self->maps, sizeof(self->maps)));
}

FIXTURE_TEARDOWN(limits)
{
	if (!geteuid()) {
		parameter_set("max_heaps_per_user", self->heaps);
		parameter_set("max_map_bytes", self->maps);
	}
}

static int registered(int fd)
{
	struct spanheap_register reg = { .size = sizeof(reg) };

	return device_do(fd, SPANHEAP_IOC_REGISTER, &reg);
}

/* In a child that has become nobody, with an open device: -errno of registering. */
static int register_as_nobody(void *arg)
{
	int fd = device_open();

	if (fd < 0 || setgroups(0, NULL) || setresuid(65534, 65534, 65534))
		return 255;
	return -registered(fd);
}

TEST_F(limits, heaps_of_a_user)
{
	int fds[4];

	/* nobody else uses the device while this runs, as far as root goes */
	ASSERT_EQ(0, parameter_set("max_heaps_per_user", "3"));
	for (int i = 0; i < 4; i++) {
		fds[i] = device_open();
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(i < 3 ? 0 : -EMFILE, registered(fds[i]));
	}
	EXPECT_EQ(-EMFILE, registered(fds[3]));
	/* each user for itself */
	EXPECT_EQ(0, in_child(register_as_nobody, NULL));
	/* a closed one counts no more, and the file that was refused is none the worse */
	close(fds[0]);
	EXPECT_EQ(0, registered(fds[3]));
	fds[0] = device_open();
	EXPECT_EQ(-EMFILE, registered(fds[0]));
	ASSERT_EQ(0, parameter_set("max_heaps_per_user", "4"));
	EXPECT_EQ(0, registered(fds[0]));
}

TEST_F(limits, a_heap_counts_as_long_as_it_is_mapped)
{
	int fd = device_open(), again;

	ASSERT_EQ(0, parameter_set("max_heaps_per_user", "1"));
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	EXPECT_EQ(-EMFILE, registered(fd));
	close(self->heap.fd);
	EXPECT_EQ(-EMFILE, registered(fd));
	munmap((void *)self->heap.header, self->heap.reg.header_length);
	munmap((void *)self->heap.map, self->heap.region.map_length);
	munmap(self->heap.memory, self->heap.length);
	EXPECT_EQ(0, registered(fd));
	again = device_open();
	EXPECT_EQ(-EMFILE, registered(again));
}

TEST_F(limits, a_file_that_is_registered_twice_counts_once)
{
	int fd = device_open(), other = device_open();

	ASSERT_EQ(0, parameter_set("max_heaps_per_user", "2"));
	ASSERT_EQ(0, registered(fd));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(-EBUSY, registered(fd));
	EXPECT_EQ(0, registered(other));
}

/* A map of a page is 16 MiB of region. */
static struct spanheap_region region_of(size_t length)
{
	return (struct spanheap_region) {
		.size = sizeof(struct spanheap_region),
		.addr = address(device_reserve(length)), .length = length,
	};
}

static int add(int fd, struct spanheap_region *region)
{
	region->mem_offset = region->map_offset = region->map_length = 0;
	return device_do(fd, SPANHEAP_IOC_ADD, region);
}

TEST_F(limits, map_bytes_of_a_user)
{
	struct spanheap_region first = region_of(32 * MIB), second = region_of(MIB),
			       third = region_of(MIB);
	int fd = device_open(), other = device_open(), third_fd;

	ASSERT_EQ(0, registered(fd));
	ASSERT_EQ(0, registered(other));
	ASSERT_EQ(0, parameter_set("max_map_bytes", "12288"));
	EXPECT_EQ(0, add(fd, &first));
	EXPECT_EQ(0, add(other, &second));
	EXPECT_EQ(-ENOSPC, add(fd, &third));
	EXPECT_EQ(-ENOSPC, add(other, &third));
	/* a removed region's map may still be mapped: it goes with the file */
	first.mem_offset = first.map_offset = first.map_length = 0;
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_REMOVE, &first));
	EXPECT_EQ(-ENOSPC, add(fd, &third));
	close(fd);
	EXPECT_EQ(0, add(other, &third));
	/* nothing is charged for what was refused otherwise */
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(-EEXIST, add(other, &third));
	third_fd = device_open();
	ASSERT_EQ(0, registered(third_fd));
	EXPECT_EQ(-ENOSPC, add(third_fd, &first));
	ASSERT_EQ(0, parameter_set("max_map_bytes", "16384"));
	EXPECT_EQ(0, add(third_fd, &first));
}

/* Lowered below what there is: what there is goes on, at every page of its map. */
TEST_F(limits, lowering_breaks_nothing)
{
	ASSERT_EQ(0, device_heap(&self->heap, 64 * MIB));
	ASSERT_EQ(0, parameter_set("max_map_bytes", "4096"));
	ASSERT_EQ(0, parameter_set("max_heaps_per_user", "1"));
	for (size_t i = 0; i < 64 * MIB; i += 16 * MIB) {
		device_say(&self->heap, i, PAGE, SPANHEAP_IN_USE);
		self->heap.memory[i] = 1;
	}
	EXPECT_EQ(SPANHEAP_IN_USE, self->heap.map[48 * MIB / PAGE]);
}

TEST_F(limits, limits_have_limits)
{
	static const char *const names[] = { "max_heaps_per_user", "max_map_bytes" };

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-1, parameter_set(names[i], "0"));
		EXPECT_EQ(ERANGE, errno);
		EXPECT_EQ(-1, parameter_set(names[i], "0x7fffffffffffffff"));
		EXPECT_EQ(ERANGE, errno);
		EXPECT_EQ(-1, parameter_set(names[i], "-1"));
		EXPECT_EQ(-1, parameter_set(names[i], "some"));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, parameter_set("max_heaps_per_user", "65537"));
	EXPECT_EQ(-1, parameter_set("max_map_bytes", "4095"));
}

TEST_HARNESS_MAIN
