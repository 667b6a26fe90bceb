/* SPDX-License-Identifier: MIT */
/* What can be told of a program before it is started. */
#ifndef SPANHEAP_TOOLS_PROGRAM_H
#define SPANHEAP_TOOLS_PROGRAM_H

/**
 * program_ignores_preload() - why the loader will not preload a library
 * @name: a program as execvp(3) takes it
 *
 * Return: what the program is ("statically linked"), or NULL when nothing speaks
 * against it, or nothing can be told.
 */
const char *program_ignores_preload(const char *name);

#endif /* SPANHEAP_TOOLS_PROGRAM_H */
