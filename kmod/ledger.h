/* SPDX-License-Identifier: GPL-2.0-only */
/* The ledger: what is asked, of whom, and the answer. */
#ifndef SPANHEAP_LEDGER_H
#define SPANHEAP_LEDGER_H

#include <linux/spanheap.h>

struct heap;
struct tally;

int ledger_ask(struct heap *heap, struct spanheap_ledger *args);
int ledger_add_heap(struct heap *heap, struct tally *tally);
void ledger_to_bytes(struct spanheap_matrix *to, const struct tally *tally);
void ledger_node_to_bytes(struct spanheap_matrix *to, const struct spanheap_matrix *pages);

#endif /* SPANHEAP_LEDGER_H */
