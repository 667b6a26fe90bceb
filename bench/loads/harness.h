/* SPDX-License-Identifier: MIT */
/*
 * What the loads share: parameters, random numbers, sizes, objects that notice when
 * they were overwritten, threads, and a queue that hands objects from thread to thread.
 *
 * A load does a fixed amount of work with the malloc it finds and ends with 0; CPU time
 * and peak are measured from outside, by launch. Arguments are NAME=NUMBER; every load
 * knows work=PERCENT of what it does by default. It may print figures of its own:
 * NAME=NUMBER, a line each.
 */
#ifndef SPANHEAP_BENCH_LOADS_HARNESS_H
#define SPANHEAP_BENCH_LOADS_HARNESS_H

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB	1024L
#define MIB	(1024 * KIB)

static inline void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

/* Parameters. */

static int nr_arguments, nr_parameters;
static char **arguments;

/* The number given for @name; every argument is to be asked for before parameters_end(). */
static inline long parameter(const char *name, long otherwise)
{
	size_t length = strlen(name);

	for (int i = 1; i < nr_arguments; i++) {
		char *end;
		long value;

		if (strncmp(arguments[i], name, length) || arguments[i][length] != '=')
			continue;
		value = strtol(arguments[i] + length + 1, &end, 10);
		if (*end || end == arguments[i] + length + 1 || value < 0)
			die("a parameter is NAME=NUMBER");
		nr_parameters++;
		return value;
	}
	return otherwise;
}

/* The percentage is out of 100, rounded up. */
static inline long scaled(long amount)
{
	static long percent;

	if (!percent)
		percent = parameter("work", 100);
	return (amount * percent + 99) / 100;
}

static inline void parameters_begin(int argc, char **argv)
{
	nr_arguments = argc;
	arguments = argv;
	scaled(0);
}

static inline void parameters_end(void)
{
	if (nr_parameters != nr_arguments - 1)
		die("an argument is unknown, or given twice");
}

/* Random numbers: xorshift64*, after Vigna, "An experimental exploration of Marsaglia's
 * xorshift generators, scrambled". */

struct random {
	uint64_t state;
};

static inline struct random random_from(uint64_t seed)
{
	return (struct random){ (seed + 1) * 0x9e3779b97f4a7c15 };
}

static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	uint64_t x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1d >> 32) * limit >> 32);
}

/* Sizes from @min to @max, as many between 16 and 32 as between 1600 and 3200. */

#define NR_SIZES	4096

struct sizes {
	uint32_t of[NR_SIZES];
};

static inline void sizes_from(struct sizes *sizes, long min, long max)
{
	for (int i = 0; i < NR_SIZES; i++)
		sizes->of[i] = (uint32_t)(min * pow((double)max / min, (i + 0.5) / NR_SIZES));
}

static inline size_t some_size(const struct sizes *sizes, struct random *random)
{
	return sizes->of[random_below(random, NR_SIZES)];
}

/* Objects of 8 bytes and more: they know their size, and their last byte. */

struct object {
	uint32_t size, check;
	char bytes[];
};

static inline void object_mark(struct object *object, size_t size)
{
	object->size = (uint32_t)size;
	object->check = ~(uint32_t)size;
	if (size > sizeof(*object))
		((char *)object)[size - 1] = (char)size;
}

static inline struct object *object_new(size_t size)
{
	struct object *object = malloc(size);

	if (!object)
		die("malloc returned NULL");
	object_mark(object, size);
	return object;
}

static inline void object_check(const struct object *object)
{
	if (object->check != ~object->size ||
	    (object->size > sizeof(*object) &&
	     ((const char *)object)[object->size - 1] != (char)object->size))
		die("an object was overwritten");
}

static inline void object_free(struct object *object)
{
	if (!object)
		return;
	object_check(object);
	free(object);
}

/* Threads. */

#define MOST_THREADS	64

static inline pthread_t start(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, body, argument);
	if (errno)
		die("pthread_create failed");
	return thread;
}

/* Runs @body(0), @body(1)... in @nr threads of their own, to the end. */
static inline void in_threads(long nr, void *(*body)(void *))
{
	pthread_t threads[MOST_THREADS];

	if (nr < 1 || nr > MOST_THREADS)
		die("threads: from 1 to 64");
	for (long i = 0; i < nr; i++)
		threads[i] = start(body, (void *)i);
	for (long i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

/* A queue of batches: bounded, blocking, and seldom locked, as it is not the subject. */

#define BATCH	64
#define DEPTH	16

struct batch {
	struct object *objects[BATCH];
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	unsigned long put, got;
	struct batch ring[DEPTH];
};

#define QUEUE	{ PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, {} }

static inline void queue_put(struct queue *queue, const struct batch *batch)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->put - queue->got == DEPTH)
		pthread_cond_wait(&queue->drained, &queue->lock);
	queue->ring[queue->put++ % DEPTH] = *batch;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

static inline void queue_get(struct queue *queue, struct batch *batch)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->put == queue->got)
		pthread_cond_wait(&queue->filled, &queue->lock);
	*batch = queue->ring[queue->got++ % DEPTH];
	pthread_cond_signal(&queue->drained);
	pthread_mutex_unlock(&queue->lock);
}

#endif /* SPANHEAP_BENCH_LOADS_HARNESS_H */
