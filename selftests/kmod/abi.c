// SPDX-License-Identifier: MIT
/*
 * The ABI of the device: conventions of argument structs, registering, adding
 * and removing, and every error of these. Built for 64 and for 32 bits.
 */
#include <stddef.h>

#include "kselftest_harness.h"

#include "device.h"
#include "parameter.h"
#include "refused.h"

FIXTURE(abi) {
	struct device_heap heap;
	struct spanheap_features features;
};

FIXTURE_SETUP(abi)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	self->features = (struct spanheap_features) { .size = sizeof(self->features) };
}

FIXTURE_TEARDOWN(abi)
{
}

/* A struct with room behind it, for callers that know more than the module. */
struct longer {
	struct spanheap_features known;
	uint64_t more[4];
};

TEST_F(abi, features)
{
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &self->features));
	EXPECT_EQ(sizeof(self->features), self->features.size);
	EXPECT_TRUE(self->features.features & SPANHEAP_FEATURE_LEDGER);
	EXPECT_EQ(PAGE, self->features.granule);
	EXPECT_LE(REGION_LENGTH, self->features.max_region);
	EXPECT_LE(REGION_LENGTH, self->features.max_heap);
	EXPECT_LE(1, self->features.max_regions);
	EXPECT_LE(1, self->features.nr_nodes);
}

TEST_F(abi, address_is_bad)
{
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, NULL));
}

TEST_F(abi, answer_cannot_be_written)
{
	struct spanheap_features *read_only = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	read_only->size = sizeof(*read_only);
	mprotect(read_only, PAGE, PROT_READ);
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, read_only));
	mprotect(read_only, PAGE, PROT_READ | PROT_WRITE);
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, read_only));
}

TEST_F(abi, struct_ends_in_a_hole)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct spanheap_features *at_edge = (void *)(page + PAGE - 16);

	munmap(page + PAGE, PAGE);
	at_edge->size = sizeof(*at_edge);
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, at_edge));
	at_edge->size = 16;
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, at_edge));
}

TEST_F(abi, size_is_zero)
{
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_FEATURES, &self->features, size, 0);
}

TEST_F(abi, size_is_less_than_itself)
{
	REFUSED_FIELD(EINVAL, SPANHEAP_IOC_FEATURES, &self->features, size, 7);
}

TEST_F(abi, size_is_enormous)
{
	REFUSED_FIELD(E2BIG, SPANHEAP_IOC_FEATURES, &self->features, size, PAGE + 8);
}

TEST_F(abi, short_struct_gets_what_it_knows)
{
	self->features.size = offsetof(struct spanheap_features, max_region);
	self->features.max_region = 42;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &self->features));
	EXPECT_EQ(PAGE, self->features.granule);
	EXPECT_EQ(42, self->features.max_region);
}

TEST_F(abi, long_struct_with_zeros)
{
	struct longer args = { .known.size = sizeof(args) };

	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &args));
	EXPECT_EQ(sizeof(args), args.known.size);
	EXPECT_EQ(PAGE, args.known.granule);
}

TEST_F(abi, long_struct_with_something)
{
	struct longer args = { .known.size = sizeof(args) };

	REFUSED(E2BIG, SPANHEAP_IOC_FEATURES, &args, args.more[3] = 1, args.more[3] = 0);
}

TEST_F(abi, type_is_unknown)
{
	EXPECT_EQ(-ENOTTY, device_do(self->heap.fd,
				     _IOWR(SPANHEAP_IOC_MAGIC ^ 1, 0, struct spanheap_features),
				     &self->features));
}

TEST_F(abi, number_is_unknown)
{
	EXPECT_EQ(-ENOTTY, device_do(self->heap.fd,
				     _IOWR(SPANHEAP_IOC_MAGIC, 0x7f, struct spanheap_features),
				     &self->features));
}

