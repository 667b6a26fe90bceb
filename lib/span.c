// SPDX-License-Identifier: MIT
#include "die.h"
#include "span.h"
#include "spanpages.h"

_Static_assert(sizeof(struct span) == 128, "two cache lines");

/* In the state. */
#define NONE		1u		/* one in @none */
#define PART		(1u << 8)	/* one in @part */
#define COUNTS		0xffffu
#define EMPTY		0x4040u		/* both counts, of 0 */
#define LISTED		(1u << 16)
#define LINKED		(1u << 17)
#define PINNED		(1u << 18)

static unsigned int nr_words(const struct class_info *info)
{
	return (info->objects + 63u) / 64;
}

/* All bits that a word has. */
static uint64_t all_bits(const struct class_info *info, unsigned int word)
{
	unsigned int left = info->objects - word * 64;

	return left < 64 ? (1ull << left) - 1 : ~0ull;
}

static bool empty(uint32_t state)
{
	return (state & COUNTS) == EMPTY;
}

static bool full(const struct span *span, uint32_t state)
{
	return (state & 0xff) >= (EMPTY & 0xff) + nr_words(&class_info[span->class]);
}

void span_init(struct span *span, size_t class)
{
	const struct class_info *info = &class_info[class];

	span->class = (uint8_t)class;
	span->far = false;
	span->looks = 0;
	span->seen = 0;
	span->away = 0;
	for (unsigned int w = 0; w < SPAN_WORDS; w++)
		atomic_store_explicit(&span->free[w], w < nr_words(info) ? all_bits(info, w) : 0,
				      memory_order_relaxed);
	atomic_store_explicit(&span->state, span_epoch() | LISTED | EMPTY, memory_order_relaxed);
}

enum span_fate span_count_given(struct span *span, const struct class_info *info,
				const _Atomic uint64_t *word, uint64_t old, uint64_t new)
{
	uint32_t by = 0, was, now;
	enum span_fate fate;

	if (!old)
		by += NONE;
	if (new == all_bits(info, (unsigned int)(word - span->free)))
		by += PART;
	if (!by)
		return SPAN_LEFT;
	was = atomic_load_explicit(&span->state, memory_order_relaxed);
	do {
		now = was - by;
		fate = SPAN_LEFT;
		if (!(was & LISTED)) {
			fate = SPAN_TO_LIST;
			if (empty(now) && !(was & PINNED))
				fate = SPAN_OWNED;
			else
				now |= LISTED;
		} else if (empty(now) && !(was & PINNED)) {
			fate = SPAN_TO_PIN;
			now |= PINNED;
		}
	} while (!atomic_compare_exchange_weak_explicit(&span->state, &was, now,
			memory_order_acq_rel, memory_order_relaxed));
	return fate;
}

void span_freed_twice(const struct span *span, const _Atomic uint64_t *word, uint64_t bits)
{
	size_t object = (size_t)(word - span->free) * 64 + (unsigned int)__builtin_ctzll(bits);

	die("double free", span->base + object * class_info[span->class].size);
}

