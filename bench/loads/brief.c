// SPDX-License-Identifier: MIT
/*
 * brief - thousands of short-lived threads: each allocates a few objects, frees half of
 * them itself, and leaves the others to the thread after it.
 */
#include "harness.h"

#define OBJECTS	200

static struct sizes sizes;
static long nr_threads;

struct lane {
	struct random random;
	struct object *left[OBJECTS / 2];
};

static void *live_briefly(void *argument)
{
	struct object *objects[OBJECTS];
	struct lane *lane = argument;

	for (int i = 0; i < OBJECTS; i++)
		objects[i] = object_new(some_size(&sizes, &lane->random));
	for (int i = 0; i < OBJECTS / 2; i++) {
		object_free(objects[2 * i]);
		object_free(lane->left[i]);
		lane->left[i] = objects[2 * i + 1];
	}
	return NULL;
}

static void *succeed(void *seed)
{
	struct lane lane = { random_from((uint64_t)seed), {} };

	for (long i = 0; i < nr_threads; i++)
		pthread_join(start(live_briefly, &lane), NULL);
	for (int i = 0; i < OBJECTS / 2; i++)
		object_free(lane.left[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	long lanes;

	parameters_begin(argc, argv);
	lanes = parameter("lanes", 4);
	sizes_from(&sizes, parameter("min", 16), parameter("max", 1024));
	nr_threads = scaled(parameter("threads", 8000)) / lanes;
	parameters_end();
	in_threads(lanes, succeed);
	return 0;
}
