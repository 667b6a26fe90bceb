// SPDX-License-Identifier: MIT
/*
 * mix - what programs do, mixed: mostly small objects, few large ones; most die young,
 * some stay, some change hands; now and then all threads end and others go on.
 */
#include "harness.h"

#define NR_SHARED	1024

static struct sizes small, middle, large;
static long steps, live;
static struct object *shared[NR_SHARED];
static uint64_t nr_started;

static size_t any_size(struct random *random)
{
	uint32_t of_10000 = random_below(random, 10000);

	return some_size(of_10000 < 9800 ? &small : of_10000 < 9990 ? &middle : &large, random);
}

static void *work(void *unused)
{
	uint64_t seed = __atomic_fetch_add(&nr_started, 1, __ATOMIC_RELAXED);
	struct random random = random_from(seed);
	struct object **kept = calloc((size_t)live, sizeof(*kept));

	(void)unused;
	for (long i = 0; i < steps; i++) {
		struct object *object = object_new(any_size(&random));
		struct object **slot;

		switch (random_below(&random, 8)) {
		case 0:		/* stays, in the place of another */
			slot = &kept[random_below(&random, (uint32_t)live)];
			object_free(*slot);
			*slot = object;
			break;
		case 1:		/* is for somebody else */
			slot = &shared[random_below(&random, NR_SHARED)];
			object_free(__atomic_exchange_n(slot, object, __ATOMIC_ACQ_REL));
			break;
		default:
			object_free(object);
		}
	}
	for (long i = 0; i < live; i++)
		object_free(kept[i]);
	free(kept);
	return NULL;
}

int main(int argc, char **argv)
{
	long threads, rounds;

	parameters_begin(argc, argv);
	threads = parameter("threads", 4);
	rounds = parameter("rounds", 10);
	sizes_from(&small, 16, 512);
	sizes_from(&middle, 512, 16 * KIB);
	sizes_from(&large, 16 * KIB, 1 * MIB);
	live = parameter("live", 4000);
	steps = scaled(parameter("steps", 16000000)) / rounds / threads;
	parameters_end();
	while (rounds--)
		in_threads(threads, work);
	for (int i = 0; i < NR_SHARED; i++)
		object_free(shared[i]);
	return 0;
}
