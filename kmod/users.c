// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each user has: heaps, and bytes of page maps. Called by heap.c and region.c,
 * which charge before they make something and uncharge when it is gone. A page map
 * is charged at its full length when its region is added, touched or not, so that no
 * fault can fail for the limit later.
 *
 * Locks: users_lock, a leaf.
 */
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "limits.h"
#include "users.h"

/**
 * struct user - a user that has at least one heap
 * @node: in the table of users
 * @uid: which; the real user of who registered the heap
 * @refs: heaps that are not freed yet
 * @heaps: heaps whose files are open
 * @map_bytes: page maps of regions that are not freed yet
 */
struct user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int refs;
	unsigned int heaps;
	u64 map_bytes;
};

static DEFINE_SPINLOCK(users_lock);
static DEFINE_HASHTABLE(users, 6);

static struct user *user_find_locked(kuid_t uid)
{
	struct user *user;

	lockdep_assert_held(&users_lock);
	hash_for_each_possible(users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/**
 * user_charge_heap() - a user is to have one heap more
 * @uid: who
 *
 * Context: may sleep.
 * Return: the user, for user_uncharge_heap() when the file is gone and then
 * user_put() when the heap is; or ERR_PTR() of -EMFILE: that would be too many;
 * -ENOMEM.
 */
struct user *user_charge_heap(kuid_t uid)
{
	struct user *new, *user;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return ERR_PTR(-ENOMEM);
	new->uid = uid;

	spin_lock(&users_lock);
	user = user_find_locked(uid);
	if ((user ? user->heaps : 0) >= limit_user_heaps()) {
		user = ERR_PTR(-EMFILE);
		goto out;
	}
	if (!user) {
		hash_add(users, &new->node, __kuid_val(uid));
		user = new;
		new = NULL;
	}
	user->heaps++;
	user->refs++;
out:
	spin_unlock(&users_lock);
	kfree(new);
	return user;
}

/**
 * user_uncharge_heap() - the file of a heap is gone
 * @user: whose
 */
void user_uncharge_heap(struct user *user)
{
	spin_lock(&users_lock);
	user->heaps--;
	spin_unlock(&users_lock);
}

/**
 * user_put() - a heap is freed, and all its regions
 * @user: whose, or NULL
 */
void user_put(struct user *user)
{
	bool last;

	if (!user)
		return;
	spin_lock(&users_lock);
	last = !--user->refs;
	if (last)
		hash_del(&user->node);
	spin_unlock(&users_lock);
	if (last)
		kfree(user);
}

/**
 * user_charge_map() - a user is to have another page map
 * @user: who
 * @bytes: its length
 *
 * Return: 0, then user_uncharge_map() undoes it; -ENOSPC when it would be too much.
 */
int user_charge_map(struct user *user, u64 bytes)
{
	u64 limit = limit_user_map_bytes();
	int ret = 0;

	spin_lock(&users_lock);
	if (bytes > limit || user->map_bytes > limit - bytes)
		ret = -ENOSPC;
	else
		user->map_bytes += bytes;
	spin_unlock(&users_lock);
	return ret;
}

/**
 * user_uncharge_map() - a page map is freed
 * @user: whose
 * @bytes: its length
 */
void user_uncharge_map(struct user *user, u64 bytes)
{
	spin_lock(&users_lock);
	user->map_bytes -= bytes;
	spin_unlock(&users_lock);
}
