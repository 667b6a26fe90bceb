/* SPDX-License-Identifier: MIT */
/*
 * How errors of an ioctl are asked for: with one thing wrong in a call that
 * succeeds when it is put right again. For tests whose fixture has a heap.
 */
#ifndef SELFTESTS_KMOD_REFUSED_H
#define SELFTESTS_KMOD_REFUSED_H

#include "device.h"

#define REGION_LENGTH	(4 * MIB)

/* Refused while @change holds; accepted when it is undone. */
#define REFUSED(error, command, args, change, undo) do {			\
	change;									\
	EXPECT_EQ(-(error), device_do(self->heap.fd, command, args));		\
	undo;									\
	EXPECT_EQ(0, device_do(self->heap.fd, command, args));			\
} while (0)

/* The same for one field. */
#define REFUSED_FIELD(error, command, args, field, bad) do {			\
	__typeof__((args)->field) good = (args)->field;				\
	REFUSED(error, command, args, (args)->field = (bad), (args)->field = good); \
} while (0)

#endif /* SELFTESTS_KMOD_REFUSED_H */
