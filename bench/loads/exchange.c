// SPDX-License-Identifier: MIT
/*
 * exchange - every object is freed by another thread than the one that allocated it: each
 * sends batches to the next, in a ring. After Lever and Boreham, "malloc() performance in
 * a multithreaded Linux environment".
 */
#include "harness.h"

static struct sizes sizes;
static long threads, batches;
static struct queue queues[MOST_THREADS] = { [0 ... MOST_THREADS - 1] = QUEUE };

static void receive(struct queue *queue)
{
	struct batch batch;

	queue_get(queue, &batch);
	for (int i = 0; i < BATCH; i++)
		object_free(batch.objects[i]);
}

/* Half a queue ahead, so that nobody waits for every single batch. */
static void *trade(void *argument)
{
	long self = (long)argument, ahead = batches < DEPTH / 2 ? batches : DEPTH / 2;
	struct random random = random_from((uint64_t)self);
	struct batch batch;

	for (long i = 0; i < batches; i++) {
		for (int j = 0; j < BATCH; j++)
			batch.objects[j] = object_new(some_size(&sizes, &random));
		queue_put(&queues[(self + 1) % threads], &batch);
		if (i >= ahead)
			receive(&queues[self]);
	}
	while (ahead--)
		receive(&queues[self]);
	return NULL;
}

int main(int argc, char **argv)
{
	parameters_begin(argc, argv);
	threads = parameter("threads", 4);
	sizes_from(&sizes, parameter("min", 16), parameter("max", 512));
	batches = scaled(parameter("objects", 10000000)) / BATCH / threads;
	parameters_end();
	in_threads(threads, trade);
	return 0;
}
