// SPDX-License-Identifier: MIT
/*
 * The ABI of the device: conventions of argument structs, and every error that
 * an ioctl can give. Each error is asked for with one thing wrong in a call that
 * succeeds when it is put right again. Built for 64 and for 32 bits.
 */
#include <limits.h>
#include <stddef.h>

#include "kselftest_harness.h"

#include "device.h"
#include "parameter.h"

#define REGION_LENGTH	(4 * MIB)

/* Refused while @change holds; accepted when it is undone. */
#define REFUSED(error, command, args, change, undo) do {			\
	change;									\
	EXPECT_EQ(-(error), device_do(self->heap.fd, command, args));		\
	undo;									\
	EXPECT_EQ(0, device_do(self->heap.fd, command, args));			\
} while (0)

/* The same for one field. */
#define REFUSED_FIELD(error, command, args, field, bad) do {			\
	__typeof__((args)->field) good = (args)->field;				\
	REFUSED(error, command, args, (args)->field = (bad), (args)->field = good); \
} while (0)

#define REFUSED_LEDGER(error, field, bad) \
	REFUSED_FIELD(error, SPANHEAP_IOC_LEDGER, &self->ledger, field, bad)

FIXTURE(abi) {
	struct device_heap heap;
	struct spanheap_features features;
	struct spanheap_ledger ledger;
};

FIXTURE_SETUP(abi)
{
	if (access(SPANHEAP_DEVICE, F_OK))
		SKIP(return, "no " SPANHEAP_DEVICE);
	ASSERT_EQ(0, device_heap(&self->heap, REGION_LENGTH));
	self->features = (struct spanheap_features) { .size = sizeof(self->features) };
	self->ledger = (struct spanheap_ledger) {
		.size = sizeof(self->ledger), .scope = SPANHEAP_SCOPE_HEAP,
	};
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

/* ledger */

TEST_F(abi, ledger_tells)
{
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(REGION_LENGTH, self->ledger.total.bytes[SPANHEAP_UNUSED][SPANHEAP_NONE]);
	EXPECT_EQ(REGION_LENGTH, ledger_column(&self->ledger, SPANHEAP_NONE));
	EXPECT_EQ(0, ledger_rss(&self->ledger));
	EXPECT_EQ(0, self->ledger.rss);
	EXPECT_LT(0, self->ledger.start_ns);
	EXPECT_LE(self->ledger.start_ns, self->ledger.end_ns);
}

TEST_F(abi, ledger_of_no_heap)
{
	int fd = device_open();

	EXPECT_EQ(-ENXIO, device_do(fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
}

TEST_F(abi, ledger_by_pid_needs_no_heap)
{
	struct spanheap_ledger ledger;

	EXPECT_EQ(0, device_ledger(device_open(), &ledger, SPANHEAP_SCOPE_PID, getpid()));
}

TEST_F(abi, ledger_of_an_unknown_scope)
{
	REFUSED_LEDGER(EINVAL, scope, SPANHEAP_SCOPE_PID + 1);
}

TEST_F(abi, ledger_with_flags)
{
	REFUSED_LEDGER(EINVAL, flags, 1);
}

TEST_F(abi, ledger_with_padding)
{
	REFUSED_LEDGER(EINVAL, pad, 1);
}

TEST_F(abi, ledger_of_a_heap_with_a_pid)
{
	REFUSED_LEDGER(EINVAL, pid, getpid());
}

TEST_F(abi, ledger_of_a_heap_with_an_address)
{
	REFUSED_LEDGER(EINVAL, addr, self->heap.region.addr);
}

TEST_F(abi, ledger_of_a_heap_with_a_length)
{
	REFUSED_LEDGER(EINVAL, length, PAGE);
}

TEST_F(abi, ledger_at_a_bad_address_of_the_struct)
{
	EXPECT_EQ(-EFAULT, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, NULL));
}

TEST_F(abi, ledger_of_pid_zero)
{
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	REFUSED_LEDGER(EINVAL, pid, 0);
	REFUSED_LEDGER(EINVAL, pid, -1);
}

TEST_F(abi, ledger_of_a_pid_that_is_nobodys)
{
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	REFUSED_LEDGER(ESRCH, pid, INT_MAX);
}

TEST_F(abi, ledger_of_a_zombie)
{
	pid_t zombie = fork();
	siginfo_t info;

	if (!zombie)
		_exit(0);
	ASSERT_EQ(0, waitid(P_PID, zombie, &info, WEXITED | WNOWAIT));
	self->ledger.scope = SPANHEAP_SCOPE_PID;
	self->ledger.pid = getpid();
	REFUSED_LEDGER(ESRCH, pid, zombie);
}

/* A range of the whole region with a vector and nodes. */
static void full_range(struct device_heap *heap, struct spanheap_ledger *ledger)
{
	static uint8_t vec[REGION_LENGTH / PAGE];
	static struct spanheap_matrix nodes[1024];

	*ledger = (struct spanheap_ledger) {
		.size = sizeof(*ledger), .scope = SPANHEAP_SCOPE_RANGE,
		.addr = heap->region.addr, .length = REGION_LENGTH,
		.vec = address(vec), .vec_len = sizeof(vec),
		.nodes = address(nodes), .nr_nodes = 1024,
	};
}

TEST_F(abi, range_tells)
{
	full_range(&self->heap, &self->ledger);
	memset(self->heap.memory, 1, PAGE);
	device_say(&self->heap, 0, PAGE, SPANHEAP_IN_USE);
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_EQ(PAGE, ledger_row(&self->ledger, SPANHEAP_IN_USE));
	EXPECT_EQ(REGION_LENGTH - PAGE, ledger_row(&self->ledger, SPANHEAP_UNUSED));
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &self->features));
	EXPECT_EQ(self->features.nr_nodes, self->ledger.nr_nodes);
}

