/* SPDX-License-Identifier: GPL-2.0-only */
/* Revocation under memory pressure, as a whole. */
#ifndef SPANHEAP_SHRINK_H
#define SPANHEAP_SHRINK_H

#include <linux/types.h>

int shrink_init(void);
void shrink_exit(void);
u64 shrink_features(void);

#endif /* SPANHEAP_SHRINK_H */
