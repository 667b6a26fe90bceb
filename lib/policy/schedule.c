// SPDX-License-Identifier: MIT
/*
 * The scavenger's timetable.
 *
 * Passes. A free sets a mark and no time. The pass that finds the mark is
 * followed by another one a delay later, since what it saw freed last may have
 * been too young; a pass that finds no mark has seen everything old enough, and
 * none follows until the next free. So each free is handled between one and two
 * delays after it (later only where a pass is much work), and an idle program
 * wakes nobody.
 *
 * Surplus. While a pass is pending, that is up to two delays after a free, there are
 * looks at the surplus (release.h), EARLY_PART of them a delay; one a pass where the
 * mode leaves it alone.
 *
 * Looks at headroom. Only while there are idle bytes that the module does not
 * take by itself, at a period that follows from the distance to the limit.
 */
#include "release.h"
#include "schedule.h"

/*
 * Shortest time between two passes, whatever the delay: a pass over a large
 * heap takes its lock thousands of times.
 */
#define PASS_PERIOD_MIN	(10 * MS)

/*
 * A pass is followed by a pause of at least this many times the CPU that it
 * took: giving back costs a program no more than 4 % of a CPU over time, however
 * large its heap. (Go's scavenger paces itself at 1 %; ours also hands over,
 * which is what keeps the rest of the program from faulting.)
 */
#define PASS_PAUSE	25

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_due(const struct schedule *s, const struct schedule_ops *ops, void *ctx,
		   uint64_t at)
{
	return ops->now(ctx) >= max_u64(at, s->rest_until);
}

/* @cpu: what the clock said before the work */
static void rest(struct schedule *s, const struct schedule_ops *ops, void *ctx, uint64_t cpu)
{
	s->rest_until = ops->now(ctx) + (ops->cpu(ctx) - cpu) * PASS_PAUSE;
}

static void pass_if_due(struct schedule *s, const struct schedule_ops *ops,
			void *ctx, uint64_t delay_ns)
{
	uint64_t period = max_u64(delay_ns, PASS_PERIOD_MIN);
	uint64_t cpu;
	bool again;

	if (s->next_pass == NEVER) {
		if (ops->poked(ctx))
			s->next_pass = ops->now(ctx) + period;
		return;
	}
	if (!is_due(s, ops, ctx, s->next_pass))
		return;
	/* The mark first: what comes free during the pass is the next one's. */
	again = ops->poked(ctx);
	cpu = ops->cpu(ctx);
	if (ops->pass(ctx, delay_ns))
		again = true;
	rest(s, ops, ctx, cpu);
	s->next_pass = again ? ops->now(ctx) + period : NEVER;
}

static void early_if_due(struct schedule *s, const struct schedule_ops *ops,
			 void *ctx, uint64_t delay_ns)
{
	uint64_t age = delay_ns / EARLY_PART;
	bool more = true;
	uint64_t cpu;

	if (s->next_pass == NEVER) {
		s->next_early = NEVER;
		return;
	}
	if (s->next_early != NEVER) {
		if (!is_due(s, ops, ctx, s->next_early))
			return;
		cpu = ops->cpu(ctx);
		more = ops->early(ctx, age);
		rest(s, ops, ctx, cpu);
	}
	s->next_early = more ? ops->now(ctx) + max_u64(age, PASS_PERIOD_MIN) : s->next_pass;
}

static void look_if_due(struct schedule *s, const struct schedule_ops *ops, void *ctx)
{
	uint64_t idle = ops->idle(ctx);
	uint64_t headroom, wanted;

	if (!idle) {
		s->next_look = NEVER;
		return;
	}
	if (s->next_look != NEVER && ops->now(ctx) < s->next_look)
		return;
	headroom = ops->headroom(ctx);
	wanted = policy_shortage(headroom, idle);
	if (wanted)
		ops->release(ctx, wanted);
	s->next_look = ops->now(ctx) + policy_look_period(headroom);
}

uint64_t schedule_step(struct schedule *s, const struct schedule_ops *ops,
		       void *ctx, uint64_t delay_ns)
{
	pass_if_due(s, ops, ctx, delay_ns);
	early_if_due(s, ops, ctx, delay_ns);
	look_if_due(s, ops, ctx);
	return min_u64(s->next_look,
		       max_u64(min_u64(s->next_pass, s->next_early), s->rest_until));
}
