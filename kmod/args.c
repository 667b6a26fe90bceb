// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copying of argument structs that start with their own size and grow at their
 * end. Called by the ioctls only, in process context; may sleep, takes no lock.
 */
#include <linux/uaccess.h>

#include "args.h"

/**
 * args_in() - fetch an argument struct
 * @args: where to; starts with a __u64 size
 * @ksize: its size in this module
 * @uptr: where from
 *
 * A shorter struct is filled up with zeros; a longer one is accepted when all
 * that this module does not know is zero.
 *
 * Return: 0, or -EFAULT; -EINVAL when it is too short to hold its own size;
 * -E2BIG when it is longer than a page, or when its unknown tail is not zero.
 */
int args_in(void *args, size_t ksize, const void __user *uptr)
{
	u64 usize;

	if (copy_from_user(&usize, uptr, sizeof(usize)))
		return -EFAULT;
	if (usize < sizeof(usize))
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(args, ksize, uptr, usize);
}

/**
 * args_out() - give an argument struct back
 * @uptr: where to
 * @args: the struct; its size member still says how much the caller knows
 * @ksize: its size in this module
 *
 * Return: 0 or -EFAULT.
 */
int args_out(void __user *uptr, const void *args, size_t ksize)
{
	u64 usize = *(const u64 *)args;

	return copy_to_user(uptr, args, min_t(u64, usize, ksize)) ? -EFAULT : 0;
}
