/* SPDX-License-Identifier: MIT */
/*
 * Central lists: per size class, the spans that have free objects. Threads come
 * here in batches: to take objects (under the class's lock) and to give them
 * back (no lock: an atomic step on a word of the bitmap; span.h has the states).
 *
 * A span that gets its first free object is pushed on @incoming, with no lock;
 * whoever has the lock moves these to the list. A span all of whose objects are
 * free goes back to the page heap at once.
 *
 * All functions are called inside the gate, with no lock held. The lock of a
 * class is not held when the page heap is asked for pages or given some.
 */
#ifndef SPANHEAP_LIB_CENTRAL_H
#define SPANHEAP_LIB_CENTRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most objects that one central_take() fetches. */
#define CENTRAL_BATCH_MAX	64

struct span;

/**
 * central_take() - fetch free objects
 * @want: at most so many, at most CENTRAL_BATCH_MAX
 * @objects: filled in
 *
 * Return: how many, at least 1, or 0 when memory is out.
 */
unsigned int central_take(size_t class, unsigned int want, void **objects);

/**
 * central_give() - objects come back
 * @list: linked through their first words
 * @nr: how many of them, from the first on
 *
 * Return: what the last one of these leads to.
 */
void *central_give(size_t class, void *list, unsigned int nr);

/**
 * central_give_chain() - objects come back that another thread may have as they are
 * @list: as above, but ending with NULL
 * @nr: all that are in there
 *
 * A few chains of each class are kept linked, so that objects that are made by one
 * thread and freed by another go round without a look at their spans.
 */
void central_give_chain(size_t class, void *list, unsigned int nr);

/**
 * central_take_chain() - fetch such a chain
 * @most: no longer one
 * @nr: its length
 *
 * Return: NULL when there is none; the spans may have objects.
 */
void *central_take_chain(size_t class, unsigned int most, unsigned int *nr);

/** central_trim() - give back chains, and empty spans that wait to be found */
void central_trim(void);

/**
 * struct central_walk - one round over the spans of a class
 * @look: called for each span that has free objects, under the class's lock. May
 *	hand pages over. Return: pages for @work, only free objects on them
 * @work: called with no lock, while nobody else can have the objects on @pages.
 *	Return: those that are away now
 * @arg: for both
 * The rest is central_walk()'s, all zeros at first.
 */
struct central_walk {
	uint64_t (*look)(struct span *span, void *arg);
	uint64_t (*work)(struct span *span, uint64_t pages, void *arg);
	void *arg;
	uint64_t pages;
	size_t near;
	size_t far;
	unsigned int node;
	bool begun;
};

/**
 * central_walk() - the next few spans
 *
 * Call it until it returns false, and leave the gate between calls.
 */
bool central_walk(size_t class, struct central_walk *walk);

/**
 * struct central_counts - what has passed through a central list
 * @taken: objects that threads have fetched
 * @given: and given back
 * @spans: spans that the class has now
 */
struct central_counts {
	uint64_t taken;
	uint64_t given;
	uint64_t spans;
};

/** central_counts() - of @class, since the start */
struct central_counts central_counts(size_t class);

/** central_fork_child() - see fork.h; @whole: nothing is half-changed */
void central_fork_child(bool whole);

#endif /* SPANHEAP_LIB_CENTRAL_H */
