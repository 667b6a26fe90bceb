// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of the device: fetches the argument, calls who knows, gives the
 * argument back. A command is its type and number; the size encoded in it is
 * not looked at, since structs grow. Takes no lock.
 */
#include <linux/fs.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include <linux/spanheap.h>

#include "args.h"
#include "features.h"
#include "heap.h"
#include "heaps.h"
#include "hint.h"
#include "ioctl.h"
#include "ledger.h"
#include "limits.h"
#include "order.h"
#include "region.h"
#include "release.h"
#include "totals.h"

static int ioctl_features(struct heap *heap, void __user *uptr)
{
	struct spanheap_features args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	args.features = features_in_force();
	args.granule = PAGE_SIZE;
	args.max_region = limit_region_bytes();
	args.max_heap = limit_heap_bytes();
	args.nr_nodes = nr_node_ids;
	args.max_regions = limit_regions();
	return args_out(uptr, &args, sizeof(args));
}

static int ioctl_register(struct heap *heap, void __user *uptr)
{
	struct spanheap_register args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	ret = heap_register(heap, &args);
	return ret ?: args_out(uptr, &args, sizeof(args));
}

static int ioctl_add(struct heap *heap, void __user *uptr)
{
	struct spanheap_region args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	ret = region_add(heap, &args);
	return ret ?: args_out(uptr, &args, sizeof(args));
}

static int ioctl_remove(struct heap *heap, void __user *uptr)
{
	struct spanheap_region args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	return ret ?: region_remove(heap, &args);
}

static int ioctl_ledger(struct heap *heap, void __user *uptr)
{
	struct spanheap_ledger *args;
	int ret;

	args = kmalloc(sizeof(*args), GFP_KERNEL);
	if (!args)
		return -ENOMEM;
	ret = args_in(args, sizeof(*args), uptr);
	if (!ret)
		ret = ledger_ask(heap, args);
	if (!ret)
		ret = args_out(uptr, args, sizeof(*args));
	kfree(args);
	return ret;
}

static int ioctl_hint(struct heap *heap, void __user *uptr)
{
	struct spanheap_hint args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	ret = hint_ask(heap, &args);
	return ret ?: args_out(uptr, &args, sizeof(args));
}

static int ioctl_order(struct heap *heap, void __user *uptr)
{
	struct spanheap_order args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	ret = order_give(&args);
	return ret ?: args_out(uptr, &args, sizeof(args));
}

static int ioctl_release(struct heap *heap, void __user *uptr)
{
	struct spanheap_release_ranges args;
	int ret, out;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	/* what is done is done, and told, also after an error */
	ret = release_ranges(heap, &args);
	out = args_out(uptr, &args, sizeof(args));
	return ret ?: out;
}

static int ioctl_totals(struct heap *heap, void __user *uptr)
{
	struct spanheap_totals *args;
	int ret;

	args = kmalloc(sizeof(*args), GFP_KERNEL);
	if (!args)
		return -ENOMEM;
	ret = args_in(args, sizeof(*args), uptr);
	if (!ret)
		ret = totals_ask(args);
	if (!ret)
		ret = args_out(uptr, args, sizeof(*args));
	kfree(args);
	return ret;
}

static int ioctl_heaps(struct heap *heap, void __user *uptr)
{
	struct spanheap_heaps args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	ret = heaps_list(&args);
	return ret ?: args_out(uptr, &args, sizeof(args));
}

static int ioctl_observe(struct heap *heap, void __user *uptr)
{
	struct spanheap_observe args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	if (ret)
		return ret;
	/* a descriptor that the caller is not told would be lost */
	ret = args_out(uptr, &args, sizeof(args));
	if (ret)
		return ret;
	ret = heaps_observe(&args);
	return ret ?: args_out(uptr, &args, sizeof(args));
}

static int ioctl_priority(struct heap *heap, void __user *uptr)
{
	struct spanheap_priority args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	return ret ?: heap_set_priority(heap, &args);
}

static int ioctl_wait(struct heap *heap, void __user *uptr)
{
	struct spanheap_wait args;
	int ret;

	ret = args_in(&args, sizeof(args), uptr);
	return ret ?: region_wait(heap, &args);
}

static int (*const commands[])(struct heap *heap, void __user *uptr) = {
	[_IOC_NR(SPANHEAP_IOC_FEATURES)] = ioctl_features,
	[_IOC_NR(SPANHEAP_IOC_REGISTER)] = ioctl_register,
	[_IOC_NR(SPANHEAP_IOC_ADD)] = ioctl_add,
	[_IOC_NR(SPANHEAP_IOC_REMOVE)] = ioctl_remove,
	[_IOC_NR(SPANHEAP_IOC_LEDGER)] = ioctl_ledger,
	[_IOC_NR(SPANHEAP_IOC_HINT)] = ioctl_hint,
	[_IOC_NR(SPANHEAP_IOC_ORDER)] = ioctl_order,
	[_IOC_NR(SPANHEAP_IOC_RELEASE)] = ioctl_release,
	[_IOC_NR(SPANHEAP_IOC_TOTALS)] = ioctl_totals,
	[_IOC_NR(SPANHEAP_IOC_HEAPS)] = ioctl_heaps,
	[_IOC_NR(SPANHEAP_IOC_OBSERVE)] = ioctl_observe,
	[_IOC_NR(SPANHEAP_IOC_PRIORITY)] = ioctl_priority,
	[_IOC_NR(SPANHEAP_IOC_WAIT)] = ioctl_wait,
};

/**
 * heap_ioctl() - the device's ioctl method
 * @file: an open file of the device
 * @cmd: a command
 * @arg: address of its argument struct
 *
 * Context: may sleep.
 * Return: 0; -ENOTTY for an unknown command; else as the command says.
 */
long heap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd);

	if (_IOC_TYPE(cmd) != SPANHEAP_IOC_MAGIC || nr >= ARRAY_SIZE(commands) ||
	    !commands[nr])
		return -ENOTTY;
	return commands[nr](file->private_data, (void __user *)arg);
}
