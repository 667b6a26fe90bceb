// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands by io_uring: the same as by ioctl, through the same functions and with
 * the same checks, so that one submission asks many heaps. Called by io_uring; all
 * that is asked here may sleep, and is done by a worker of the submitter's, which
 * has its mm, its credentials and its signals.
 */
#include <linux/fs.h>

#include <linux/spanheap.h>

#include "compat.h"
#include "uring.h"

static bool is_for_uring(u32 op)
{
	if (_IOC_TYPE(op) != SPANHEAP_IOC_MAGIC)
		return false;
	return _IOC_NR(op) == _IOC_NR(SPANHEAP_IOC_LEDGER) ||
	       _IOC_NR(op) == _IOC_NR(SPANHEAP_IOC_RELEASE);
}

/* Others may write to the ring: everything is read once. */
static int run(struct io_uring_cmd *cmd)
{
	struct spanheap_uring payload;

	memcpy(&payload, compat_uring_payload(cmd), sizeof(payload));
	if (payload.pad || cmd->flags & IORING_URING_CMD_FIXED)
		return -EINVAL;
	if (!is_for_uring(cmd->cmd_op))
		return -ENOTTY;
	/* a heap's, or that of one who only looks at it */
	return cmd->file->f_op->unlocked_ioctl(cmd->file, cmd->cmd_op, payload.args);
}

/**
 * uring_features() - whether there is an io_uring to be asked by
 *
 * Return: SPANHEAP_FEATURE_URING or 0. Whether a process may use it is another
 * question.
 */
u64 uring_features(void)
{
	return IS_ENABLED(CONFIG_IO_URING) ? SPANHEAP_FEATURE_URING : 0;
}

/**
 * heap_uring_cmd() - the device's uring_cmd method
 * @cmd: the command
 * @issue_flags: how it was issued
 *
 * A result is always posted by io_uring_cmd_done(): on 6.1 a command that is run by
 * a worker and returns one never completes.
 *
 * Context: the submitter, or a worker of its ring.
 * Return: -EAGAIN when a worker is to do it; else -EIOCBQUEUED, and the result is in
 * the completion: that of the ioctl; -ENOTTY for a command that is not for io_uring;
 * -EINVAL for padding or a registered buffer.
 */
int heap_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	if (issue_flags & IO_URING_F_NONBLOCK)
		return -EAGAIN;
	io_uring_cmd_done(cmd, run(cmd), 0, issue_flags);
	return -EIOCBQUEUED;
}
