/* SPDX-License-Identifier: MIT */
/* Hints without the module: pressure stall information, and headroom. */
#ifndef SPANHEAP_LIB_BACKEND_PSI_H
#define SPANHEAP_LIB_BACKEND_PSI_H

struct backend_hint;

/**
 * psi_prepare() - set the trigger, if one may be set
 *
 * By whoever starts the listener, before that: the kernel makes a thread for it, and
 * 6.12 loses track of the trigger when the process ends just then ("psi: trigger
 * leak"). A program that waits for this is not about to end.
 */
void psi_prepare(void);

/** psi_listen() - the procfs backend's way to wait for a hint, see struct backend */
int psi_listen(struct backend_hint *hint);

/** psi_fork_child() - in a child: the trigger is the parent's */
void psi_fork_child(void);

#endif /* SPANHEAP_LIB_BACKEND_PSI_H */
