// SPDX-License-Identifier: MIT
/*
 * scratch - small objects of different threads should not share a cache line: each thread
 * is given an object by the first, then frees it, and writes again and again into those it
 * allocates itself. After Berger and others, "Hoard: a scalable memory allocator".
 */
#include "harness.h"

static long size, objects, writes;
static char *given[MOST_THREADS];

static void *scribble(void *argument)
{
	volatile char *object = given[(long)argument];

	for (long i = 0; i < objects; i++) {
		for (long j = 0; j < writes; j++)
			object[j % size]++;
		free((void *)object);
		object = malloc((size_t)size);
		if (!object)
			die("malloc returned NULL");
		object[0] = 0;
	}
	free((void *)object);
	return NULL;
}

int main(int argc, char **argv)
{
	long threads;

	parameters_begin(argc, argv);
	threads = parameter("threads", 2);
	size = parameter("size", 8);
	objects = scaled(parameter("objects", 600000));
	writes = parameter("writes", 200);
	parameters_end();
	for (long i = 0; i < threads && i < MOST_THREADS; i++)
		given[i] = calloc(1, (size_t)size);
	in_threads(threads, scribble);
	return 0;
}
