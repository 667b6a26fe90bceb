// SPDX-License-Identifier: MIT
/*
 * peak - what remains of a peak: @mb of objects are allocated, 99 of 100 are freed, chosen
 * at random, then nothing happens for @wait ms. Prints, in MB: held, resident memory above
 * that of the start; idle, that part of it which the kernel may have, where libspanheap and
 * its module can tell; floor, pages that hold a survivor; and refill, the CPU seconds it
 * takes to allocate as much as was freed once more.
 */
#include <dlfcn.h>
#include <sys/mman.h>

#include <spanheap.h>
#include "rss.h"

#define PAGE	4096

static struct sizes sizes;
static struct random rng;

/* Not by malloc, which is being measured. */
static void *plain_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap failed");
	memset(memory, 0, size);
	return memory;
}

static long fill(struct object **objects, long nr, long bytes)
{
	for (long i = 0; i < nr && bytes > 0; i++) {
		if (objects[i])
			continue;
		objects[i] = object_new(some_size(&sizes, &rng));
		/* every page of it */
		for (uint32_t at = sizeof(struct object); at < objects[i]->size; at += PAGE)
			((volatile char *)objects[i])[at] = 1;
		object_mark(objects[i], objects[i]->size);
		bytes -= objects[i]->size;
		if (bytes <= 0)
			return i + 1;
	}
	return nr;
}

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

/* Pages in MB that the objects, which end up sorted in @pages, lie on. */
static double floor_of(struct object **objects, long nr, uintptr_t *pages)
{
	uintptr_t last = 0;
	size_t nr_pages = 0;
	long survivors = 0;

	for (long i = 0; i < nr; i++)
		if (objects[i])
			pages[survivors++] = (uintptr_t)objects[i];
	for (long i = 1; i < survivors; i++)
		if (by_address(&pages[i - 1], &pages[i]) > 0) {
			qsort(pages, (size_t)survivors, sizeof(*pages), by_address);
			break;
		}
	for (long i = 0; i < survivors; i++) {
		uintptr_t first = pages[i] / PAGE;
		uintptr_t end = (pages[i] + ((struct object *)pages[i])->size - 1) / PAGE;

		nr_pages += end - (first > last ? first : last + 1) + 1;
		last = end;
	}
	return nr_pages * (double)PAGE / MIB;
}

/* Resident, and handed over or lazily freed. */
static double given_away(void)
{
	int (*ledger)(pid_t, struct spanheap_report *, size_t) = dlsym(RTLD_DEFAULT, "spanheap_ledger");
	struct spanheap_report report;

	if (!ledger || ledger(0, &report, sizeof(report)) || !report.exact)
		return 0;
	return (double)(report.total.idle + report.total.lazyfree) / MIB;
}

int main(int argc, char **argv)
{
	long wait, bytes, nr, freed = 0;
	struct object **objects;
	uintptr_t *pages;
	double start, held, idle, cost;

	parameters_begin(argc, argv);
	bytes = scaled(parameter("mb", 1024)) * MIB;
	wait = scaled(parameter("wait", 12000));
	sizes_from(&sizes, 16, parameter("max", 2560));
	parameters_end();

	rng = random_from(1);
	nr = bytes / 256;
	objects = plain_memory((size_t)nr * sizeof(*objects));
	pages = plain_memory((size_t)nr * sizeof(*pages));
	start = resident();
	nr = fill(objects, nr, bytes);
	for (long i = 0; i < nr; i++) {
		long j = i + random_below(&rng, (uint32_t)(nr - i));
		struct object *object = objects[j];

		/* the order of frees has nothing to do with that of the addresses */
		objects[j] = objects[i];
		objects[i] = object;
		if (i % 100) {
			freed += object->size;
			object_free(object);
			objects[i] = NULL;
		}
	}
	sleep_ms(wait);
	held = resident() - start;
	idle = given_away();
	cost = cpu();
	fill(objects, nr, freed);
	cost = cpu() - cost;
	for (long i = 0; i < nr; i++)
		if (i % 100) {
			object_free(objects[i]);
			objects[i] = NULL;
		}
	printf("held=%.1f\nidle=%.1f\nrefill=%.4f\nfloor=%.1f\n", held, idle, cost,
	       floor_of(objects, nr, pages));
	return 0;
}
