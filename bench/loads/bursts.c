// SPDX-License-Identifier: MIT
/*
 * bursts - @mb of objects are allocated, written and freed, then there is silence for the
 * rest of @every ms; ten times. Prints burst, the CPU seconds of all of it, and between,
 * the resident memory above that of the start at the end of a silence, in MB, the mean.
 */
#include <sys/mman.h>

#include "rss.h"

int main(int argc, char **argv)
{
	struct random random = random_from(1);
	long bytes, every, bursts = 10;
	struct object **objects;
	double start, between = 0;
	struct sizes sizes;
	size_t most;

	parameters_begin(argc, argv);
	bytes = scaled(parameter("mb", 256)) * MIB;
	every = scaled(parameter("every", 2000));
	sizes_from(&sizes, parameter("min", 16), parameter("max", 64 * KIB));
	parameters_end();

	most = (size_t)bytes / 512;
	objects = mmap(NULL, most * sizeof(*objects), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (objects == MAP_FAILED)
		die("mmap failed");
	start = resident();
	for (long i = 0; i < bursts; i++) {
		struct timespec from, to;
		size_t nr = 0;
		long took;

		clock_gettime(CLOCK_MONOTONIC, &from);
		for (long left = bytes; left > 0 && nr < most; left -= objects[nr++]->size) {
			objects[nr] = object_new(some_size(&sizes, &random));
			memset(objects[nr]->bytes, 1, objects[nr]->size - sizeof(struct object));
			object_mark(objects[nr], objects[nr]->size);
		}
		while (nr)
			object_free(objects[--nr]);
		clock_gettime(CLOCK_MONOTONIC, &to);
		took = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
		if (took < every)
			sleep_ms(every - took);
		between += (resident() - start) / bursts;
	}
	printf("burst=%.4f\nbetween=%.1f\n", cpu(), between);
	return 0;
}
