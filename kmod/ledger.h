/* SPDX-License-Identifier: GPL-2.0-only */
/* The ledger: what is asked, of whom, and the answer. */
#ifndef SPANHEAP_LEDGER_H
#define SPANHEAP_LEDGER_H

#include <linux/spanheap.h>

struct heap;

int ledger_ask(struct heap *heap, struct spanheap_ledger *args);

#endif /* SPANHEAP_LEDGER_H */
