/* SPDX-License-Identifier: MIT */
/*
 * The kselftest harness with a longer default limit for one case: in an emulated
 * guest things take ten times as long. Included before every test's own lines,
 * see selftests.mk. The limit of a whole program stands in DIR/settings.
 */
#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	200
