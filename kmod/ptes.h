/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole page tables. */
#ifndef SPANHEAP_PTES_H
#define SPANHEAP_PTES_H

#include "intents.h"
#include "tally.h"

struct vm_area_struct;

void ptes_count(struct tally *tally, struct intents *intents,
		const struct vm_area_struct *vma, const pte_t *ptep,
		unsigned long addr, unsigned long end);

#endif /* SPANHEAP_PTES_H */
