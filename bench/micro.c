// SPDX-License-Identifier: MIT
/*
 * micro - the two loops whose instructions are counted (`make bench ROWS="pair/% slots/%"`):
 *
 *	micro pair SIZE ITERATIONS	an object is freed as soon as it is there
 *	micro slots SIZE ITERATIONS	objects are replaced at random among some that live
 *
 * Callgrind collects inside measured() only: neither start-up counts nor the first
 * tenth of the iterations.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SLOTS	1000

static void *slots[MOST_SLOTS];

/* So many that what lives stays below 32 MiB. */
static uint32_t slots_of(size_t size)
{
	return size >= 1 << 20 ? 32 : size >= 1 << 16 ? 256 : MOST_SLOTS;
}

static void __attribute__((noinline)) pair(size_t size, long iterations)
{
	for (long i = 0; i < iterations; i++) {
		char *volatile object = malloc(size);

		*object = 1;
		free(object);
	}
}

static void __attribute__((noinline)) replace(size_t size, long iterations)
{
	uint64_t nr = slots_of(size);
	uint32_t random = 1;

	for (; iterations; iterations--) {
		void **slot;
		char *object;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		slot = &slots[random * nr >> 32];
		free(*slot);
		object = malloc(size);
		*object = 1;
		*slot = object;
	}
}

static void __attribute__((noinline)) measured(void (*loop)(size_t, long), size_t size, long iterations)
{
	loop(size, iterations);
	__asm__ volatile("");	/* comes back here: no tail call */
}

int main(int argc, char **argv)
{
	void (*loop)(size_t, long) = NULL;
	long size, iterations;

	if (argc == 4)
		loop = !strcmp(argv[1], "pair") ? pair : !strcmp(argv[1], "slots") ? replace : NULL;
	size = loop ? atol(argv[2]) : 0;
	iterations = loop ? atol(argv[3]) : 0;
	if (size < 1 || iterations < 1) {
		fputs("usage: micro pair|slots SIZE ITERATIONS\n", stderr);
		return 2;
	}
	for (uint32_t i = 0; i < slots_of((size_t)size) && loop == replace; i++)
		slots[i] = malloc((size_t)size);
	loop((size_t)size, iterations / 10 + 1);
	measured(loop, (size_t)size, iterations);
	return 0;
}
