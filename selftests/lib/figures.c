// SPDX-License-Identifier: MIT
/*
 * The words of the ledger against matrices made by hand.
 */
#include <string.h>
#include "kselftest_harness.h"
#include "../../lib/backend/figures.h"

/* Every cell another power of two, so that any sum tells what it is made of. */
static void fill(struct spanheap_matrix *m)
{
	for (int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		for (int k = 0; k < SPANHEAP_NR_RESIDENCIES; k++)
			m->bytes[i][k] = 1ULL << (i * 8 + k);
}

static uint64_t column(int residency)
{
	return 0x0101010101010101ULL << residency;
}

static uint64_t cell(int intent, int residency)
{
	return 1ULL << (intent * 8 + residency);
}

TEST(each_figure_is_its_cells)
{
	struct spanheap_matrix m;
	struct spanheap_figures f;

	fill(&m);
	figures_from_matrix(&m, &f);
	EXPECT_EQ(f.rss, column(SPANHEAP_RESIDENT) | column(SPANHEAP_LAZYFREE) |
			 column(SPANHEAP_MIGRATING) | column(SPANHEAP_FILE) |
			 column(SPANHEAP_SHMEM));
	EXPECT_EQ(f.in_use, cell(SPANHEAP_IN_USE, SPANHEAP_RESIDENT) |
			    cell(SPANHEAP_IN_USE, SPANHEAP_MIGRATING));
	EXPECT_EQ(f.idle, cell(SPANHEAP_IDLE, SPANHEAP_RESIDENT) |
			  cell(SPANHEAP_IDLE, SPANHEAP_MIGRATING));
	EXPECT_EQ(f.lazyfree, column(SPANHEAP_LAZYFREE));
	EXPECT_EQ(f.taken, cell(SPANHEAP_LAZY, SPANHEAP_NONE));
	EXPECT_EQ(f.freed, cell(SPANHEAP_RELEASED, SPANHEAP_NONE));
	EXPECT_EQ(f.revoked, cell(SPANHEAP_REVOKED, SPANHEAP_NONE));
	EXPECT_EQ(f.swapped, column(SPANHEAP_SWAPPED));
	EXPECT_EQ(f.rss, f.in_use + f.idle + f.lazyfree + f.other);
}

TEST(nothing_is_nothing)
{
	static const struct spanheap_figures zero;
	struct spanheap_matrix m = { 0 };
	struct spanheap_figures f;

	memset(&f, 0xff, sizeof(f));
	figures_from_matrix(&m, &f);
	EXPECT_EQ(0, memcmp(&f, &zero, sizeof(f)));
}

TEST(smaps_of_a_stranger)
{
	struct smaps_sums s = { .rss = 1000, .lazyfree = 300, .swap = 50 };
	struct spanheap_figures f;

	figures_from_smaps(&s, NULL, &f);
	EXPECT_EQ(f.rss, 1000);
	EXPECT_EQ(f.lazyfree, 300);
	EXPECT_EQ(f.swapped, 50);
	EXPECT_EQ(f.other, 700);
	EXPECT_EQ(f.in_use, 0);
	EXPECT_EQ(f.freed, 0);
}

TEST(smaps_and_the_books)
{
	struct smaps_sums s = { .rss = 1000, .lazyfree = 300 };
	uint64_t books[SPANHEAP_NR_INTENTS] = {
		[SPANHEAP_IN_USE] = 400,
		[SPANHEAP_IDLE] = 100,
		[SPANHEAP_LAZY] = 350,
		[SPANHEAP_RELEASED] = 77,
	};
	struct spanheap_figures f;

	figures_from_smaps(&s, books, &f);
	EXPECT_EQ(f.in_use, 400);
	EXPECT_EQ(f.idle, 100);
	EXPECT_EQ(f.taken, 50);
	EXPECT_EQ(f.freed, 77);
	EXPECT_EQ(f.other, 200);
	/* The books know of pages that were never touched. */
	books[SPANHEAP_IN_USE] = 5000;
	figures_from_smaps(&s, books, &f);
	EXPECT_EQ(f.in_use, 600);
	EXPECT_EQ(f.other, 0);
	books[SPANHEAP_IDLE] = 5000;
	books[SPANHEAP_LAZY] = 0;
	figures_from_smaps(&s, books, &f);
	EXPECT_EQ(f.idle, 700);
	EXPECT_EQ(f.in_use, 0);
	EXPECT_EQ(f.taken, 0);
}

TEST_HARNESS_MAIN
