/* SPDX-License-Identifier: GPL-2.0-only */
/* What this module can do on this kernel, as loaded. */
#ifndef SPANHEAP_FEATURES_H
#define SPANHEAP_FEATURES_H

#include <linux/types.h>

u64 features_in_force(void);

#endif /* SPANHEAP_FEATURES_H */
