// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: one misc device, whose open files are heaps. Owns the table of
 * file operations; a file that is opened or mapped keeps the module loaded.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "events.h"
#include "heap.h"
#include "hint.h"
#include "ioctl.h"
#include "mmap.h"
#include "shrink.h"
#include "uring.h"

static int device_open(struct inode *inode, struct file *file)
{
	struct heap *heap = heap_create(inode);

	if (!heap)
		return -ENOMEM;
	file->private_data = heap;
	file->f_mapping = &heap->mapping;
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	heap_destroy(file->private_data);
	return 0;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.mmap = heap_mmap,
	.read = events_read,
	.poll = events_poll,
	.unlocked_ioctl = heap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = heap_uring_cmd,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "spanheap",
	.fops = &device_fops,
	.mode = 0666,
};

static int __init device_init(void)
{
	int ret;

	ret = shrink_init();
	if (ret)
		return ret;
	ret = hint_init();
	if (ret)
		goto out_shrink;
	ret = misc_register(&device);
	if (ret)
		goto out_hint;
	return 0;

out_hint:
	hint_exit();
out_shrink:
	shrink_exit();
	return ret;
}

static void __exit device_exit(void)
{
	misc_deregister(&device);
	hint_exit();
	shrink_exit();
}

module_init(device_init);
module_exit(device_exit);

MODULE_DESCRIPTION("Span heaps: exact ledgers of process memory");
MODULE_AUTHOR("The spanheap developers");
MODULE_LICENSE("GPL");
