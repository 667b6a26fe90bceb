// SPDX-License-Identifier: MIT
/*
 * The bitmap of free pages against a model: an array of bytes and a search from
 * the start. Random operations, fixed seeds.
 */
#include <stdlib.h>
#include <string.h>
#include "kselftest_harness.h"
#include "../../lib/pages.h"

#define NR	(6 * CHUNK_PAGES)
#define MAX_RUNS	4096

FIXTURE(pages)
{
	struct pages p;
	void *mem;
	unsigned char model[NR];		/* 1 is free */
	struct {
		size_t first, nr;
	} runs[MAX_RUNS];
	size_t nr_runs;
	uint64_t seed;
};

FIXTURE_SETUP(pages)
{
	self->mem = malloc(pages_bytes(NR));
	memset(self->mem, 0xff, pages_bytes(NR));
	pages_init(&self->p, NR, self->mem);
	memset(self->model, 0, sizeof(self->model));
	self->nr_runs = 0;
	self->seed = 88172645463325252ull;
}

FIXTURE_TEARDOWN(pages)
{
	free(self->mem);
}

static size_t dice(uint64_t *seed, size_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % below;
}

static size_t model_find(const unsigned char *model, size_t n, size_t align, size_t phase)
{
	for (size_t at = 0; at + n <= NR; at++) {
		if ((at + phase) % align || !model[at])
			continue;
		if (n == 1 || !memchr(model + at, 0, n))
			return at;
	}
	return PAGES_NONE;
}

/* The summaries say what the bits say, and the bits what the model says. */
static const char *differs(const struct pages *p, const unsigned char *model)
{
	size_t nr_free = 0, run = 0, longest = 0, first_free = NR;

	for (size_t i = 0; i < NR; i++) {
		if ((p->bits[i / 64] >> (i % 64) & 1) != model[i])
			return "a bit";
		nr_free += model[i];
		run = model[i] ? run + 1 : 0;
		if (run > longest)
			longest = run;
		if (model[i] && first_free == NR)
			first_free = i;
	}
	if (nr_free != p->nr_free)
		return "nr_free";
	if (longest > p->longest)
		return "longest";
	if (first_free / CHUNK_PAGES < p->low)
		return "low";
	for (size_t c = 0; c < NR / CHUNK_PAGES; c++) {
		const unsigned char *m = model + c * CHUNK_PAGES;
		struct chunk want = { 0 };

		while (want.head < CHUNK_PAGES && m[want.head])
			want.head++;
		while (want.tail < CHUNK_PAGES && m[CHUNK_PAGES - 1 - want.tail])
			want.tail++;
		for (size_t i = run = 0; i < CHUNK_PAGES; i++) {
			want.free += m[i];
			run = m[i] ? run + 1 : 0;
			if (run > want.longest)
				want.longest = run;
		}
		if (memcmp(&want, &p->chunks[c], sizeof(want)))
			return "a summary";
	}
	return NULL;
}

static size_t length(uint64_t *seed)
{
	switch (dice(seed, 4)) {
	case 0:
		return 1;
	case 1:
		return 1 + dice(seed, 8);
	case 2:
		return 1 + dice(seed, 70);
	default:
		return 1 + dice(seed, 2 * CHUNK_PAGES + 50);
	}
}

TEST_F(pages, starts_in_use)
{
	EXPECT_EQ(PAGES_NONE, pages_alloc(&self->p, 1, 1, 0));
	EXPECT_EQ(NULL, differs(&self->p, self->model));
}

TEST_F(pages, random_operations)
{
	size_t freed = 0;

	/* as a heap commits: from the start, in steps */
	for (int step = 0; step < 30000; step++) {
		size_t what = dice(&self->seed, 100);

		if (what < 3 && freed < NR) {
			size_t nr = 1 + dice(&self->seed, 200);

			nr = nr > NR - freed ? NR - freed : nr;
			pages_free(&self->p, freed, nr);
			memset(self->model + freed, 1, nr);
			freed += nr;
		} else if (what < 50 && self->nr_runs < MAX_RUNS) {
			size_t nr = length(&self->seed);
			size_t align = dice(&self->seed, 8) ? 1 : 1ul << dice(&self->seed, 9);
			size_t phase = dice(&self->seed, align);
			size_t want = model_find(self->model, nr, align, phase);

			ASSERT_EQ(want, pages_alloc(&self->p, nr, align, phase));
			if (want != PAGES_NONE) {
				memset(self->model + want, 0, nr);
				self->runs[self->nr_runs].first = want;
				self->runs[self->nr_runs++].nr = nr;
			}
		} else if (what < 90 && self->nr_runs) {
			size_t i = dice(&self->seed, self->nr_runs);

			pages_free(&self->p, self->runs[i].first, self->runs[i].nr);
			memset(self->model + self->runs[i].first, 1, self->runs[i].nr);
			self->runs[i] = self->runs[--self->nr_runs];
		} else if (what < 95 && self->nr_runs < MAX_RUNS) {
			size_t first = dice(&self->seed, NR), nr = length(&self->seed);
			bool want = first + nr <= NR && !memchr(self->model + first, 0, nr);

			ASSERT_EQ(want, pages_take(&self->p, first, nr));
			if (want) {
				memset(self->model + first, 0, nr);
				self->runs[self->nr_runs].first = first;
				self->runs[self->nr_runs++].nr = nr;
			}
		} else {
			size_t from = dice(&self->seed, NR), nr = 0, end;
			unsigned char *at = memchr(self->model + from, 1, NR - from);
			size_t want = at ? (size_t)(at - self->model) : PAGES_NONE;

			ASSERT_EQ(want, pages_next_run(&self->p, from, &nr));
			if (at) {
				for (end = want; end < NR && self->model[end]; end++)
					;
				ASSERT_EQ(end - want, nr);
			}
		}
		if (step % 7 == 0)
			ASSERT_EQ(NULL, differs(&self->p, self->model))
				TH_LOG("step %d: %s", step, differs(&self->p, self->model));
	}
}

TEST_F(pages, first_fit)
{
	pages_free(&self->p, 0, NR);
	for (size_t i = 0; i < NR; i++)
		ASSERT_EQ(i, pages_alloc(&self->p, 1, 1, 0));
	ASSERT_EQ(PAGES_NONE, pages_alloc(&self->p, 1, 1, 0));
	pages_free(&self->p, 700, 3);
	pages_free(&self->p, 100, 2);
	EXPECT_EQ(700, pages_alloc(&self->p, 3, 1, 0));
	EXPECT_EQ(100, pages_alloc(&self->p, 2, 1, 0));
}

TEST_HARNESS_MAIN
