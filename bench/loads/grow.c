// SPDX-License-Identifier: MIT
/*
 * grow - growth and shrink by realloc: vectors grow by half, side by side, up to @max and
 * are cut back to what they hold; among them a text grows a line at a time.
 */
#include "harness.h"

#define VECTORS	64
#define LINE	120

static struct object *resized(struct object *object, size_t size)
{
	object = realloc(object, size);
	if (!object)
		die("realloc returned NULL");
	return object;
}

/* Grown pages are written to, as they would be. */
static void grow(struct object **vector, size_t size)
{
	size_t old = *vector ? (*vector)->size : 0;

	*vector = resized(*vector, size);
	if (old)
		memset((char *)*vector + old, 1, size - old);
	object_mark(*vector, size);
}

int main(int argc, char **argv)
{
	struct object *vectors[VECTORS] = {}, *text = NULL;
	struct random random = random_from(1);
	long rounds, max;
	size_t length = 0;

	parameters_begin(argc, argv);
	rounds = scaled(parameter("rounds", 60));
	max = parameter("max", 512 * KIB);
	parameters_end();
	while (rounds--) {
		for (long left = VECTORS; left;) {
			struct object **vector = &vectors[random_below(&random, VECTORS)];
			size_t size = *vector ? (*vector)->size + (*vector)->size / 2 : 16;

			if (*vector && (*vector)->size > (size_t)max) {
				left--;
				*vector = resized(*vector, (size_t)max * 3 / 4);
				object_mark(*vector, (size_t)max * 3 / 4);
				object_free(*vector);
				*vector = NULL;
				continue;
			}
			grow(vector, size);
			length += LINE;
			grow(&text, length);
		}
		object_free(text);
		text = NULL;
		length = 0;
	}
	for (int i = 0; i < VECTORS; i++)
		object_free(vectors[i]);
	return 0;
}
