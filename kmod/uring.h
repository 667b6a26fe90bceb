/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands by io_uring. */
#ifndef SPANHEAP_URING_H
#define SPANHEAP_URING_H

#include <linux/types.h>

struct io_uring_cmd;

u64 uring_features(void);
int heap_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* SPANHEAP_URING_H */