TEST_F(abi, encoded_size_is_not_looked_at)
{
	EXPECT_EQ(0, device_do(self->heap.fd, _IOWR(SPANHEAP_IOC_MAGIC, 0, char),
			       &self->features));
}

/* register */

#define REGISTER_FRESH(error, field, bad) do {					\
	struct spanheap_register reg = { .size = sizeof(reg) };		\
	int fd = device_open();							\
										\
	ASSERT_LE(0, fd);							\
	reg.field = (bad);							\
	EXPECT_EQ(-(error), device_do(fd, SPANHEAP_IOC_REGISTER, &reg));	\
	reg = (struct spanheap_register) { .size = sizeof(reg) };		\
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));		\
} while (0)

TEST_F(abi, register_tells)
{
	EXPECT_EQ(PAGE, self->heap.reg.granule);
	EXPECT_NE(0, self->heap.reg.heap_id);
	EXPECT_EQ(PAGE, self->heap.reg.header_length);
	EXPECT_EQ(self->heap.reg.heap_id, self->heap.header->heap_id);
	EXPECT_EQ(PAGE, self->heap.header->granule);
	EXPECT_TRUE(self->heap.header->features & SPANHEAP_FEATURE_LEDGER);
	EXPECT_EQ(0, self->heap.header->seq % 2);
}

TEST_F(abi, register_another_gets_another_id)
{
	struct spanheap_register other = { .size = sizeof(other) };
	int fd = device_open();

	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &other));
	EXPECT_NE(self->heap.reg.heap_id, other.heap_id);
}

TEST_F(abi, register_twice)
{
	struct spanheap_register again = { .size = sizeof(again) };

	EXPECT_EQ(-EBUSY, device_do(self->heap.fd, SPANHEAP_IOC_REGISTER, &again));
}

TEST_F(abi, register_with_flags)
{
	REGISTER_FRESH(EINVAL, flags, 1);
}

TEST_F(abi, register_with_odd_granule)
{
	REGISTER_FRESH(EINVAL, granule, 3000);
}

TEST_F(abi, register_with_large_granule)
{
	REGISTER_FRESH(EINVAL, granule, 2 * PAGE);
}

TEST_F(abi, register_with_small_granule_gets_a_page)
{
	struct spanheap_register reg = { .size = sizeof(reg), .granule = 512 };
	int fd = device_open();

	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(PAGE, reg.granule);
}

TEST_F(abi, register_at_a_bad_address)
{
	int fd = device_open();

	EXPECT_EQ(-EFAULT, device_do(fd, SPANHEAP_IOC_REGISTER, NULL));
}

/* add */

/* A second region: valid, not yet added. */
static struct spanheap_region another(size_t length)
{
	return (struct spanheap_region) {
		.size = sizeof(struct spanheap_region),
		.addr = address(device_reserve(length)),
		.length = length,
	};
}

#define REFUSED_ADD(error, field, bad) do {					\
	struct spanheap_region region = another(REGION_LENGTH);		\
										\
	REFUSED_FIELD(error, SPANHEAP_IOC_ADD, &region, field, bad);		\
} while (0)

TEST_F(abi, add_tells)
{
	uint64_t pages = REGION_LENGTH / PAGE;

	EXPECT_NE(0, self->heap.region.mem_offset);
	EXPECT_NE(0, self->heap.region.map_offset);
	EXPECT_LE(pages, self->heap.region.map_length);
	EXPECT_EQ(0, self->heap.region.map_length % PAGE);
	EXPECT_EQ(REGION_LENGTH, self->heap.region.length);
}

TEST_F(abi, add_to_no_heap)
{
	struct spanheap_region region = another(REGION_LENGTH);
	struct spanheap_register reg = { .size = sizeof(reg) };
	int fd = device_open();

	EXPECT_EQ(-ENXIO, device_do(fd, SPANHEAP_IOC_ADD, &region));
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_ADD, &region));
}

TEST_F(abi, add_with_flags)
{
	REFUSED_ADD(EINVAL, flags, 1);
}

