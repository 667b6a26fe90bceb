/* SPDX-License-Identifier: GPL-2.0-only */
/* Orders: give back memory now. */
#ifndef SPANHEAP_ORDER_H
#define SPANHEAP_ORDER_H

#include <linux/spanheap.h>

int order_give(struct spanheap_order *args);

#endif /* SPANHEAP_ORDER_H */
