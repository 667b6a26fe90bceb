// SPDX-License-Identifier: MIT
/*
 * Base pages inside spans: the arithmetic of every class against one that counts
 * bytes, and their way through a page map of the test's own. What the kernel did is
 * asked of mincore(2).
 */
#include <kselftest_harness.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../lib/reserve.h"
#include "../../lib/spanpages.h"

static struct heap_reserve reserve;
static struct span span;

static void make_span(size_t class)
{
	memset(&span, 0, sizeof(span));
	span.base = reserve.r.base + 3 * HEAP_PAGE_SIZE;
	span.pages = class_info[class].pages;
	span.reserve = &reserve;
	span_init(&span, class);
}

static void make_reserve(void)
{
	size_t length = (size_t)4 << 20;

	memset(&reserve, 0, sizeof(reserve));
	reserve.r.base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reserve.r.map = mmap(NULL, length / BASE_PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reserve.r.length = length;
	madvise(reserve.r.base, length, MADV_NOHUGEPAGE);
}

static bool is_free(unsigned int number)
{
	return span.free[number / 64] >> (number % 64) & 1;
}

/* Byte by byte, in steps that no class divides. */
static bool touched(unsigned int page, bool (*by)(unsigned int number))
{
	size_t size = class_info[span.class].size;

	for (size_t at = page * BASE_PAGE_SIZE; at < (page + 1) * BASE_PAGE_SIZE; at++) {
		if (at / size < class_info[span.class].objects && by((unsigned int)(at / size)))
			return true;
	}
	return false;
}

static bool in_use(unsigned int number)
{
	return !is_free(number);
}

static unsigned int asked;

static bool is_asked(unsigned int number)
{
	return number == asked;
}

TEST(pages_of_every_class)
{
	unsigned int seed = 1;

	make_reserve();
	for (size_t class = 1; class < NR_CLASSES; class++) {
		const struct class_info *info = &class_info[class];

		make_span(class);
		ASSERT_GE(64, span.pages * BASE_PAGES);
		/* from one survivor to many */
		for (unsigned int nr = 1; nr <= info->objects; nr *= 4) {
			uint64_t pages;

			for (unsigned int i = 0; i < nr; i++) {
				unsigned int number = (unsigned int)rand_r(&seed) % info->objects;

				span.free[number / 64] &= ~(1ull << (number % 64));
			}
			pages = span_pages_free(&span);
			for (unsigned int page = 0; page < span.pages * BASE_PAGES; page++)
				ASSERT_EQ(!touched(page, in_use), pages >> page & 1);
			ASSERT_EQ(0, span.pages < 32 ? pages >> (span.pages * BASE_PAGES) : 0);
		}
	}
}

TEST(objects_of_pages)
{
	unsigned int seed = 2;

	make_reserve();
	for (size_t class = 1; class < NR_CLASSES; class++) {
		unsigned int nr = class_info[class].objects;
		uint64_t bits[SPAN_WORDS], pages;

		make_span(class);
		pages = (uint64_t)rand_r(&seed) << 31 ^ (uint64_t)rand_r(&seed);
		if (span.pages < 32)
			pages &= (1ull << (span.pages * BASE_PAGES)) - 1;
		span_pages_objects(&span, pages, bits);
		for (unsigned int i = 0; i < SPAN_MAX_OBJECTS; i++) {
			bool has = bits[i / 64] >> (i % 64) & 1;

			if (i >= nr) {
				ASSERT_FALSE(has);
				continue;
			}
			ASSERT_EQ(!!(span_pages_of(&span, i) & pages), has);
		}
		asked = (unsigned int)rand_r(&seed) % nr;
		for (unsigned int page = 0; page < span.pages * BASE_PAGES; page++)
			ASSERT_EQ(touched(page, is_asked), span_pages_of(&span, asked) >> page & 1);
	}
}

static bool resident(unsigned int page)
{
	unsigned char vec = 0;

	mincore(span.base + page * BASE_PAGE_SIZE, BASE_PAGE_SIZE, &vec);
	return vec & 1;
}

static unsigned int intent(unsigned int page)
{
	return reserve.r.map[3 * BASE_PAGES + page] & SPANHEAP_INTENT_MASK;
}

TEST(out_and_back)
{
	void *objects[16];
	size_t class = size_class(4096);
	bool zeroed;

	make_reserve();
	make_span(class);
	intent_take(reserve.r.map, 3 * BASE_PAGES, span.pages * BASE_PAGES, &zeroed);
	memset(span.base, 7, span.pages * HEAP_PAGE_SIZE);
	ASSERT_EQ(8, class_info[class].objects);

	/* two handed over, two released: four are left to claim with no further ado */
	span_pages_hand_over(&span, 0x3, 5);
	EXPECT_EQ(SPANHEAP_IDLE, intent(0));
	EXPECT_EQ(SPANHEAP_IDLE, intent(1));
	EXPECT_EQ(SPANHEAP_IN_USE, intent(2));
	EXPECT_EQ(0xc0, span_pages_release(&span, 0xc0, false));
	span_pages_away(&span, 0xc0);
	EXPECT_EQ(SPANHEAP_RELEASED, intent(6));
	EXPECT_FALSE(resident(6));
	EXPECT_TRUE(resident(0));
	EXPECT_EQ(4, span_pages_total());
	EXPECT_EQ(0xc3, span.away);
	EXPECT_EQ(0x3, span_pages_in(&span, 0xff, 1 << SPANHEAP_IDLE));

	EXPECT_TRUE(span_has_near(&span));
	ASSERT_EQ(4, span_claim_locked(&span, 16, objects));
	EXPECT_EQ(span.base + 2 * BASE_PAGE_SIZE, objects[0]);
	EXPECT_FALSE(span_has_near(&span));
	EXPECT_EQ(0, span_claim_locked(&span, 16, objects));

	/* the others bring their pages back; but not the one that the module is at */
	reserve.r.map[3 * BASE_PAGES + 1] = SPANHEAP_REVOKING;
	ASSERT_EQ(2, span_claim_far_locked(&span, 2, objects));
	EXPECT_EQ(span.base, objects[0]);
	EXPECT_EQ(span.base + 6 * BASE_PAGE_SIZE, objects[1]);
	EXPECT_EQ(7, span.base[0]);
	EXPECT_EQ(0, span.base[6 * BASE_PAGE_SIZE]);
	EXPECT_EQ(SPANHEAP_IN_USE, intent(0));
	EXPECT_EQ(SPANHEAP_IN_USE, intent(6));
	EXPECT_EQ(0x82, span.away);
	EXPECT_EQ(2, span_pages_total());

	reserve.r.map[3 * BASE_PAGES + 1] = SPANHEAP_REVOKED;
	EXPECT_EQ(2, span_claim_far_locked(&span, 16, objects));
	EXPECT_EQ(0, span.away);
	EXPECT_FALSE(span_pages_forget(&span));
	EXPECT_EQ(0, span_pages_total());
}

TEST(a_span_that_goes_takes_its_pages_along)
{
	bool zeroed;

	make_reserve();
	make_span(size_class(1024));
	intent_take(reserve.r.map, 3 * BASE_PAGES, span.pages * BASE_PAGES, &zeroed);
	span_pages_hand_over(&span, 0x2, 5);
	EXPECT_EQ(1, span_pages_total());
	EXPECT_TRUE(span_pages_forget(&span));
	EXPECT_EQ(0, span.away);
	EXPECT_EQ(0, span_pages_total());
}

TEST_HARNESS_MAIN
