// SPDX-License-Identifier: MIT
#include "central.h"
#include "fork.h"
#include "intent.h"
#include "partial.h"
#include "spanpages.h"

#define BIT(intent)	(1u << (intent))

/* Of @free, IN_USE and free of objects for long enough; or nothing yet. */
static uint64_t old_pages(struct partial *partial, struct span *span, uint64_t free,
			  unsigned int looks)
{
	uint64_t in_use = span_pages_in(span, free, BIT(SPANHEAP_IN_USE)), old = 0;

	if (!looks)
		return in_use;
	/* what the module knows of is one thing; claims have cleared @seen */
	if (span->seen && ++span->looks >= looks) {
		old = span->seen & in_use;
		span->seen = 0;
	}
	if (!span->seen) {
		span->seen = in_use & ~old;
		span->looks = 0;
	}
	if (span->seen)
		partial->pending = true;
	return old;
}

/* The first @nr of @pages. */
static uint64_t first_of(uint64_t pages, size_t nr)
{
	uint64_t rest = pages;

	for (; rest && nr; nr--)
		rest &= rest - 1;
	return pages & ~rest;
}

static uint64_t look(struct span *span, void *arg)
{
	struct partial *partial = arg;
	unsigned int known = span_pages_registered(span);
	enum give_back action = partial->action[known];
	unsigned int intents = partial->intents[known];
	uint64_t free, pages;

	if (action == GIVE_NOTHING)
		return 0;
	/* less cannot cover a page, but for the one behind the last object */
	if ((size_t)span_nr_free(span) * class_info[span->class].size < BASE_PAGE_SIZE)
		return 0;
	free = span_pages_free(span);
	if (!free)
		return 0;
	pages = span_pages_in(span, free, intents & ~BIT(SPANHEAP_IN_USE));
	if (intents & BIT(SPANHEAP_IN_USE))
		pages |= old_pages(partial, span, free, partial->looks[known]);
	if (action == GIVE_IDLE) {
		span_pages_hand_over(span, pages, partial->epoch);
		return 0;
	}
	return first_of(pages, partial->limit - partial->done);
}

static uint64_t work(struct span *span, uint64_t pages, void *arg)
{
	struct partial *partial = arg;
	enum give_back action = partial->action[span_pages_registered(span)];
	uint64_t done = span_pages_release(span, pages, action == GIVE_LAZY);

	partial->done += (size_t)__builtin_popcountll(done);
	return done;
}

void partial_sweep(struct partial *partial)
{
	for (size_t class = 1; class < NR_CLASSES; class++) {
		struct central_walk walk = { .look = look, .work = work, .arg = partial };
		bool more = true;

		while (more && partial->done < partial->limit) {
			gate_enter(&gate_strays);
			more = central_walk(class, &walk);
			gate_leave(&gate_strays);
		}
	}
}
