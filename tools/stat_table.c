// SPDX-License-Identifier: MIT
/*
 * The ledger as people read it: what is resident, then what is not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stat.h"

/* The command's name, "" when it is not to be had. */
static void process_name(pid_t pid, char name[static 32])
{
	char path[32];
	FILE *f;

	name[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, 32, f))
		name[strcspn(name, "\n")] = '\0';
	fclose(f);
}

static void cell(const struct spanheap_figures *f, const struct figure *what, bool known)
{
	uint64_t bytes = figure_value(f, what);

	if (!known)
		printf(" %14s", "unknown");
	else
		printf(" %10.1f MiB", (double)bytes / (1 << 20));
}

static void row(const struct spanheap_report *r, const struct figure *what, bool nodes)
{
	bool known = r->exact || !what->from_map || figure_value(&r->total, what);
	uint64_t bytes = figure_value(&r->total, what);

	printf("  %-13s", what->word);
	cell(&r->total, what, known);
	if (known)
		printf(" %16" PRIu64, bytes);
	else
		printf(" %16s", "");
	for (unsigned int i = 0; nodes && i < r->nr_nodes; i++)
		cell(&r->nodes[i], what, true);
	printf("  %s\n", what->meaning);
}

void stat_print_table(pid_t pid, const struct spanheap_report *r, bool nodes)
{
	char name[32];

	process_name(pid, name);
	printf("process %d%s%s%s: %s\n", pid, name[0] ? " (" : "", name,
	       name[0] ? ")" : "",
	       r->exact ? "exact, by spanheap.ko" :
	       !strcmp(r->backend, "device") ? "by spanheap.ko, not all could be looked at" :
	       "without spanheap.ko, what /proc tells");
	printf("  %-13s %14s %16s", "", "", "bytes");
	for (unsigned int i = 0; nodes && i < r->nr_nodes; i++)
		printf("         node %u", i);
	puts("");
	for (int i = 0; i < NR_FIGURES; i++) {
		if (figure_table[i].resident)
			row(r, &figure_table[i], nodes);
	}
	puts("not resident:");
	for (int i = 0; i < NR_FIGURES; i++) {
		if (!figure_table[i].resident)
			row(r, &figure_table[i], nodes);
	}
	if (nodes && !r->nr_nodes)
		puts("nodes: unknown without spanheap.ko");
}
