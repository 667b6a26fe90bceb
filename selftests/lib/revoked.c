// SPDX-License-Identifier: MIT
/*
 * What the library makes of pages that the module has taken: it knows that they
 * are zeros, counts them, and loses nothing else. In a cgroup of its own that is
 * reclaimed; the kernel's word is smaps. Needs root and a module that revokes.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "heapload.h"

RUN_WITH_DELAY("50")

#define CGROUP	"/sys/fs/cgroup/spanheap-revoked"

/* Spans of their own, and no mappings of their own. */
#define BLOCK	(512 * KIB)
#define BLOCKS	128
#define TOTAL	(BLOCK * BLOCKS)

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool revokes(void)
{
	char text[8] = "";
	int fd = open("/sys/module/spanheap/parameters/revoke", O_RDONLY);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	if (fd >= 0)
		close(fd);
	return text[0] == 'Y';
}

FIXTURE(revoked)
{
	struct load load;
};

FIXTURE_SETUP(revoked)
{
	if (!have_device() || !revokes())
		SKIP(return, "no module that revokes");
	if ((mkdir(CGROUP, 0755) && errno != EEXIST) || !put(CGROUP "/cgroup.procs", "0"))
		SKIP(return, "no memory cgroup to be made here");
	put(CGROUP "/memory.swap.max", "0");
	spanheap_set_release(SPANHEAP_RELEASE_HANDOVER);
}

FIXTURE_TEARDOWN(revoked)
{
	put("/sys/fs/cgroup/cgroup.procs", "0");
	rmdir(CGROUP);
}

/* Large blocks, one after the other, filled, freed and handed over. */
static bool hand_over_blocks(void)
{
	char *blocks[BLOCKS];

	stay_here();
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK);
		if (!blocks[i])
			return false;
		memset(blocks[i], 0xee, BLOCK);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return EVENTUALLY(FIGURE(idle) > TOTAL - SLACK);
}

static bool all_zero(const char *block)
{
	const uint64_t *words = (const uint64_t *)block;

	for (size_t i = 0; i < BLOCK / 8; i++)
		if (words[i])
			return false;
	return true;
}

static void reclaim(void)
{
	for (int i = 0; i < 12; i++)
		put(CGROUP "/memory.reclaim", "64M");
}

TEST_F(revoked, calloc_need_not_clear_them)
{
	struct spanheap_memstats stats;
	static char *blocks[BLOCKS];
	size_t before, grown, gone;

	ASSERT_TRUE(hand_over_blocks());
	before = smaps_field(getpid(), "Rss");
	reclaim();
	gone = before - smaps_field(getpid(), "Rss");
	EXPECT_GT(gone, TOTAL - SLACK);
	/* the ledger, and with it the command, has them */
	EXPECT_GT(FIGURE(revoked), TOTAL - SLACK);

	before = smaps_field(getpid(), "Rss");
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = calloc(1, BLOCK);
		ASSERT_NE(NULL, blocks[i]);
	}
	grown = smaps_field(getpid(), "Rss") - before;
	TH_LOG("%zu MiB went, calloc of %zu MiB touched %zu KiB", gone / MIB, TOTAL / MIB, grown / KIB);
	EXPECT_LT(grown, 2 * SLACK);
	for (int i = 0; i < BLOCKS; i++)
		EXPECT_TRUE(all_zero(blocks[i]));
	ASSERT_EQ(0, spanheap_stats(&stats, sizeof(stats)));
	EXPECT_GT(stats.revoked, gone / 2);
}

/* Of pages that were not taken calloc knows nothing. */
TEST_F(revoked, calloc_clears_what_is_left)
{
	char *blocks[BLOCKS];

	ASSERT_TRUE(hand_over_blocks());
	put(CGROUP "/memory.reclaim", "4M");
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = calloc(1, BLOCK);
		ASSERT_NE(NULL, blocks[i]);
		EXPECT_TRUE(all_zero(blocks[i]));
	}
}

TEST_F(revoked, objects_are_left)
{
	ASSERT_TRUE(load_fill(&self->load, TOTAL));
	for (size_t i = 0; i < self->load.nr; i += 64)
		load_free(&self->load, i, i + 48);
	ASSERT_TRUE(EVENTUALLY(FIGURE(idle) > TOTAL / 2));
	reclaim();
	EXPECT_TRUE(load_intact(&self->load));
	EXPECT_GT(FIGURE(revoked), TOTAL / 4);
}

#define SMALL	512
#define SMALLS	(TOTAL / SMALL)
#define STAYS	64		/* one in so many: on one page of eight */

static unsigned char *smalls[SMALLS];

static bool fill_smalls(void)
{
	for (size_t i = 0; i < SMALLS; i++) {
		if (smalls[i])
			continue;
		smalls[i] = malloc(SMALL);
		if (!smalls[i])
			return false;
		memset(smalls[i], (int)(i % 251), SMALL);
	}
	return true;
}

static bool smalls_intact(void)
{
	for (size_t i = 0; i < SMALLS; i++) {
		for (int k = 0; smalls[i] && k < SMALL; k++) {
			if (smalls[i][k] != i % 251)
				return false;
		}
	}
	return true;
}

/* Pages between objects that stay, in spans of which none is free. */
TEST_F(revoked, pages_inside_spans)
{
	size_t start = smaps_field(getpid(), "Rss"), left;

	stay_here();
	ASSERT_TRUE(fill_smalls());
	EXPECT_GT(smaps_field(getpid(), "Rss"), start + TOTAL);
	for (size_t i = 0; i < SMALLS; i++) {
		if (i % STAYS) {
			free(smalls[i]);
			smalls[i] = NULL;
		}
	}
	/* some may have been taken already, and some are still to be handed over */
	ASSERT_TRUE(EVENTUALLY(FIGURE(idle) + FIGURE(revoked) > TOTAL * 7 / 8 - SLACK));
	reclaim();
	left = smaps_field(getpid(), "Rss") - start;
	TH_LOG("%zu MiB are left", left / MIB);
	EXPECT_LT(left, TOTAL / 8 + 2 * SLACK);
	EXPECT_GT(left, TOTAL / 8 - SLACK / 4);
	EXPECT_TRUE(smalls_intact());
	/* and they come back, page by page */
	ASSERT_TRUE(fill_smalls());
	EXPECT_TRUE(smalls_intact());
	EXPECT_LT(smaps_field(getpid(), "Rss"), start + TOTAL + SLACK);
}

TEST_HARNESS_MAIN
