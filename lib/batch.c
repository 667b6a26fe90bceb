// SPDX-License-Identifier: MIT
/*
 * Holds no lock: what is in a batch is nobody else's. Never allocates.
 */
#include <sys/mman.h>

#include "backend/backend.h"
#include "batch.h"

void batch_add(struct batch *b, struct reserve *r, size_t first, size_t nr)
{
	b->pieces[b->nr].r = r;
	b->pieces[b->nr].first = first;
	b->pieces[b->nr++].nr = nr;
	b->pages += nr;
}

void batch_keep(struct batch *b, const struct heap_run *run)
{
	b->runs[b->nr_runs++] = *run;
}

static size_t release_one(struct reserve *r, size_t first, size_t nr)
{
	if (madvise(r->base + (first << BASE_PAGE_SHIFT), nr << BASE_PAGE_SHIFT, MADV_DONTNEED))
		return 0;
	return intent_release(r->map, first, nr, SPANHEAP_RELEASED);
}

/* From piece @from on. Return: pieces done; @refused: the module takes none at all. */
static size_t release_by_module(const struct batch *b, size_t from, size_t *released,
				bool *refused)
{
	struct spanheap_range ranges[BATCH_RANGES];
	uint64_t bytes = 0;
	size_t nr = 0, done;

	for (; from + nr < b->nr; nr++) {
		ranges[nr].addr = (uintptr_t)b->pieces[from + nr].r->base +
				  (b->pieces[from + nr].first << BASE_PAGE_SHIFT);
		ranges[nr].length = b->pieces[from + nr].nr << BASE_PAGE_SHIFT;
	}
	done = backend_current()->release(ranges, nr, &bytes, refused);
	intent_note_released(bytes >> BASE_PAGE_SHIFT);
	*released += bytes >> BASE_PAGE_SHIFT;
	return done;
}

size_t batch_flush(struct batch *b)
{
	bool refused = false;
	size_t released = 0, i = 0;

	while (i < b->nr) {
		if (!refused)
			i += release_by_module(b, i, &released, &refused);
		if (i == b->nr)
			break;
		/* the one that the module stumbled over */
		released += release_one(b->pieces[i].r, b->pieces[i].first, b->pieces[i].nr);
		i++;
	}
	while (b->nr_runs)
		heap_run_put(&b->runs[--b->nr_runs]);
	b->nr = 0;
	b->pages = 0;
	return released;
}
