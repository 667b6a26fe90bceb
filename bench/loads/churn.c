// SPDX-License-Identifier: MIT
/*
 * churn - a server after Larson and Krishnan, "Memory allocation for long-running server
 * applications": threads replace objects at random; each ends after a while and leaves
 * its objects to the next, which frees them one by one.
 */
#include "harness.h"

static struct sizes sizes;
static long live, steps, generations;

struct lane {
	struct random random;
	struct object **slots;
};

static void *serve(void *argument)
{
	struct lane *lane = argument;

	for (long i = 0; i < steps; i++) {
		struct object **slot = &lane->slots[random_below(&lane->random, (uint32_t)live)];

		object_free(*slot);
		*slot = object_new(some_size(&sizes, &lane->random));
	}
	return NULL;
}

static void *succeed(void *seed)
{
	struct lane lane = { random_from((uint64_t)seed), calloc((size_t)live, sizeof(*lane.slots)) };

	for (long i = 0; i < generations; i++)
		pthread_join(start(serve, &lane), NULL);
	for (long i = 0; i < live; i++)
		object_free(lane.slots[i]);
	free(lane.slots);
	return NULL;
}

int main(int argc, char **argv)
{
	long threads;

	parameters_begin(argc, argv);
	threads = parameter("threads", 4);
	sizes_from(&sizes, parameter("min", 8), parameter("max", 1000));
	live = parameter("live", 1000);
	generations = scaled(parameter("generations", 100));
	steps = parameter("steps", 8000000) / 100 / threads;
	parameters_end();
	in_threads(threads, succeed);
	return 0;
}
