/* SPDX-License-Identifier: GPL-2.0-only */
/* What single page-table entries mean. */
#ifndef SPANHEAP_RESIDENCY_H
#define SPANHEAP_RESIDENCY_H

#include "intents.h"
#include "tally.h"

struct vm_area_struct;

void residency_count_pte(struct tally *tally, const struct vm_area_struct *vma, pte_t pte,
			 unsigned int intent, unsigned long addr);
void residency_count_pmd(struct tally *tally, struct intents *intents,
			 const struct vm_area_struct *vma, pmd_t pmd,
			 unsigned long addr, unsigned long end);
bool residency_is_hugetlb(pte_t entry);

#endif /* SPANHEAP_RESIDENCY_H */
