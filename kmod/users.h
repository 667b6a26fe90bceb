/* SPDX-License-Identifier: GPL-2.0-only */
/* What each user has of the module's, so that it can be bounded. */
#ifndef SPANHEAP_USERS_H
#define SPANHEAP_USERS_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct user;

struct user *user_charge_heap(kuid_t uid);
void user_uncharge_heap(struct user *user);
void user_put(struct user *user);
int user_charge_map(struct user *user, u64 bytes);
void user_uncharge_map(struct user *user, u64 bytes);

#endif /* SPANHEAP_USERS_H */