TEST_F(abi, range_of_nothing)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, length, 0);
}

TEST_F(abi, range_at_a_misaligned_address)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, addr, self->ledger.addr + 1);
}

TEST_F(abi, range_of_a_misaligned_length)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, length, PAGE + 1);
}

TEST_F(abi, range_beyond_the_address_space)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, addr, 1ULL << 62);
}

TEST_F(abi, range_that_wraps)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, length, -PAGE);
}

TEST_F(abi, vector_of_a_heap)
{
	uint8_t vec[REGION_LENGTH / PAGE];

	REFUSED(EINVAL, SPANHEAP_IOC_LEDGER, &self->ledger,
		(self->ledger.vec = address(vec), self->ledger.vec_len = sizeof(vec)),
		(self->ledger.vec = 0, self->ledger.vec_len = 0));
}

TEST_F(abi, vector_without_length)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, vec_len, 0);
}

TEST_F(abi, length_without_vector)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, vec, 0);
}

TEST_F(abi, vector_too_short)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(ENOSPC, vec_len, REGION_LENGTH / PAGE - 1);
}

TEST_F(abi, vector_at_a_bad_address)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EFAULT, vec, PAGE);
}

TEST_F(abi, nodes_without_number)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, nr_nodes, 0);
}

TEST_F(abi, number_without_nodes)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EINVAL, nodes, 0);
}

TEST_F(abi, nodes_too_few)
{
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_FEATURES, &self->features));
	if (self->features.nr_nodes < 2)
		SKIP(return, "one NUMA node only");
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(ENOSPC, nr_nodes, self->features.nr_nodes - 1);
}

TEST_F(abi, nodes_at_a_bad_address)
{
	full_range(&self->heap, &self->ledger);
	REFUSED_LEDGER(EFAULT, nodes, PAGE);
}

TEST_F(abi, region_that_is_none)
{
	self->ledger.scope = SPANHEAP_SCOPE_REGION;
	self->ledger.addr = self->heap.region.addr;
	REFUSED_LEDGER(ENOENT, addr, self->ledger.addr + PAGE);
}

TEST_F(abi, region_with_a_length)
{
	self->ledger.scope = SPANHEAP_SCOPE_REGION;
	self->ledger.addr = self->heap.region.addr;
	REFUSED_LEDGER(EINVAL, length, REGION_LENGTH);
}

TEST_F(abi, short_ledger_gets_what_it_knows)
{
	self->ledger.size = offsetof(struct spanheap_ledger, rss);
	self->ledger.scope = SPANHEAP_SCOPE_MM;
	self->ledger.rss = 42;
	ASSERT_EQ(0, device_do(self->heap.fd, SPANHEAP_IOC_LEDGER, &self->ledger));
	EXPECT_LT(0, ledger_rss(&self->ledger));
	EXPECT_EQ(42, self->ledger.rss);
}

TEST_HARNESS_MAIN
