// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may look at a process by its PID: the process itself, CAP_SYS_PTRACE in
 * the target's user namespace, or the same credentials and a dumpable target.
 * The kernel's own check is not exported; this one passes by Yama and the
 * security modules, so that the administrator can turn its last part off.
 * Called by ledger.c, order.c and heaps.c; sleeps on the target's exec.
 */
#include <linux/cred.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "access.h"

static bool same_user = true;
module_param(same_user, bool, 0644);
MODULE_PARM_DESC(same_user,
		 "Let processes of the same credentials look at each other by PID (default Y)");

static bool same_credentials(const struct cred *target)
{
	const struct cred *caller = current_cred();

	return uid_eq(caller->fsuid, target->euid) &&
	       uid_eq(caller->fsuid, target->suid) &&
	       uid_eq(caller->fsuid, target->uid) &&
	       gid_eq(caller->fsgid, target->egid) &&
	       gid_eq(caller->fsgid, target->sgid) &&
	       gid_eq(caller->fsgid, target->gid);
}

/* It is the caller itself, or one that the caller's capability reaches. */
static bool may_by(struct task_struct *task, struct mm_struct *mm, int cap)
{
	const struct cred *cred;
	bool may;

	if (mm == current->mm)
		return true;
	cred = get_task_cred(task);
	may = ns_capable(cred->user_ns, cap) && ns_capable(mm->user_ns, cap);
	put_cred(cred);
	return may;
}

/*
 * Addresses are shown to who could get the heap's own descriptor. The same
 * credentials are not enough: what Yama or a security module says is not known here.
 */
static bool may_see_ranges(struct task_struct *task, struct mm_struct *mm)
{
	return may_by(task, mm, CAP_SYS_PTRACE);
}

/* The target's exec is held off: credentials and mm belong together. */
static bool may_look(struct task_struct *task, struct mm_struct *mm)
{
	const struct cred *cred;
	bool may;

	if (may_see_ranges(task, mm))
		return true;
	if (!READ_ONCE(same_user))
		return false;
	cred = get_task_cred(task);
	may = same_credentials(cred);
	put_cred(cred);
	/* pairs with the barrier in commit_creds() */
	smp_rmb();
	return may && get_dumpable(mm) == SUID_DUMP_USER;
}

/* The owner, or who administers it. Being of the same user is not enough. */
static bool may_order(struct task_struct *task, struct mm_struct *mm)
{
	return may_by(task, mm, CAP_SYS_ADMIN);
}

static struct mm_struct *mm_if(pid_t pid, bool (*may)(struct task_struct *task,
						       struct mm_struct *mm))
{
	struct pid *ref = find_get_pid(pid);
	struct task_struct *task = get_pid_task(ref, PIDTYPE_PID);
	struct mm_struct *mm;

	put_pid(ref);
	if (!task)
		return ERR_PTR(-ESRCH);
	if (down_read_killable(&task->signal->exec_update_lock)) {
		mm = ERR_PTR(-EINTR);
		goto out_task;
	}
	mm = get_task_mm(task);
	if (!mm) {
		mm = ERR_PTR(-ESRCH);
	} else if (!may(task, mm)) {
		mmput(mm);
		mm = ERR_PTR(-EPERM);
	}
	up_read(&task->signal->exec_update_lock);
out_task:
	put_task_struct(task);
	return mm;
}

/**
 * access_mm() - the mm of a process that the caller may look at
 * @pid: as the caller's PID namespace numbers it
 *
 * Context: may sleep.
 * Return: the mm, to be put by mmput(); or ERR_PTR() of -ESRCH: no such process,
 * or one without memory (a kernel thread, a zombie); -EPERM; -EINTR.
 */
struct mm_struct *access_mm(pid_t pid)
{
	return mm_if(pid, may_look);
}

/**
 * access_mm_to_order() - the mm of a process that the caller may give orders
 * @pid: as the caller's PID namespace numbers it
 *
 * Context: may sleep.
 * Return: as access_mm().
 */
struct mm_struct *access_mm_to_order(pid_t pid)
{
	return mm_if(pid, may_order);
}

/**
 * access_mm_ranges() - the mm of a process whose addresses the caller may see
 * @pid: as the caller's PID namespace numbers it
 *
 * Context: may sleep.
 * Return: as access_mm().
 */
struct mm_struct *access_mm_ranges(pid_t pid)
{
	return mm_if(pid, may_see_ranges);
}
