// SPDX-License-Identifier: MIT
/*
 * Parsing of arguments: numbers that are what they look like, or refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"

int parse_pid(const char *arg, pid_t *pid)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || *end || errno || n < 1 || n > INT32_MAX)
		return -1;
	*pid = (pid_t)n;
	return 0;
}

int parse_size(const char *arg, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	*bytes = strtoull(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || errno)
		return -1;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return -1;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (!*bytes || *bytes > (uint64_t)INT64_MAX >> shift)
		return -1;
	*bytes <<= shift;
	return 0;
}
