/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking pages from the chunks of one list. */
#ifndef SPANHEAP_TAKE_H
#define SPANHEAP_TAKE_H

struct revoke_order;
struct shrink_control;

unsigned int take_pages(const struct shrink_control *sc, struct revoke_order *order);

#endif /* SPANHEAP_TAKE_H */
