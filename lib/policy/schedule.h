/* SPDX-License-Identifier: MIT */
/*
 * When the scavenger works and for how long it sleeps. Clock, heap and headroom
 * are injected, so that tests run it on virtual time.
 */
#ifndef SPANHEAP_LIB_POLICY_SCHEDULE_H
#define SPANHEAP_LIB_POLICY_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define NEVER	UINT64_MAX

/**
 * struct schedule_ops - the world that a schedule acts upon
 * @now: CLOCK_MONOTONIC in ns
 * @cpu: CPU time that the caller has used, in ns
 * @poked: whether spans have come free since the last call (takes the mark)
 * @pass: give back what is at least @delay_ns old, by the mode in force;
 *	true when something was left for a later pass though it was that old
 * @early: give back the surplus, as far as it is at least @age_ns old; false when
 *	the mode in force leaves it alone
 * @idle: bytes handed over that this process must release itself when memory
 *	is short; 0 when the module takes them
 * @headroom: as in struct backend
 * @release: release that many idle bytes, oldest first
 */
struct schedule_ops {
	uint64_t (*now)(void *ctx);
	uint64_t (*cpu)(void *ctx);
	bool (*poked)(void *ctx);
	bool (*pass)(void *ctx, uint64_t delay_ns);
	bool (*early)(void *ctx, uint64_t age_ns);
	uint64_t (*idle)(void *ctx);
	uint64_t (*headroom)(void *ctx);
	void (*release)(void *ctx, uint64_t bytes);
};

/**
 * struct schedule - what is due
 * @next_pass: time of the next pass, or NEVER: all that was freed is handled
 * @next_early: time of the next look at the surplus, or NEVER: no pass is pending
 * @rest_until: neither before that, so that they do not take too much CPU
 * @next_look: time of the next look at headroom, or NEVER: nothing is idle
 */
struct schedule {
	uint64_t next_pass;
	uint64_t next_early;
	uint64_t rest_until;
	uint64_t next_look;
};

#define SCHEDULE_INIT	{ .next_pass = NEVER, .next_early = NEVER, .next_look = NEVER }

/**
 * schedule_step() - do what is due
 * @delay_ns: how long pages lie free before they are given back
 *
 * Return: when to be called again, or NEVER. To be called earlier when spans
 * come free while @s->next_pass is NEVER.
 */
uint64_t schedule_step(struct schedule *s, const struct schedule_ops *ops,
		       void *ctx, uint64_t delay_ns);

#endif /* SPANHEAP_LIB_POLICY_SCHEDULE_H */
