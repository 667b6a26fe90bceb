// SPDX-License-Identifier: MIT
/*
 * random - objects of random sizes are replaced in random order, each thread its own.
 */
#include "harness.h"

static struct sizes sizes;
static long live, steps;

static void *replace(void *seed)
{
	struct random random = random_from((uint64_t)seed);
	struct object **slots = calloc((size_t)live, sizeof(*slots));

	for (long i = 0; i < steps; i++) {
		struct object **slot = &slots[random_below(&random, (uint32_t)live)];

		object_free(*slot);
		*slot = object_new(some_size(&sizes, &random));
	}
	for (long i = 0; i < live; i++)
		object_free(slots[i]);
	free(slots);
	return NULL;
}

int main(int argc, char **argv)
{
	long threads;

	parameters_begin(argc, argv);
	threads = parameter("threads", 1);
	sizes_from(&sizes, parameter("min", 16), parameter("max", 1024));
	live = scaled(parameter("live", 20000));
	steps = scaled(parameter("steps", 8000000)) / threads;
	parameters_end();
	in_threads(threads, replace);
	return 0;
}
