/* SPDX-License-Identifier: MIT */
/*
 * What to do with free pages, and when memory is short. Pure functions: the
 * scavenger calls them with the real clock, tests and simulators with their own.
 */
#ifndef SPANHEAP_LIB_POLICY_RELEASE_H
#define SPANHEAP_LIB_POLICY_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS	UINT64_C(1000000)	/* in nanoseconds */
#define MIB	(UINT64_C(1) << 20)

/* What becomes of a free page once it is old enough. */
enum give_back {
	GIVE_NOTHING,
	GIVE_IDLE,		/* hand over */
	GIVE_LAZY,		/* MADV_FREE */
	GIVE_RELEASED,		/* MADV_DONTNEED */
};

/*
 * Memory is short when less than this can still be allocated: what is gone
 * between two looks at the shortest period, three times over, since a cgroup at
 * its limit without anything to reclaim is a matter of milliseconds, and the
 * release takes its own time (MADV_DONTNEED: some 20 us a MiB).
 */
#define SHORT_BELOW		(64 * MIB)

/*
 * A release brings headroom up to here. The gap keeps a program that hovers
 * about the limit from being asked at every look; it is also the most by which
 * more is released than was strictly needed.
 */
#define SHORT_UNTIL		(96 * MIB)

/*
 * Fastest that headroom is expected to shrink, in bytes a second: two threads
 * that fault in base pages, about 1 GiB a second each. Huge pages go some times
 * faster: then the margin above is used up.
 */
#define CONSUMPTION		(2048 * MIB)

/*
 * Bounds of the period between two looks at headroom. A look costs about 60 us
 * (meminfo and one cgroup level), so 0.6 % of a CPU next to the limit, and
 * nothing measurable away from it.
 */
#define LOOK_PERIOD_MIN		(10 * MS)
#define LOOK_PERIOD_MAX		(1000 * MS)

/*
 * Part of a huge page is released only when it has been free this many times
 * as long as a whole one must: splitting frees nothing at once (the kernel
 * defers it), and costs the rest of the page its huge mapping for good.
 */
#define SPLIT_AGE_FACTOR	8

/*
 * Surplus is given back after this part of the delay, or in twice that: while clang
 * maps the code that it needs next, 3 MB of 10 within 60 ms after it has freed what
 * the parser made. Looks that find none take some microseconds each.
 */
#define EARLY_PART		32

/**
 * policy_mode() - the release mode in force
 * @chosen: enum spanheap_release, or OPTION_RELEASE_UNSET
 * @device: whether the module is there
 *
 * Nobody's choice is hand over with the module; without it nobody would take
 * the pages, and MADV_DONTNEED is what tells the truth in every tool.
 */
unsigned int policy_mode(unsigned int chosen, bool device);

/**
 * policy_action() - what to do with the free pages of a reserve
 * @mode: enum spanheap_release, the mode in force
 * @registered: whether the module knows the reserve
 * @device: whether the module is there
 *
 * A reserve that the module does not know, in a process that has the module, is
 * not worth looking at headroom for: it is released.
 */
enum give_back policy_action(unsigned int mode, bool registered, bool device);

/**
 * policy_shortage() - bytes to release now
 * @headroom: bytes that may still be allocated
 * @idle: bytes handed over
 */
uint64_t policy_shortage(uint64_t headroom, uint64_t idle);

/** policy_look_period() - ns until headroom should be looked at again */
uint64_t policy_look_period(uint64_t headroom);

/* Levels of pressure, as in struct spanheap_pressure. */
enum { LEVEL_NONE, LEVEL_LOW, LEVEL_MEDIUM, LEVEL_CRITICAL };

/* What the module calls the margin of a machine: less headroom is a shortage. */
#define PRESSURE_MARGIN		(4 * MIB)

/** policy_level() - the level of a headroom, by the module's measure */
unsigned int policy_level(uint64_t headroom);

/** policy_wanted() - bytes that bring it back to LEVEL_NONE */
uint64_t policy_wanted(uint64_t headroom);

/**
 * policy_answers() - whether the heap itself gives back upon a hint
 * @level: of the hint
 * @revokes: whether the module takes idle pages by itself
 * @mode: the release mode in force
 *
 * The module takes idle pages when they are needed, and no sooner; what is not idle
 * yet then goes last.
 */
bool policy_answers(unsigned int level, bool revokes, unsigned int mode);

/**
 * policy_age() - ages in which pages are released when memory is short
 * @step: 0, 1, ...: from the oldest on
 * @age_ns: pages at least that old go in this step
 *
 * Return: false when there are no more steps.
 */
bool policy_age(unsigned int step, uint64_t *age_ns);

/**
 * struct surplus - what the surplus of a process goes by; all zeros at first
 * @most: the most that was seen not given back, in bytes
 * @given: bytes given back early since the start
 */
struct surplus {
	uint64_t most;
	uint64_t given;
};

/**
 * policy_surplus() - bytes that are given back early
 * @held: bytes that are not given back, in use or free
 * @in_use: bytes in use
 *
 * What is free beyond as much as is in use: the program is in another phase. If it
 * comes back it pays for a fault a page, so that no more goes this way in its life
 * than it has held at its largest: at worst it faults in its largest heap once more.
 * A peak is over then, anyway, and only a new one is worth another hurry; nor is the
 * part of a surplus that might still go.
 */
uint64_t policy_surplus(struct surplus *surplus, uint64_t held, uint64_t in_use);

/** policy_epoch() - the stamp of a hand-over, of which the map keeps five bits */
unsigned int policy_epoch(uint64_t now_ns);

#endif /* SPANHEAP_LIB_POLICY_RELEASE_H */
