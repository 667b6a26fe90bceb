/* SPDX-License-Identifier: MIT */
/*
 * What lets the same test run natively and in an emulated guest, where things take
 * ten times as long. Included before every test's own lines, see selftests.mk.
 */
#ifndef SELFTESTS_PATIENCE_H
#define SELFTESTS_PATIENCE_H

#include <stdlib.h>
#include <unistd.h>

/* How many times longer than elsewhere things may take here: a kernel that looks for bugs. */
static inline unsigned int patience(void)
{
	const char *text = getenv("SELFTEST_PATIENCE");

	return text ? (unsigned int)atoi(text) : 1;
}

/* By this the harness limits a case. */
static inline unsigned int patient_alarm(unsigned int seconds)
{
	return alarm(seconds * patience());
}

#define alarm	patient_alarm
#include "kselftest_harness.h"
#undef alarm

/* The harness's limit for a case; that for a program stands in DIR/settings. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	200

/* How often to do what natively is done @nr times: in the guest a fifth. */
static inline int rounds(int nr)
{
	return getenv("SELFTEST_EMULATED") ? (nr + 4) / 5 : nr;
}

#endif /* SELFTESTS_PATIENCE_H */
