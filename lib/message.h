/* SPDX-License-Identifier: MIT */
/*
 * One line to the person who runs the program, on stderr.
 */
#ifndef SPANHEAP_LIB_MESSAGE_H
#define SPANHEAP_LIB_MESSAGE_H

/**
 * message() - write "spanheap: " and the given strings as one line
 *
 * The list of strings ends with NULL; at most 12 are written. One writev(2), no
 * stdio, no allocation, errno kept: may be called from within malloc().
 */
__attribute__((sentinel)) void message(const char *first, ...);

#endif /* SPANHEAP_LIB_MESSAGE_H */