TEST_F(abi, add_nothing)
{
	REFUSED_ADD(EINVAL, length, 0);
}

TEST_F(abi, add_at_a_misaligned_address)
{
	REFUSED_ADD(EINVAL, addr, region.addr + 8);
}

TEST_F(abi, add_with_a_misaligned_length)
{
	REFUSED_ADD(EINVAL, length, PAGE + 512);
}

TEST_F(abi, add_beyond_the_address_space)
{
	REFUSED_ADD(EINVAL, addr, 1ULL << 62);
}

TEST_F(abi, add_across_the_end_of_the_address_space)
{
	REFUSED_ADD(EINVAL, length, 1ULL << 57);
}

TEST_F(abi, add_with_a_length_that_wraps)
{
	REFUSED_ADD(EINVAL, length, -PAGE);
}

TEST_F(abi, add_at_a_bad_address_of_the_struct)
{
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_ADD, NULL));
}

TEST_F(abi, add_the_same_again)
{
	struct spanheap_region region = another(REGION_LENGTH);

	REFUSED_FIELD(EEXIST, SPANHEAP_IOC_ADD, &region, addr, self->heap.region.addr);
}

TEST_F(abi, add_over_the_head)
{
	struct spanheap_region region = another(REGION_LENGTH);

	REFUSED_FIELD(EEXIST, SPANHEAP_IOC_ADD, &region, addr,
		      self->heap.region.addr - REGION_LENGTH + PAGE);
}

TEST_F(abi, add_over_the_tail)
{
	struct spanheap_region region = another(REGION_LENGTH);

	REFUSED_FIELD(EEXIST, SPANHEAP_IOC_ADD, &region, addr,
		      self->heap.region.addr + REGION_LENGTH - PAGE);
}

TEST_F(abi, add_inside)
{
	struct spanheap_region region = another(PAGE);

	REFUSED_FIELD(EEXIST, SPANHEAP_IOC_ADD, &region, addr, self->heap.region.addr + PAGE);
}

TEST_F(abi, add_beside)
{
	struct spanheap_region region = another(REGION_LENGTH);

	region.addr = self->heap.region.addr + REGION_LENGTH;
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));
	region.addr = self->heap.region.addr - REGION_LENGTH;
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));
}

TEST_F(abi, add_over_another_heap_of_the_same_process)
{
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct spanheap_region region = another(REGION_LENGTH);
	uint64_t free = region.addr;
	int fd = device_open();

	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	region.addr = self->heap.region.addr + PAGE;
	EXPECT_EQ(-EEXIST, device_do(fd, SPANHEAP_IOC_ADD, &region));
	region.addr = free;
	EXPECT_EQ(0, device_do(fd, SPANHEAP_IOC_ADD, &region));
}

TEST_F(abi, windows_are_apart_and_never_used_again)
{
	struct spanheap_region old = self->heap.region, new;

	for (int i = 0; i < 4; i++) {
		new = (struct spanheap_region) {
			.size = sizeof(new), .addr = old.addr, .length = old.length,
		};
		ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &new));
		ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &new));
		EXPECT_LT(old.mem_offset + old.length, new.mem_offset);
		EXPECT_LT(old.map_offset + old.map_length, new.map_offset);
		old = new;
	}
}

static int add_as_child(void *arg)
{
	struct spanheap_region region = another(REGION_LENGTH);

	return -device_do(*(int *)arg, SPANHEAP_IOC_ADD, &region);
}

TEST_F(abi, add_by_another_process)
{
	struct spanheap_region region = another(REGION_LENGTH);

	EXPECT_EQ(EPERM, in_child(add_as_child, &self->heap.fd));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));
}

