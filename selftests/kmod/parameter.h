/* SPDX-License-Identifier: MIT */
/* Module parameters, changed for the time of a test. Needs root. */
#ifndef SELFTESTS_KMOD_PARAMETER_H
#define SELFTESTS_KMOD_PARAMETER_H

#include <stdio.h>
#include <string.h>

static inline FILE *parameter_file(const char *name, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/spanheap/parameters/%s", name);
	return fopen(path, mode);
}

/* 0, or -1 with errno. */
static inline int parameter_set(const char *name, const char *value)
{
	FILE *f = parameter_file(name, "w");
	int bad;

	if (!f)
		return -1;
	bad = fputs(value, f) < 0;
	bad |= fclose(f) != 0;
	return bad ? -1 : 0;
}

/* 0 and the value, or -1 with errno. */
static inline int parameter_get(const char *name, char *value, int room)
{
	FILE *f = parameter_file(name, "r");

	if (!f)
		return -1;
	if (!fgets(value, room, f))
		value[0] = 0;
	value[strcspn(value, "\n")] = 0;
	return fclose(f);
}

#endif /* SELFTESTS_KMOD_PARAMETER_H */
