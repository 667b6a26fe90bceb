// SPDX-License-Identifier: MIT
/*
 * In which order idle pages are revoked: the lowest priority first, within it the
 * coldest.
 */
#include "squeeze.h"

#define HEAPS		16
#define HEAP_LENGTH	(4 * MIB)
#define HEAP_PAGES	(HEAP_LENGTH / PAGE)

TEST_F(revoke, takes_the_coldest_first)
{
	size_t half = PAGES / 2;

	stay_on_one_node();
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(1));
	device_say(&self->heap, LENGTH / 2, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(20));
	cgroup_write(GROUP, "memory.reclaim", "8M");
	EXPECT_LT(0, count_said(&self->heap, half, half, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 0, half, SPANHEAP_REVOKED));
}

/* A stamp of the epoch that is just beginning must not be taken for an old one. */
TEST_F(revoke, takes_tomorrow_for_today)
{
	size_t half = PAGES / 2;

	stay_on_one_node();
	fill(self->heap.memory, 0, PAGES);
	device_say(&self->heap, 0, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(-1));
	device_say(&self->heap, LENGTH / 2, LENGTH / 2, SPANHEAP_IDLE | epoch_ago(8));
	cgroup_write(GROUP, "memory.reclaim", "4M");
	EXPECT_LT(0, count_said(&self->heap, half, half, SPANHEAP_REVOKED));
	EXPECT_EQ(0, count_said(&self->heap, 0, half, SPANHEAP_REVOKED));
}

/* A process with a heap of a priority and an age, and what has become of it. */
struct member {
	unsigned int level;
	unsigned int age;
	size_t idle;
	size_t revoked;
	int go[2];
	int done[2];
};

static int set_priority(struct device_heap *heap, unsigned int level)
{
	struct spanheap_priority priority = { .size = sizeof(priority), .level = level };

	return device_do(heap->fd, SPANHEAP_IOC_PRIORITY, &priority);
}

/* Tells whenever it is asked. */
static int be_member(struct member *me)
{
	struct device_heap heap;
	char c = 0;

	if (device_heap(&heap, HEAP_LENGTH) || set_priority(&heap, me->level))
		return 1;
	madvise(heap.memory, HEAP_LENGTH, MADV_NOHUGEPAGE);
	fill(heap.memory, 0, HEAP_PAGES);
	device_say(&heap, 0, HEAP_LENGTH, SPANHEAP_IDLE | epoch_ago(me->age));
	do {
		me->idle = count_said(&heap, 0, HEAP_PAGES, SPANHEAP_IDLE);
		me->revoked = count_said(&heap, 0, HEAP_PAGES, SPANHEAP_REVOKED);
		if (write(me->done[1], &c, 1) != 1)
			return 1;
	} while (read(me->go[0], &c, 1) == 1 && !c);
	return 0;
}

static bool ask(struct member *member, char what)
{
	return write(member->go[1], &what, 1) == 1 && (what || read(member->done[0], &what, 1) == 1);
}

/* Whether pages of @a are to go before those of @b. */
static bool goes_before(const struct member *a, const struct member *b)
{
	return a->level != b->level ? a->level < b->level : a->age > b->age;
}

/* Pages that went while others that were to go before them are still there. */
static size_t count_overtaken(const struct member *members)
{
	size_t n = 0;

	for (unsigned int i = 0; i < HEAPS; i++)
		for (unsigned int k = 0; k < HEAPS; k++)
			if (goes_before(&members[i], &members[k]) && members[i].idle)
				n += members[k].revoked;
	return n;
}

/* Take about as much from the cgroup, and let it have it back. */
static void press(size_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)cgroup_read(GROUP, "memory.current", NULL) - bytes);
	cgroup_write(GROUP, "memory.high", text);
	cgroup_write(GROUP, "memory.high", "max");
}

TEST_F(revoke, takes_from_the_lowest_priority_first)
{
	struct member *members;
	pid_t pids[HEAPS];
	size_t revoked = 0, steps = 0;
	char c;

	stay_on_one_node();
	members = mmap(NULL, HEAPS * sizeof(*members), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, members);
	for (unsigned int i = 0; i < HEAPS; i++) {
		/* neighbours differ in both */
		members[i].level = (i * 7 + i / 4) % SPANHEAP_PRIORITIES;
		members[i].age = 2 + 7 * (i / 4);
		ASSERT_EQ(0, pipe(members[i].go) | pipe(members[i].done));
		pids[i] = fork();
		if (!pids[i])
			_exit(be_member(&members[i]));
		ASSERT_EQ(1, read(members[i].done[0], &c, 1));
	}
	while (revoked < (HEAPS - 2) * HEAP_PAGES && steps++ < 60) {
		press(3 * MIB);
		revoked = 0;
		for (unsigned int i = 0; i < HEAPS; i++) {
			ASSERT_TRUE(ask(&members[i], 0));
			revoked += members[i].revoked;
		}
		ASSERT_EQ(0, count_overtaken(members));
	}
	TH_LOG("%zu of %zu pages went in %zu steps", revoked, HEAPS * HEAP_PAGES, steps);
	EXPECT_LE((HEAPS - 2) * HEAP_PAGES, revoked);
	EXPECT_LE(4, steps);
	for (unsigned int i = 0; i < HEAPS; i++) {
		ask(&members[i], 1);
		EXPECT_EQ(pids[i], waitpid(pids[i], NULL, 0));
	}
}

TEST_F(revoke, has_four_priorities)
{
	struct spanheap_priority priority = { .size = sizeof(priority), .level = 1, .pad = 1 };

	for (unsigned int level = 0; level < SPANHEAP_PRIORITIES; level++)
		EXPECT_EQ(0, set_priority(&self->heap, level));
	EXPECT_EQ(-EINVAL, set_priority(&self->heap, SPANHEAP_PRIORITIES));
	EXPECT_EQ(-EINVAL, device_do(self->heap.fd, SPANHEAP_IOC_PRIORITY, &priority));
}

static int set_it_as_a_stranger(void *arg)
{
	return -set_priority(arg, 2);
}

TEST_F(revoke, is_told_priorities_by_owners_alone)
{
	struct device_heap none = { .fd = device_open() };

	EXPECT_EQ(-ENXIO, set_priority(&none, 2));
	EXPECT_EQ(EPERM, in_child(set_it_as_a_stranger, &self->heap));
}

TEST_HARNESS_MAIN