/* One more region is refused with -ENOSPC under a limit, and not without. */
#define REFUSED_LIMIT(name, value) do {						\
	struct spanheap_region region = another(REGION_LENGTH);		\
	char before[32];							\
										\
	ASSERT_EQ(0, parameter_get(name, before, sizeof(before)));		\
	ASSERT_EQ(0, parameter_set(name, value));				\
	EXPECT_EQ(-ENOSPC, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region)); \
	ASSERT_EQ(0, parameter_set(name, before));				\
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_ADD, &region));	\
} while (0)

TEST_F(abi, add_a_region_over_the_limit)
{
	REFUSED_LIMIT("max_region", "1048576");
}

TEST_F(abi, add_to_a_heap_over_the_limit)
{
	REFUSED_LIMIT("max_heap", "8384512");	/* one page less than both */
}

TEST_F(abi, add_more_regions_than_the_limit)
{
	REFUSED_LIMIT("max_regions", "1");
}

TEST_F(abi, limits_have_limits)
{
	EXPECT_EQ(-1, parameter_set("max_regions", "0"));
	EXPECT_EQ(ERANGE, errno);
	EXPECT_EQ(-1, parameter_set("max_regions", "65537"));
	EXPECT_EQ(-1, parameter_set("max_region", "1"));
	EXPECT_EQ(-1, parameter_set("max_region", "0x8000000000000000"));
	EXPECT_EQ(-1, parameter_set("max_heap", "many"));
	EXPECT_EQ(EINVAL, errno);
}

/* remove */

static struct spanheap_region named(const struct spanheap_region *region)
{
	return (struct spanheap_region) {
		.size = sizeof(*region), .addr = region->addr, .length = region->length,
	};
}

#define REFUSED_REMOVE(error, field, bad) do {					\
	struct spanheap_region region = named(&self->heap.region);		\
										\
	REFUSED_FIELD(error, SPANHEAP_IOC_REMOVE, &region, field, bad);		\
} while (0)

TEST_F(abi, remove_from_no_heap)
{
	struct spanheap_region region = named(&self->heap.region);
	int fd = device_open();

	EXPECT_EQ(-ENXIO, device_do(fd, SPANHEAP_IOC_REMOVE, &region));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
}

TEST_F(abi, remove_twice)
{
	struct spanheap_region region = named(&self->heap.region);

	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
	EXPECT_EQ(-ENOENT, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
}

TEST_F(abi, remove_at_another_address)
{
	REFUSED_REMOVE(ENOENT, addr, region.addr + PAGE);
}

TEST_F(abi, remove_with_another_length)
{
	REFUSED_REMOVE(ENOENT, length, region.length - PAGE);
}

TEST_F(abi, remove_with_flags)
{
	REFUSED_REMOVE(EINVAL, flags, 1);
}

TEST_F(abi, remove_with_a_memory_offset)
{
	REFUSED_REMOVE(EINVAL, mem_offset, 1);
}

TEST_F(abi, remove_with_a_map_offset)
{
	REFUSED_REMOVE(EINVAL, map_offset, 1);
}

TEST_F(abi, remove_with_a_map_length)
{
	REFUSED_REMOVE(EINVAL, map_length, 1);
}

TEST_F(abi, remove_at_a_bad_address_of_the_struct)
{
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, NULL));
}

TEST_F(abi, remove_what_is_another_heaps)
{
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct spanheap_region region = named(&self->heap.region);
	int fd = device_open();

	ASSERT_EQ(0, device_do(fd, SPANHEAP_IOC_REGISTER, &reg));
	EXPECT_EQ(-ENOENT, device_do(fd, SPANHEAP_IOC_REMOVE, &region));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
}

static int remove_as_child(void *arg)
{
	struct device_heap *heap = arg;
	struct spanheap_region region = named(&heap->region);

	return -device_do(heap->fd, SPANHEAP_IOC_REMOVE, &region);
}

TEST_F(abi, remove_by_another_process)
{
	struct spanheap_region region = named(&self->heap.region);

	EXPECT_EQ(EPERM, in_child(remove_as_child, &self->heap));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_REMOVE, &region));
}

TEST_HARNESS_MAIN
