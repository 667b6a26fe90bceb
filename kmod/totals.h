/* SPDX-License-Identifier: GPL-2.0-only */
/* All heaps of the machine, summed up. */
#ifndef SPANHEAP_TOTALS_H
#define SPANHEAP_TOTALS_H

#include <linux/spanheap.h>

void totals_revoked(int nid, unsigned long pages);
int totals_ask(struct spanheap_totals *args);

#endif /* SPANHEAP_TOTALS_H */
