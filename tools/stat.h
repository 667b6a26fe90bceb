/* SPDX-License-Identifier: MIT */
/*
 * What spanheap stat prints, in either form.
 */
#ifndef SPANHEAP_TOOLS_STAT_H
#define SPANHEAP_TOOLS_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <spanheap.h>

/**
 * struct figure - one figure of the ledger
 * @key: as in JSON
 * @word: as people read it
 * @meaning: one line about it
 * @offset: of the value, in struct spanheap_figures
 * @resident: part of rss
 * @from_map: known to the page map alone: not without the module
 */
struct figure {
	const char *key;
	const char *word;
	const char *meaning;
	size_t offset;
	bool resident;
	bool from_map;
};

#define NR_FIGURES	9

extern const struct figure figure_table[NR_FIGURES];

uint64_t figure_value(const struct spanheap_figures *f, const struct figure *what);

void stat_print_json(pid_t pid, const struct spanheap_report *report);
void stat_print_table(pid_t pid, const struct spanheap_report *report, bool nodes);

#endif /* SPANHEAP_TOOLS_STAT_H */
