/* SPDX-License-Identifier: MIT */
/*
 * The end of a program that has damaged its heap: one line on stderr, then
 * abort(). Never silent, never with malloc.
 */
#ifndef SPANHEAP_LIB_DIE_H
#define SPANHEAP_LIB_DIE_H

/**
 * die() - say what is wrong with @ptr and abort
 * @what: such as "free(): invalid pointer"
 */
__attribute__((noreturn, cold)) void die(const char *what, const void *ptr);

#endif /* SPANHEAP_LIB_DIE_H */
