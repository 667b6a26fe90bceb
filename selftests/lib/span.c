// SPDX-License-Identifier: MIT
/*
 * The states of a span, step by step: each interleaving that span.h argues about
 * is played by one thread. Built with the prefixed objects of the library.
 */
#include <string.h>
#include "kselftest_harness.h"
#include "../../lib/heap.h"
#include "../../lib/span.h"

#define SIZE	1024
#define ALL	8		/* objects of a span of that class */

static const struct class_info *info;

FIXTURE(span)
{
	struct span span;
	size_t class;
	void *objects[ALL];
};

FIXTURE_SETUP(span)
{
	memset(&self->span, 0, sizeof(self->span));
	self->class = size_class(SIZE);
	info = &class_info[self->class];
	self->span.base = (char *)0x100000;
	self->span.pages = info->pages;
	span_init(&self->span, self->class);
	ASSERT_EQ(ALL, info->objects);
}

FIXTURE_TEARDOWN(span)
{
}

static unsigned int claim(struct span *span, unsigned int nr)
{
	void *objects[64];

	return span_claim_locked(span, nr, objects);
}

/* Objects @first to @first + @nr - 1 come back. */
static enum span_fate give(struct span *span, unsigned int first, unsigned int nr)
{
	return span_give(span, info, &span->free[0], ((1ull << nr) - 1) << first);
}

TEST_F(span, objects)
{
	ASSERT_EQ(ALL, span_claim_locked(&self->span, ALL, self->objects));
	for (int i = 0; i < ALL; i++) {
		EXPECT_EQ(self->span.base + i * SIZE, self->objects[i]);
		EXPECT_EQ(i, span_object(&self->span, info, self->objects[i]));
		EXPECT_EQ(-1, span_object(&self->span, info, (char *)self->objects[i] + 16));
	}
	EXPECT_EQ(-1, span_object(&self->span, info, self->span.base + ALL * SIZE));
	EXPECT_EQ(-1, span_object(&self->span, info, self->span.base - SIZE));
	EXPECT_EQ(0, claim(&self->span, 1));
	EXPECT_EQ(0, span_nr_free(&self->span));
}

/* A fresh span, all of it given out, is not listed; the first to give lists it. */
TEST_F(span, full_then_listed_once)
{
	EXPECT_EQ(ALL, claim(&self->span, ALL));
	EXPECT_TRUE(span_looks_full(&self->span));
	EXPECT_TRUE(span_unlist_locked(&self->span));
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 0, 1));
	EXPECT_EQ(SPAN_LEFT, give(&self->span, 1, 1));
	EXPECT_FALSE(span_looks_full(&self->span));
	EXPECT_FALSE(span_unlist_locked(&self->span));
	EXPECT_TRUE(span_link_locked(&self->span));
	EXPECT_EQ(2, claim(&self->span, ALL));
	EXPECT_TRUE(span_unlist_locked(&self->span));
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 5, 1));
}

/* Unlisted and all back at once: nobody else knows it. */
TEST_F(span, owned)
{
	claim(&self->span, ALL);
	span_unlist_locked(&self->span);
	EXPECT_EQ(SPAN_OWNED, give(&self->span, 0, ALL));
}

TEST_F(span, emptied_on_the_list)
{
	EXPECT_EQ(3, claim(&self->span, 3));
	EXPECT_TRUE(span_link_locked(&self->span));
	EXPECT_EQ(SPAN_LEFT, give(&self->span, 0, 2));
	EXPECT_EQ(SPAN_TO_PIN, give(&self->span, 2, 1));
	EXPECT_TRUE(span_unpin_locked(&self->span));
}

/* Claimed from between the pin and the lock: not released, not pinned for ever. */
TEST_F(span, claimed_while_pinned)
{
	claim(&self->span, 1);
	span_link_locked(&self->span);
	EXPECT_EQ(SPAN_TO_PIN, give(&self->span, 0, 1));
	claim(&self->span, 1);
	EXPECT_EQ(SPAN_LEFT, give(&self->span, 0, 1));
	claim(&self->span, 2);
	EXPECT_FALSE(span_unpin_locked(&self->span));
	EXPECT_EQ(SPAN_TO_PIN, give(&self->span, 0, 2));
	EXPECT_TRUE(span_unpin_locked(&self->span));
}

