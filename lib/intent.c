// SPDX-License-Identifier: MIT
#include "intent.h"
#include "lock.h"

#define WORD_PAGES	8
#define EACH_BYTE	0x0101010101010101ull
#define ALL_IN_USE	(EACH_BYTE * SPANHEAP_IN_USE)

/*
 * The module holds a page in REVOKING for as long as it takes to unmap a batch
 * (tens of microseconds; longer when it is preempted). Some spins, then the caller
 * takes other memory or sleeps: spinning on could keep off whoever is at it.
 */
#define SPINS		200

_Atomic uint64_t intent_totals[SPANHEAP_NR_INTENTS];
_Atomic uint64_t intent_revoked_seen;

/* What one call has changed: added to the totals once, at its end. */
struct tally {
	uint64_t left[SPANHEAP_NR_INTENTS];	/* pages, by the state they were in */
	uint64_t entered;
};

static void tally_close(const struct tally *tally, unsigned int entered)
{
	for (unsigned int i = 0; i < SPANHEAP_NR_INTENTS; i++) {
		/* the totals do not know what the module did meanwhile */
		unsigned int row = i == SPANHEAP_REVOKED ? SPANHEAP_IDLE : i;

		if (tally->left[i])
			atomic_fetch_sub_explicit(&intent_totals[row], tally->left[i],
						  memory_order_relaxed);
	}
	if (tally->entered)
		atomic_fetch_add_explicit(&intent_totals[entered], tally->entered,
					  memory_order_relaxed);
}

/* The word of pages [@at, @at + 7], and which of its bytes lie below @end. */
static _Atomic uint64_t *word_at(intent_byte *map, size_t at, size_t end,
				 uint64_t *mask, size_t *next)
{
	size_t first = at & ~(size_t)(WORD_PAGES - 1);

	*next = first + WORD_PAGES;
	*mask = ~0ull << (8 * (at - first));
	if (*next > end)
		*mask &= ~0ull >> (8 * (*next - end));
	return (_Atomic uint64_t *)(map + first);
}

static unsigned int state_of(uint64_t word, unsigned int byte)
{
	return word >> (8 * byte) & SPANHEAP_INTENT_MASK;
}

/* The bytes of a word that are in @state, as a mask; all eight at once. */
static uint64_t bytes_in(uint64_t word, unsigned int state)
{
	uint64_t other = (word & EACH_BYTE * SPANHEAP_INTENT_MASK) ^ EACH_BYTE * state;

	/* no byte is above 7, so none carries into the next */
	return (~(other + EACH_BYTE * 0x7f) & EACH_BYTE * 0x80) / 0x80 * 0xff;
}

static uint64_t with_bytes(uint64_t word, uint64_t mask, uint64_t value)
{
	return (word & ~mask) | (EACH_BYTE * value & mask);
}

static unsigned int nr_bytes(uint64_t mask)
{
	return (unsigned int)__builtin_popcountll(mask) / 8;
}

/* Bytes of @word were in @state and are IN_USE now. */
static void note_taken(uint64_t mask, unsigned int state, bool *zeroed, struct tally *tally)
{
	if (state != SPANHEAP_IN_USE) {
		tally->left[state] += nr_bytes(mask);
		tally->entered += nr_bytes(mask);
	}
	if (state != SPANHEAP_UNUSED && state != SPANHEAP_RELEASED && state != SPANHEAP_REVOKED)
		*zeroed = false;
}

/*
 * One word to IN_USE. Return: the bytes (as in @mask) that are REVOKING and
 * stay behind.
 */
static uint64_t take_word(_Atomic uint64_t *word, uint64_t mask, bool *zeroed,
			  struct tally *tally)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed), taken, left;

	do {
		taken = mask & ~bytes_in(old, SPANHEAP_REVOKING);
	} while (!atomic_compare_exchange_weak_explicit(word, &old,
			with_bytes(old, taken, SPANHEAP_IN_USE),
			memory_order_acq_rel, memory_order_relaxed));

	/* mostly one state for all of them */
	for (left = taken; left;) {
		unsigned int state = state_of(old, (unsigned int)__builtin_ctzll(left) / 8);
		uint64_t these = left & bytes_in(old, state);

		note_taken(these, state, zeroed, tally);
		left &= ~these;
	}
	return mask & ~taken;
}

static uint64_t take_word_patiently(_Atomic uint64_t *word, uint64_t mask,
				    bool *zeroed, struct tally *tally)
{
	uint64_t busy = take_word(word, mask, zeroed, tally);

	for (int i = 0; busy && i < SPINS; i++) {
		cpu_relax();
		busy = take_word(word, busy, zeroed, tally);
	}
	return busy;
}

size_t intent_take(intent_byte *map, size_t first, size_t nr, bool *zeroed)
{
	size_t end = first + nr, next, stuck = 0;
	struct tally tally = { 0 };

	*zeroed = true;
	for (size_t at = first; at < end; at = next) {
		uint64_t mask;
		_Atomic uint64_t *word = word_at(map, at, end, &mask, &next);

		if (!((atomic_load_explicit(word, memory_order_relaxed) ^ ALL_IN_USE) & mask)) {
			*zeroed = false;
			continue;
		}
		stuck += (size_t)__builtin_popcountll(
			take_word_patiently(word, mask, zeroed, &tally)) / 8;
	}
	if (tally.left[SPANHEAP_REVOKED])
		atomic_fetch_add_explicit(&intent_revoked_seen,
					  tally.left[SPANHEAP_REVOKED],
					  memory_order_relaxed);
	tally_close(&tally, SPANHEAP_IN_USE);
	return stuck;
}

/* IN_USE bytes to @value; all others stay. */
static size_t leave_in_use(intent_byte *map, size_t first, size_t nr, uint64_t value)
{
	size_t end = first + nr, next;
	struct tally tally = { 0 };

	for (size_t at = first; at < end; at = next) {
		uint64_t mask, old, changed;
		_Atomic uint64_t *word = word_at(map, at, end, &mask, &next);

		old = atomic_load_explicit(word, memory_order_relaxed);
		do {
			changed = mask & bytes_in(old, SPANHEAP_IN_USE);
		} while (changed &&
			 !atomic_compare_exchange_weak_explicit(word, &old,
				with_bytes(old, changed, value),
				memory_order_acq_rel, memory_order_relaxed));
		tally.entered += nr_bytes(changed);
	}
	tally.left[SPANHEAP_IN_USE] = tally.entered;
	tally_close(&tally, value & SPANHEAP_INTENT_MASK);
	return tally.entered;
}

size_t intent_hand_over(intent_byte *map, size_t first, size_t nr, unsigned int epoch)
{
	return leave_in_use(map, first, nr,
			    SPANHEAP_IDLE | (epoch << SPANHEAP_EPOCH_SHIFT & 0xff));
}

size_t intent_release(intent_byte *map, size_t first, size_t nr, unsigned int to)
{
	return leave_in_use(map, first, nr, to);
}

void intent_note_released(size_t nr)
{
	struct tally tally = { .left[SPANHEAP_IN_USE] = nr, .entered = nr };

	tally_close(&tally, SPANHEAP_RELEASED);
}

void intent_count(const intent_byte *map, size_t first, size_t nr,
		  size_t counts[SPANHEAP_NR_INTENTS])
{
	for (unsigned int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		counts[i] = 0;
	for (size_t i = first; i < first + nr; i++)
		counts[atomic_load_explicit(&map[i], memory_order_relaxed) &
		       SPANHEAP_INTENT_MASK]++;
}
