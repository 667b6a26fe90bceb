// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of heaps that a caller may see, and read-only descriptors of them. Called
 * by ioctl.c in process context.
 *
 * Seeing a heap in the list takes what a ledger by PID takes. A descriptor also tells
 * addresses; so it takes what pidfd_getfd(2) would: the process's own hand, or
 * CAP_SYS_PTRACE over it. It asks only; it holds the heap's memory of what was, not
 * the heap: that ends with the file that was registered.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "access.h"
#include "events.h"
#include "heap.h"
#include "heaps.h"
#include "intents.h"
#include "ioctl.h"
#include "uring.h"

/*
 * Return: 0 and the number of the process; -ESRCH when it is gone, or not in the
 * caller's PID namespace; as access_mm().
 */
static int may_see(struct heap *heap, bool ranges, pid_t *pid)
{
	struct owner *owner = heap_owner(heap);
	struct mm_struct *mm;
	bool same;

	*pid = owner ? pid_vnr(heap->pid) : 0;
	if (!*pid)
		return -ESRCH;
	mm = ranges ? access_mm_ranges(*pid) : access_mm(*pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	/* it may have called exec since */
	same = mm == owner->mm;
	mmput(mm);
	return same ? 0 : -ESRCH;
}

static int describe(struct heap *heap, struct spanheap_heap_info *info)
{
	struct intents intents;
	int ret;

	info->heap_id = heap->id;
	info->revoked = READ_ONCE(heap->hint.now.revoked);
	ret = intents_open(&intents, heap->owner, heap);
	if (ret)
		return ret;
	ret = intents_sum(&intents, SPANHEAP_IDLE, &info->bytes, &info->idle);
	info->nr_regions = intents.nr;
	intents_close(&intents);
	return ret;
}

static int list_one(struct heap *heap, struct spanheap_heap_info __user *to, u32 *nr)
{
	struct spanheap_heap_info info = {};
	int ret = may_see(heap, false, &info.pid);

	if (ret)
		return ret == -EINTR ? ret : 0;
	ret = describe(heap, &info);
	if (ret)
		return ret;
	if (copy_to_user(&to[*nr], &info, sizeof(info)))
		return -EFAULT;
	++*nr;
	return 0;
}

/**
 * heaps_list() - list the heaps that the caller may see
 * @args: the question, and the answer
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for flags, padding, or no room; -EFAULT; -ENOMEM; -EINTR after a
 * fatal signal.
 */
int heaps_list(struct spanheap_heaps *args)
{
	struct spanheap_heap_info __user *to = u64_to_user_ptr(args->heaps);
	u32 room = args->nr_heaps;
	struct heap *heap;
	int ret = 0;
	u64 id;

	if (args->flags || args->pad || !room)
		return -EINVAL;
	args->nr_heaps = 0;
	while (!ret && args->nr_heaps < room) {
		id = args->after;
		heap = heap_get_next(&id);
		if (!heap)
			break;
		ret = list_one(heap, to, &args->nr_heaps);
		heap_put(heap);
		args->after = id;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

static long observer_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd);

	if (nr != _IOC_NR(SPANHEAP_IOC_FEATURES) && nr != _IOC_NR(SPANHEAP_IOC_LEDGER))
		return -ENOTTY;
	return heap_ioctl(file, cmd, arg);
}

static int observer_release(struct inode *inode, struct file *file)
{
	heap_put(file->private_data);
	return 0;
}

static const struct file_operations observer_fops = {
	.owner = THIS_MODULE,
	.release = observer_release,
	.read = events_observe_read,
	.poll = events_observe_poll,
	.unlocked_ioctl = observer_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = heap_uring_cmd,
	.llseek = noop_llseek,
};

/* A descriptor, which takes over the reference to @heap; or an error. */
static int open_observer(struct heap *heap)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[spanheap]", &observer_fops, heap, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_pos = events_observe(heap);
	fd_install(fd, file);
	return fd;
}

/**
 * heaps_observe() - a read-only descriptor of a heap
 * @args: which; @args->fd is filled in
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for flags or padding; -ENOENT when there is no such heap; -ESRCH
 * when its process is gone, has called exec, or is not in the caller's PID namespace;
 * -EPERM when it is neither the caller nor one that CAP_SYS_PTRACE reaches; -EMFILE,
 * -ENFILE, -ENOMEM for want of descriptors; -EINTR.
 */
int heaps_observe(struct spanheap_observe *args)
{
	struct heap *heap;
	pid_t pid;
	int ret;

	if (args->flags || args->pad)
		return -EINVAL;
	heap = heap_get(args->heap_id);
	if (!heap)
		return -ENOENT;
	ret = may_see(heap, true, &pid);
	if (!ret)
		ret = open_observer(heap);
	if (ret < 0) {
		heap_put(heap);
		return ret;
	}
	args->fd = ret;
	return 0;
}