bool span_adopt(struct span *span)
{
	const struct class_info *info = &class_info[span->class];
	uint32_t was = atomic_load_explicit(&span->state, memory_order_acquire);
	uint32_t now = span_epoch() | LISTED | EMPTY;

	if (!span_is_foreign(span))
		return false;
	/* nobody changes the bitmap before the span is adopted */
	for (unsigned int w = 0; w < nr_words(info); w++) {
		uint64_t free = atomic_load_explicit(&span->free[w], memory_order_relaxed);

		now += free ? 0 : NONE;
		now += free == all_bits(info, w) ? 0 : PART;
	}
	return atomic_compare_exchange_strong_explicit(&span->state, &was, now,
			memory_order_acq_rel, memory_order_relaxed);
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

/* @bits of a word are taken; returns what that changes in the counts. */
static uint32_t claim_bits(struct span *span, unsigned int word, uint64_t bits)
{
	/* all of them are set, so this is an and-not */
	uint64_t old = atomic_fetch_sub_explicit(&span->free[word], bits, memory_order_acq_rel);
	uint32_t by = 0;

	if (old == bits)
		by += NONE;
	if (old == all_bits(&class_info[span->class], word))
		by += PART;
	return by;
}

static void count_claimed(struct span *span, uint32_t by)
{
	span->seen = 0;
	if (by)
		atomic_fetch_add_explicit(&span->state, by, memory_order_acq_rel);
}

/**
 * struct claim - what is taken
 * @object: where the next one is noted
 * @end: of room for them
 * @by: what it changes in the counts
 */
struct claim {
	void **object;
	void **end;
	uint32_t by;
};

static inline void claim_word(struct span *span, const struct class_info *info, unsigned int word,
			      uint64_t free, struct claim *claim)
{
	char *base = span->base + (size_t)word * 64 * info->size;
	uint64_t left = free;

	for (; left && claim->object < claim->end; left &= left - 1)
		*claim->object++ = base + (size_t)__builtin_ctzll(left) * info->size;
	if (left != free)
		claim->by += claim_bits(span, word, free ^ left);
}

/* Words that are free as a whole: so threads do not share cache lines from the start. */
static void claim_whole(struct span *span, const struct class_info *info, struct claim *claim)
{
	for (unsigned int w = 0; w < nr_words(info) && claim->object < claim->end; w++) {
		char *object = span->base + (size_t)w * 64 * info->size;
		size_t nr = (size_t)(claim->end - claim->object);

		if (~atomic_load_explicit(&span->free[w], memory_order_relaxed))
			continue;
		if (nr > 64)
			nr = 64;
		for (size_t i = 0; i < nr; i++, object += info->size)
			*claim->object++ = object;
		claim->by += claim_bits(span, w, ~0ull >> (64 - nr));
	}
}

unsigned int span_claim_locked(struct span *span, unsigned int max, void **objects)
{
	const struct class_info *info = &class_info[span->class];
	struct claim claim = { objects, objects + max, 0 };
	uint64_t bits[SPAN_WORDS];
	const uint64_t *far = far_objects(span, bits);

	if (info->size < CACHE_LINE && !span->away)
		claim_whole(span, info, &claim);
	/* bits only appear while we have the lock */
	for (unsigned int w = 0; w < nr_words(info) && claim.object < claim.end; w++)
		claim_word(span, info, w,
			   atomic_load_explicit(&span->free[w], memory_order_relaxed) & ~far[w],
			   &claim);
	count_claimed(span, claim.by);
	return (unsigned int)(claim.object - objects);
}

unsigned int span_claim_far_locked(struct span *span, unsigned int max, void **objects)
{
	const struct class_info *info = &class_info[span->class];
	unsigned int got = 0;
	uint32_t by = 0;

	for (unsigned int i = 0; i < info->objects && got < max; i++) {
		uint64_t away;

		if (!(atomic_load_explicit(&span->free[i / 64], memory_order_relaxed) >>
		      (i % 64) & 1))
			continue;
		away = span_pages_of(span, i) & span->away;
		if (away && !span_pages_take(span, away))
			continue;
		by += claim_bits(span, i / 64, 1ull << (i % 64));
		objects[got++] = span->base + (size_t)i * info->size;
	}
	count_claimed(span, by);
	return got;
}

void span_claim_bits_locked(struct span *span, const uint64_t bits[SPAN_WORDS])
{
	uint32_t by = 0;

	for (unsigned int w = 0; w < SPAN_WORDS; w++) {
		if (bits[w])
			by += claim_bits(span, w, bits[w]);
	}
	count_claimed(span, by);
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
		if (empty(old) && !(old & PINNED))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&span->state, &old, old | LINKED,
			memory_order_acq_rel, memory_order_acquire));
	return true;
}

bool span_looks_full(const struct span *span)
{
	return full(span, atomic_load_explicit(&span->state, memory_order_acquire));
}

bool span_unlist_locked(struct span *span)
{
	uint32_t old = atomic_load_explicit(&span->state, memory_order_acquire);

	do {
		if (!full(span, old))
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

	return (old & LINKED) && empty(old);
}

unsigned int span_nr_free(const struct span *span)
{
	unsigned int nr = 0;

	for (unsigned int w = 0; w < SPAN_WORDS; w++)
		nr += (unsigned int)__builtin_popcountll(
			atomic_load_explicit(&span->free[w], memory_order_relaxed));
	return nr;
}
