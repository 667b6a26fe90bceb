// SPDX-License-Identifier: MIT
/*
 * The SPANHEAP_* environment, as a table. Called through options() by every
 * part of the library; no lock, no allocation. The environment is the one that
 * the program was started with, read by a constructor: what the program does to
 * it later, clearenv(3) say, is none of ours.
 *
 * A new option is a field of struct options and a line of the table.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include <spanheap.h>
#include "harden.h"
#include "message.h"
#include "options.h"

#define PREFIX		"SPANHEAP_"

/*
 * Long enough that a program's next burst finds its pages warm (bursts of a
 * server are seconds apart), short against the minutes over which people look
 * at memory graphs.
 */
#define DELAY_MS_DEFAULT	1000
#define DELAY_MS_MAX		(24 * 3600 * 1000u)

static const char *const release_names[] = {
	[SPANHEAP_RELEASE_HANDOVER] = "handover",
	[SPANHEAP_RELEASE_FREE] = "free",
	[SPANHEAP_RELEASE_DONTNEED] = "dontneed",
	[SPANHEAP_RELEASE_KEEP] = "keep",
	NULL
};

static const char *const backend_names[] = {
	[OPTION_BACKEND_AUTO] = "auto",
	[OPTION_BACKEND_PROCFS] = "procfs",
	[OPTION_BACKEND_DEVICE] = "device",
	NULL
};

/* By the bits of harden.h. */
static const char *const hardened_names[] = { "guard", "random", "canary", "zero", NULL };

/* One option: a word out of @words, some @bits of such, or a number up to @max. */
static const struct option {
	const char *name;
	size_t offset;
	const char *const *words;
	const char *const *bits;
	uint32_t max;
	const char *expected;
} table[] = {
	{ "RELEASE", offsetof(struct options, release), release_names, NULL, 0,
	  "handover, free, dontneed or keep" },
	{ "DELAY_MS", offsetof(struct options, delay_ms), NULL, NULL, DELAY_MS_MAX,
	  "a number of milliseconds, 0 to 86400000" },
	{ "BACKEND", offsetof(struct options, backend), backend_names, NULL, 0,
	  "auto, procfs or device" },
	{ "NODES", offsetof(struct options, nodes), NULL, NULL, 1, "0 or 1" },
	{ "HARDENED", offsetof(struct options, hardened), NULL, hardened_names, 0,
	  "0, 1, or some of guard, random, canary, zero with commas between" },
	{ "VERBOSE", offsetof(struct options, verbose), NULL, NULL, 1, "0 or 1" },
};

static struct options current = {
	.release = OPTION_RELEASE_UNSET,
	.delay_ms = DELAY_MS_DEFAULT,
	.backend = OPTION_BACKEND_AUTO,
	.nodes = 1,
};

static bool parse_word(const char *value, const char *const *words, uint32_t *out)
{
	for (uint32_t i = 0; words[i]; i++) {
		if (!strcmp(value, words[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* Words with commas between; 0 is none of them, 1 is all. */
static bool parse_bits(const char *value, const char *const *words, uint32_t *out)
{
	uint32_t bits = 0, nr;

	for (nr = 0; words[nr];)
		nr++;
	if (!strcmp(value, "0") || !strcmp(value, "1")) {
		*out = *value == '1' ? (1u << nr) - 1 : 0;
		return true;
	}
	for (;; value++) {
		size_t len = strcspn(value, ",");
		uint32_t i = 0;

		while (i < nr && (strlen(words[i]) != len || strncmp(value, words[i], len)))
			i++;
		if (i == nr)
			return false;
		bits |= 1u << i;
		value += len;
		if (!*value)
			break;
	}
	*out = bits;
	return true;
}

static bool parse_number(const char *value, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (!*value)
		return false;
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return false;
		n = n * 10 + (uint64_t)(*value - '0');
		if (n > max)
			return false;
	}
	*out = (uint32_t)n;
	return true;
}

static bool parse_one(const struct option *o, const char *value, struct options *opts)
{
	uint32_t *out = (uint32_t *)((char *)opts + o->offset);

	if (o->words ? parse_word(value, o->words, out) :
	    o->bits ? parse_bits(value, o->bits, out) :
		      parse_number(value, o->max, out))
		return true;
	message(PREFIX, o->name, "=", value, " is ignored: expected ",
		o->expected, NULL);
	return false;
}

unsigned int options_parse(char *const *env, struct options *opts)
{
	unsigned int bad = 0;

	for (; *env; env++) {
		const char *name = *env + strlen(PREFIX);

		if (strncmp(*env, PREFIX, strlen(PREFIX)))
			continue;
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			size_t len = strlen(table[i].name);

			if (!strncmp(name, table[i].name, len) && name[len] == '=')
				bad += !parse_one(&table[i], name + len + 1, opts);
		}
	}
	return bad;
}

/* Early: other constructors may be of use to the options. */
__attribute__((constructor(101)))
static void read_environment(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	if (!getauxval(AT_SECURE))
		options_parse(envp, &current);
}

const struct options *options(void)
{
	return &current;
}

const char *option_release_name(unsigned int mode)
{
	return mode <= SPANHEAP_RELEASE_KEEP ? release_names[mode] : NULL;
}
