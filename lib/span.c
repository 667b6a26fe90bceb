// SPDX-License-Identifier: MIT
#include "die.h"
#include "fork.h"
#include "span.h"
#include "spanpages.h"

#define COUNT_MASK	0xffffu
#define COUNT_BIAS	0x4000u		/* a count of zero */
#define LISTED		(1u << 16)
#define LINKED		(1u << 17)
#define PINNED		(1u << 18)
#define EPOCH_SHIFT	24

_Static_assert(sizeof(struct span) == 128, "two cache lines");

static uint32_t current_epoch(void)
{
	return fork_epoch() << EPOCH_SHIFT;
}

/* The word as it counts in this process. */
static uint32_t current_state(uint32_t state)
{
	if ((state ^ current_epoch()) >> EPOCH_SHIFT)
		return (state & COUNT_MASK) | current_epoch();
	return state;
}

static int count_of(uint32_t state)
{
	return (int)(state & COUNT_MASK) - (int)COUNT_BIAS;
}

static bool empty(const struct span *span, uint32_t state)
{
	return count_of(state) == (int)class_info[span->class].objects;
}

void span_init(struct span *span, size_t class)
{
	unsigned int left = class_info[class].objects;

	span->class = (uint8_t)class;
	span->far = false;
	span->looks = 0;
	span->seen = 0;
	span->away = 0;
	for (unsigned int w = 0; w < SPAN_WORDS; w++) {
		unsigned int here = left < 64 ? left : 64;
		uint64_t word = here == 64 ? ~0ull : (1ull << here) - 1;

		atomic_store_explicit(&span->free[w], word, memory_order_relaxed);
		left -= here;
	}
	atomic_store_explicit(&span->state,
			      current_epoch() | LISTED |
			      (COUNT_BIAS + class_info[class].objects),
			      memory_order_relaxed);
}

enum span_fate span_give(struct span *span, unsigned int word, uint64_t bits, unsigned int nr)
{
	uint32_t old, now, new;
	enum span_fate fate;

	if (unlikely(atomic_fetch_or_explicit(&span->free[word], bits,
					      memory_order_acq_rel) & bits))
		die("double free of an object in the span at", span->base);
	old = atomic_load_explicit(&span->state, memory_order_relaxed);
	do {
		now = current_state(old);
		new = now + nr;
		if (!(now & LISTED)) {
			fate = SPAN_TO_LIST;
			if (empty(span, new) && !(now & PINNED))
				fate = SPAN_OWNED;
			else
				new |= LISTED;
		} else if (empty(span, new) && !(now & PINNED)) {
			fate = SPAN_PINNED;
			new |= PINNED;
		} else {
			fate = SPAN_LEFT;
		}
	} while (!atomic_compare_exchange_weak_explicit(&span->state, &old, new,
			memory_order_acq_rel, memory_order_relaxed));
	return fate;
}

/* Not to be claimed: what touches a page that is away. */
static const uint64_t *far_objects(const struct span *span, uint64_t bits[SPAN_WORDS])
{
	static const uint64_t none[SPAN_WORDS];

	if (!span->away)
		return none;
	span_pages_objects(span, span->away, bits);
	return bits;
}

static void note_claimed(struct span *span, unsigned int nr)
{
	span->seen = 0;
	atomic_fetch_sub_explicit(&span->state, nr, memory_order_acq_rel);
}

unsigned int span_claim_locked(struct span *span, unsigned int max, void **objects)
{
	const struct class_info *info = &class_info[span->class];
	uint64_t bits[SPAN_WORDS];
	const uint64_t *far = far_objects(span, bits);
	unsigned int got = 0;

	for (unsigned int w = 0; w < SPAN_WORDS && w * 64 < info->objects; w++) {
		uint64_t free = atomic_load_explicit(&span->free[w], memory_order_relaxed);
		uint64_t claim = 0;

		/* bits only appear while we have the lock */
		free &= ~far[w];
		while (free && got < max) {
			unsigned int bit = (unsigned int)__builtin_ctzll(free);

			objects[got++] = span->base + (size_t)(w * 64 + bit) * info->size;
			claim |= 1ull << bit;
			free &= free - 1;
		}
		if (claim)
			atomic_fetch_and_explicit(&span->free[w], ~claim,
						  memory_order_acq_rel);
		if (got == max)
			break;
	}
	note_claimed(span, got);
	return got;
}

unsigned int span_claim_far_locked(struct span *span, unsigned int max, void **objects)
{
	const struct class_info *info = &class_info[span->class];
	unsigned int got = 0;

	for (unsigned int i = 0; i < info->objects && got < max; i++) {
		uint64_t away;

		if (!(atomic_load_explicit(&span->free[i / 64], memory_order_relaxed) >>
		      (i % 64) & 1))
			continue;
		away = span_pages_of(span, i) & span->away;
		if (away && !span_pages_take(span, away))
			continue;
		atomic_fetch_and_explicit(&span->free[i / 64], ~(1ull << (i % 64)),
					  memory_order_acq_rel);
		objects[got++] = span->base + (size_t)i * info->size;
	}
	note_claimed(span, got);
	return got;
}

void span_claim_bits_locked(struct span *span, const uint64_t bits[SPAN_WORDS])
{
	unsigned int nr = 0;

	for (unsigned int w = 0; w < SPAN_WORDS; w++) {
		if (!bits[w])
			continue;
		atomic_fetch_and_explicit(&span->free[w], ~bits[w], memory_order_acq_rel);
		nr += (unsigned int)__builtin_popcountll(bits[w]);
	}
	note_claimed(span, nr);
}

bool span_has_near(const struct span *span)
{
	uint64_t bits[SPAN_WORDS];
	const uint64_t *far = far_objects(span, bits);

	for (unsigned int w = 0; w < SPAN_WORDS; w++) {
		if (atomic_load_explicit(&span->free[w], memory_order_relaxed) & ~far[w])
			return true;
	}
	return false;
}

bool span_link_locked(struct span *span)
{
	uint32_t old = atomic_load_explicit(&span->state, memory_order_acquire);

	do {
		if (empty(span, old) && !(old & PINNED))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&span->state, &old, old | LINKED,
			memory_order_acq_rel, memory_order_acquire));
	return true;
}

bool span_looks_full(const struct span *span)
{
	return count_of(atomic_load_explicit(&span->state, memory_order_acquire)) <= 0;
}

bool span_unlist_locked(struct span *span)
{
	uint32_t old = atomic_load_explicit(&span->state, memory_order_acquire);

	do {
		if (count_of(old) > 0)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&span->state, &old,
			old & ~(LISTED | LINKED),
			memory_order_acq_rel, memory_order_acquire));
	return true;
}

bool span_unpin_locked(struct span *span)
{
	uint32_t old = atomic_fetch_and_explicit(&span->state, ~PINNED,
						 memory_order_acq_rel);

	return (old & LINKED) && empty(span, old);
}

unsigned int span_nr_free(const struct span *span)
{
	unsigned int nr = 0;

	for (unsigned int w = 0; w < SPAN_WORDS; w++)
		nr += (unsigned int)__builtin_popcountll(
			atomic_load_explicit(&span->free[w], memory_order_relaxed));
	return nr;
}
