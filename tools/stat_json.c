// SPDX-License-Identifier: MIT
/*
 * The ledger as JSON: one object on one line, figures in bytes. The keys are a
 * promise; new ones may be added.
 */
#include <inttypes.h>
#include <stdio.h>

#include "stat.h"

static void figures(const struct spanheap_figures *f)
{
	for (int i = 0; i < NR_FIGURES; i++)
		printf(", \"%s\": %" PRIu64, figure_table[i].key,
		       figure_value(f, &figure_table[i]));
}

void stat_print_json(pid_t pid, const struct spanheap_report *report)
{
	printf("{\"pid\": %d, \"backend\": \"%s\", \"exact\": %s", pid,
	       report->backend, report->exact ? "true" : "false");
	figures(&report->total);
	printf(", \"nodes\": [");
	for (unsigned int i = 0; i < report->nr_nodes; i++) {
		printf("%s{\"node\": %u", i ? ", " : "", i);
		figures(&report->nodes[i]);
		putchar('}');
	}
	puts("]}");
}
