// SPDX-License-Identifier: GPL-2.0-only
/*
 * The feature bits, put together: for FEATURES and for the header page. They do
 * not change while the module is loaded. No locks.
 */
#include <linux/spanheap.h>

#include "features.h"
#include "release.h"
#include "shrink.h"
#include "uring.h"

/**
 * features_in_force() - what callers may count on
 *
 * Return: SPANHEAP_FEATURE_* bits.
 */
u64 features_in_force(void)
{
	return SPANHEAP_FEATURE_LEDGER | SPANHEAP_FEATURE_HINT | SPANHEAP_FEATURE_ORDER |
	       SPANHEAP_FEATURE_TOTALS | SPANHEAP_FEATURE_TAKEN | shrink_features() |
	       release_features() | uring_features();
}
