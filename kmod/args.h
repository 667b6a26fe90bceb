/* SPDX-License-Identifier: GPL-2.0-only */
/* Argument structs that grow at their end, in and out. */
#ifndef SPANHEAP_ARGS_H
#define SPANHEAP_ARGS_H

#include <linux/types.h>

int args_in(void *args, size_t ksize, const void __user *uptr);
int args_out(void __user *uptr, const void *args, size_t ksize);

#endif /* SPANHEAP_ARGS_H */