/* Emptied before the one who lists it has pushed it: the drain releases it. */
TEST_F(span, emptied_on_the_way)
{
	claim(&self->span, ALL);
	span_unlist_locked(&self->span);
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 0, 4));
	EXPECT_EQ(SPAN_TO_PIN, give(&self->span, 4, 4));
	/* either the pinner has the lock first */
	EXPECT_FALSE(span_unpin_locked(&self->span));
	EXPECT_FALSE(span_link_locked(&self->span));
}

TEST_F(span, emptied_on_the_way_and_linked)
{
	claim(&self->span, ALL);
	span_unlist_locked(&self->span);
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 0, 4));
	EXPECT_EQ(SPAN_TO_PIN, give(&self->span, 4, 4));
	/* or who drains: it is on the list then, and the pinner's */
	EXPECT_TRUE(span_link_locked(&self->span));
	EXPECT_TRUE(span_unpin_locked(&self->span));
}

/*
 * Pinned, claimed in full and unlisted, then emptied by another: that one must
 * not own it, since the pinner still comes for it.
 */
TEST_F(span, pinned_is_not_owned)
{
	claim(&self->span, 1);
	span_link_locked(&self->span);
	EXPECT_EQ(SPAN_TO_PIN, give(&self->span, 0, 1));
	claim(&self->span, ALL);
	EXPECT_TRUE(span_unlist_locked(&self->span));
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 0, ALL));
	EXPECT_FALSE(span_unpin_locked(&self->span));
	EXPECT_FALSE(span_link_locked(&self->span));
}

/* A giver has set the first bit and not counted yet; the claimer has it already. */
TEST_F(span, claimed_before_it_is_counted)
{
	claim(&self->span, ALL);
	span_unlist_locked(&self->span);
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 0, 1));
	span_link_locked(&self->span);
	EXPECT_EQ(1, claim(&self->span, ALL));
	self->span.free[0] = 2;
	EXPECT_EQ(1, claim(&self->span, ALL));
	EXPECT_TRUE(span_looks_full(&self->span));
	EXPECT_TRUE(span_unlist_locked(&self->span));
	/* it counts now, finds nothing to take, and lists the span for nothing */
	EXPECT_EQ(SPAN_TO_LIST, span_count_given(&self->span, info, &self->span.free[0], 0, 2));
	EXPECT_TRUE(span_link_locked(&self->span));
	EXPECT_EQ(0, claim(&self->span, ALL));
	EXPECT_TRUE(span_unlist_locked(&self->span));
	EXPECT_EQ(SPAN_OWNED, give(&self->span, 0, ALL));
}

/* Who gave the first object has not counted: the span is not empty when all are back. */
TEST_F(span, all_back_before_it_is_counted)
{
	claim(&self->span, ALL);
	span_unlist_locked(&self->span);
	self->span.free[0] = 1;
	EXPECT_EQ(SPAN_TO_LIST, give(&self->span, 1, ALL - 1));
	/* released now it would be gone when the other one counts */
	EXPECT_EQ(SPAN_TO_PIN, span_count_given(&self->span, info, &self->span.free[0], 0, 1));
	EXPECT_TRUE(span_link_locked(&self->span));
	EXPECT_TRUE(span_unpin_locked(&self->span));
}

/* The child of a raw fork: lists and counts of the parent's are void. */
TEST_F(span, adopted)
{
	claim(&self->span, ALL);
	span_unlist_locked(&self->span);
	/* a giver whom the child does not have was half-way */
	self->span.free[0] = 1;
	EXPECT_FALSE(span_is_foreign(&self->span));
	EXPECT_FALSE(span_adopt(&self->span));
	fork_nr_epochs++;
	EXPECT_TRUE(span_is_foreign(&self->span));
	EXPECT_TRUE(span_adopt(&self->span));
	EXPECT_FALSE(span_is_foreign(&self->span));
	EXPECT_FALSE(span_adopt(&self->span));
	EXPECT_EQ(SPAN_LEFT, give(&self->span, 1, 2));
	EXPECT_TRUE(span_link_locked(&self->span));
	EXPECT_EQ(3, claim(&self->span, ALL));
	EXPECT_TRUE(span_unlist_locked(&self->span));
	EXPECT_EQ(SPAN_OWNED, give(&self->span, 0, ALL));
}

TEST_HARNESS_MAIN
