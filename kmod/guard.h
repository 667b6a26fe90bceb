/* SPDX-License-Identifier: GPL-2.0-only */
/* Keeps a node from being short again while pressure lasts. */
#ifndef SPANHEAP_GUARD_H
#define SPANHEAP_GUARD_H

void guard_alert(int nid);
void guard_stop(void);

#endif /* SPANHEAP_GUARD_H */
