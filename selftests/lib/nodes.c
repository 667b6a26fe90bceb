// SPDX-License-Identifier: MIT
/*
 * NUMA: objects come from the node that their thread is on, whoever touches them first,
 * and go home when they are freed. Witnesses are move_pages(2) and numa_maps. Linked
 * with the library and with libnuma, which allocates when it is loaded. In a guest
 * with two nodes or more.
 */
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include <spanheap.h>

#define MIB	((size_t)1 << 20)
#define NR	1200

static void *(*volatile do_malloc)(size_t) = malloc;

/* What a thread does on a node. */
struct job {
	int node;
	size_t size;
	char **ptrs;		/* filled in, or freed if @size is 0 */
	bool touch;
};

static void *work(void *arg)
{
	struct job *job = arg;

	if (numa_run_on_node(job->node))
		return "numa_run_on_node";
	for (size_t i = 0; i < NR; i++) {
		if (!job->size)
			free(job->ptrs[i]);
		else if (!(job->ptrs[i] = do_malloc(job->size)))
			return "malloc";
		else if (job->touch)
			memset(job->ptrs[i], 1, job->size);
	}
	return NULL;
}

static const char *on_node(int node, size_t size, char **ptrs, bool touch)
{
	struct job job = { .node = node, .size = size, .ptrs = ptrs, .touch = touch };
	pthread_t thread;
	void *failed;

	pthread_create(&thread, NULL, work, &job);
	pthread_join(thread, &failed);
	return failed;
}

/* Per cent of the objects' first whole pages that are on @node. */
static int share(char **ptrs, int node)
{
	static void *pages[NR];
	static int status[NR];
	int here = 0;

	for (size_t i = 0; i < NR; i++)
		pages[i] = (void *)(((uintptr_t)ptrs[i] + 4095) & -4096ul);
	if (move_pages(0, NR, pages, NULL, status, 0))
		return -1;
	for (size_t i = 0; i < NR; i++)
		here += status[i] == node;
	return 100 * here / NR;
}

static size_t resident(void)
{
	size_t all = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%zu %zu", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

FIXTURE(nodes)
{
	char *ptrs[4][NR];
	int nr;
};

FIXTURE_SETUP(nodes)
{
	if (numa_available() < 0 || numa_max_node() < 1)
		SKIP(return, "one node");
	self->nr = numa_max_node() < 3 ? numa_max_node() + 1 : 4;
	/* what comes before the heap is worth it */
	for (int i = 0; i < 100; i++)
		memset(do_malloc(60000), 1, 60000);
}

FIXTURE_TEARDOWN(nodes)
{
}

TEST_F(nodes, objects_come_from_the_threads_node)
{
	static const size_t sizes[] = { 12000, 40000, 300000 };

	for (size_t s = 0; s < 3; s++) {
		size_t size = sizes[s];

		for (int n = 0; n < self->nr; n++)
			ASSERT_EQ(NULL, on_node(n, size, self->ptrs[n], false));
		/* touched by another */
		for (int n = 0; n < self->nr; n++) {
			ASSERT_EQ(0, numa_run_on_node((n + 1) % self->nr));
			for (size_t i = 0; i < NR; i++)
				memset(self->ptrs[n][i], 1, size < 20000 ? size : 20000);
			EXPECT_LE(98, share(self->ptrs[n], n))
				TH_LOG("node %d, size %zu: %d", n, size, share(self->ptrs[n], n));
		}
		for (int n = 0; n < self->nr; n++)
			ASSERT_EQ(NULL, on_node(n, 0, self->ptrs[n], false));
	}
}

TEST_F(nodes, what_others_free_goes_home)
{
	size_t before, size = 40000;

	ASSERT_EQ(NULL, on_node(1, size, self->ptrs[1], true));
	before = resident();
	ASSERT_EQ(NULL, on_node(0, 0, self->ptrs[1], false));
	/* the next of node 0 are not those */
	ASSERT_EQ(NULL, on_node(0, size, self->ptrs[0], true));
	EXPECT_LE(95, share(self->ptrs[0], 0));
	/* those of node 1 are */
	ASSERT_EQ(NULL, on_node(1, size, self->ptrs[1], true));
	EXPECT_LE(98, share(self->ptrs[1], 1));
	EXPECT_LE(resident(), before + NR * size + NR * size / 4);
}

/* Resident bytes on @node, of all mappings. */
static size_t numa_maps(int node)
{
	static char line[10000];
	char word[20], *at;
	size_t pages = 0;
	FILE *f = fopen("/proc/self/numa_maps", "r");

	snprintf(word, sizeof(word), " N%d=", node);
	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, word);
		if (at)
			pages += strtoul(at + strlen(word), NULL, 10);
	}
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

TEST_F(nodes, the_ledger_agrees_with_numa_maps)
{
	static struct spanheap_report report;

	for (int n = 0; n < self->nr; n++)
		ASSERT_EQ(NULL, on_node(n, 20000 + 10000 * (size_t)n, self->ptrs[n], true));
	ASSERT_EQ(0, spanheap_ledger(0, &report, sizeof(report)));
	if (!report.exact)
		SKIP(return, "no device");
	ASSERT_LE(self->nr, report.nr_nodes);
	for (int n = 0; n < self->nr; n++) {
		size_t rss = numa_maps(n);

		EXPECT_LE(NR * (20000 + 10000 * (size_t)n), rss);
		EXPECT_LE(report.nodes[n].rss, rss + MIB / 2);
		EXPECT_LE(rss, report.nodes[n].rss + MIB / 2);
	}
}

/* Who asks for a policy has it. */
TEST(a_policy_is_left_alone)
{
	static char *ptrs[NR];

	if (numa_available() < 0 || numa_max_node() < 1)
		SKIP(return, "one node");
	numa_set_interleave_mask(numa_all_nodes_ptr);
	ASSERT_EQ(NULL, on_node(1, 40000, ptrs, true));
	EXPECT_GE(80, share(ptrs, 1));
	EXPECT_LE(10, share(ptrs, 1));
}

TEST_HARNESS_MAIN
