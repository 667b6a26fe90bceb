// SPDX-License-Identifier: MIT
/*
 * pipe - some threads allocate and fill, others read and free; nobody does both.
 */
#include "harness.h"

static struct sizes sizes;
static long pairs, batches;
static struct queue queue = QUEUE;

static void produce(uint64_t seed)
{
	struct random random = random_from(seed);
	struct batch batch;

	for (long i = 0; i < batches; i++) {
		for (int j = 0; j < BATCH; j++) {
			batch.objects[j] = object_new(some_size(&sizes, &random));
			memset(batch.objects[j]->bytes, (int)i, 8);
		}
		queue_put(&queue, &batch);
	}
}

static void consume(void)
{
	struct batch batch;

	for (long i = 0; i < batches; i++) {
		queue_get(&queue, &batch);
		for (int j = 0; j < BATCH; j++)
			object_free(batch.objects[j]);
	}
}

static void *either(void *argument)
{
	if ((long)argument < pairs)
		produce((uint64_t)argument);
	else
		consume();
	return NULL;
}

int main(int argc, char **argv)
{
	parameters_begin(argc, argv);
	pairs = parameter("pairs", 2);
	sizes_from(&sizes, parameter("min", 24), parameter("max", 1024));
	batches = scaled(parameter("objects", 6000000)) / BATCH / pairs;
	parameters_end();
	in_threads(2 * pairs, either);
	return 0;
}
