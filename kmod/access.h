/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may look at a process by its PID, and who may give it orders. */
#ifndef SPANHEAP_ACCESS_H
#define SPANHEAP_ACCESS_H

#include <linux/types.h>

struct mm_struct;

struct mm_struct *access_mm(pid_t pid);
struct mm_struct *access_mm_to_order(pid_t pid);
struct mm_struct *access_mm_ranges(pid_t pid);

#endif /* SPANHEAP_ACCESS_H */
