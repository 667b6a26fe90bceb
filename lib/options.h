/* SPDX-License-Identifier: MIT */
/*
 * What the environment asks of the library: SPANHEAP_*. Read once, when the
 * library is initialised; a set-user-ID program reads none. Every option is
 * described in Documentation/spanheap.md.
 */
#ifndef SPANHEAP_LIB_OPTIONS_H
#define SPANHEAP_LIB_OPTIONS_H

#include <stdint.h>

#define OPTION_RELEASE_UNSET	0xff	/* nobody has chosen a release mode */

enum option_backend {
	OPTION_BACKEND_AUTO,		/* the device when it is there */
	OPTION_BACKEND_PROCFS,
	OPTION_BACKEND_DEVICE,		/* the device, and a word when it is missing */
};

/**
 * struct options - values in force
 * @release: enum spanheap_release, or OPTION_RELEASE_UNSET
 * @delay_ms: how long a page lies free before the scavenger touches it; 0 to
 *	one day
 * @backend: enum option_backend
 * @nodes: 0 or 1: memory of the node that a thread is on
 * @hardened: HARDEN_* (harden.h)
 * @verbose: 0 or 1: tell on stderr which backend is in force
 */
struct options {
	uint32_t release;
	uint32_t delay_ms;
	uint32_t backend;
	uint32_t nodes;
	uint32_t hardened;
	uint32_t verbose;
};

/**
 * options() - the values in force
 *
 * Context: any, also before main and from within malloc(); defaults before the
 * constructors. A bad value has been reported on stderr, once, and the default
 * stands.
 */
const struct options *options(void);

/**
 * options_parse() - read options out of an environment
 * @env: NULL-terminated array of NAME=VALUE
 * @opts: defaults on entry
 *
 * Return: number of bad values, each of which was reported.
 */
unsigned int options_parse(char *const *env, struct options *opts);

/**
 * option_release_name() - a release mode as people write it
 *
 * Return: the name, or NULL when there is no such mode.
 */
const char *option_release_name(unsigned int mode);

#endif /* SPANHEAP_LIB_OPTIONS_H */
