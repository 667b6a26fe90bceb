/* SPDX-License-Identifier: MIT */
/* What subcommands take as arguments. */
#ifndef SPANHEAP_TOOLS_ARGUMENTS_H
#define SPANHEAP_TOOLS_ARGUMENTS_H

#include <stdint.h>
#include <sys/types.h>

/** parse_pid() - a process ID in decimal; 0, or -1 when it is none */
int parse_pid(const char *arg, pid_t *pid);

/** parse_size() - bytes, with K, M or G for binary multiples; 0, or -1 */
int parse_size(const char *arg, uint64_t *bytes);

#endif /* SPANHEAP_TOOLS_ARGUMENTS_H */
