/* SPDX-License-Identifier: MIT */
/*
 * What lets the same test run natively and in an emulated guest, where things take
 * ten times as long. Included before every test's own lines, see selftests.mk.
 */
#ifndef SELFTESTS_PATIENCE_H
#define SELFTESTS_PATIENCE_H

#include "kselftest_harness.h"

/* The harness's limit for a case; that for a program stands in DIR/settings. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	200

/* How often to do what natively is done @nr times: in the guest a fifth. */
static inline int rounds(int nr)
{
	return getenv("SELFTEST_EMULATED") ? (nr + 4) / 5 : nr;
}

#endif /* SELFTESTS_PATIENCE_H */
