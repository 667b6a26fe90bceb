// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of hints: a short queue a heap, read() and poll() of its file. Filled by
 * hint.c. The file, and so the queue, is one for all descriptors that were duplicated
 * or inherited; the owner alone may read, anybody who holds it may poll.
 *
 * Nothing is lost: a record leaves the queue when it has been copied, and what does
 * not fit is merged into the last one, which counts it.
 *
 * Observers take nothing out of the queue. The position of an observer's file is the
 * number of events that it has seen; it reads the last one.
 *
 * Locks: events.reader outermost (it sleeps, also on the mmap lock, and is taken by
 * readers alone), hint.lock inside.
 */
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "events.h"
#include "heap.h"

/**
 * events_prepare() - an empty queue
 * @events: of a new heap
 */
void events_prepare(struct events *events)
{
	mutex_init(&events->reader);
	init_waitqueue_head(&events->wait);
}

static struct spanheap_event *record(struct events *events, u64 number)
{
	return &events->records[number % EVENTS_MAX];
}

/**
 * events_add_locked() - queue a record
 * @heap: whose; its hint's lock is held
 * @event: the record
 *
 * To be followed by events_wake() when the lock has been let go of.
 */
void events_add_locked(struct heap *heap, const struct spanheap_event *event)
{
	struct events *events = &heap->hint.events;
	struct spanheap_event *last;

	lockdep_assert_held(&heap->hint.lock);
	events->told++;
	events->last = *event;
	if (events->nr < EVENTS_MAX) {
		*record(events, events->first + events->nr++) = *event;
		return;
	}
	last = record(events, events->first + events->nr - 1);
	last->time_ns = event->time_ns;
	last->what |= event->what;
	last->level = event->level;
	last->headroom = event->headroom;
	last->wanted = event->wanted;
	last->ordered += event->ordered;
	last->merged++;
}

/**
 * events_wake() - wake who waits for records
 * @heap: whose
 *
 * Context: any but under the hint's lock.
 */
void events_wake(struct heap *heap)
{
	/*
	 * Without saying for what: io_uring leaves EPOLLPRI out when it compares, and a
	 * poll for that alone would sleep on.
	 */
	wake_up_interruptible(&heap->hint.events.wait);
}

/**
 * events_forget() - the owner has seen what there is
 * @heap: whose
 */
void events_forget(struct heap *heap)
{
	struct events *events = &heap->hint.events;

	spin_lock(&heap->hint.lock);
	events->first += events->nr;
	events->nr = 0;
	spin_unlock(&heap->hint.lock);
}

static bool waiting(struct heap *heap)
{
	return READ_ONCE(heap->hint.events.nr);
}

/* The oldest record and its number; false: there is none. */
static bool peek(struct heap *heap, struct spanheap_event *event, u64 *number)
{
	struct events *events = &heap->hint.events;
	bool any;

	spin_lock(&heap->hint.lock);
	any = events->nr;
	*number = events->first;
	if (any)
		*event = *record(events, events->first);
	spin_unlock(&heap->hint.lock);
	return any;
}

/* It has been copied; unless somebody has forgotten it meanwhile. */
static void drop(struct heap *heap, u64 number)
{
	struct events *events = &heap->hint.events;

	spin_lock(&heap->hint.lock);
	if (events->nr && events->first == number) {
		events->first++;
		events->nr--;
	}
	spin_unlock(&heap->hint.lock);
}

/* Bytes copied, or -EFAULT when not even one record could be. */
static ssize_t copy_records(struct heap *heap, char __user *to, size_t room)
{
	struct spanheap_event event;
	size_t done = 0;
	u64 number;

	while (room - done >= sizeof(event) && peek(heap, &event, &number)) {
		if (copy_to_user(to + done, &event, sizeof(event)))
			return done ?: -EFAULT;
		drop(heap, number);
		done += sizeof(event);
	}
	return done;
}

/**
 * events_read() - the device's read method: records of struct spanheap_event
 * @file: an open file of the device
 * @to: user memory
 * @room: and its size
 * @unused: the file has no position
 *
 * Waits for a record, unless the file is O_NONBLOCK.
 *
 * Context: sleeps, interruptibly.
 * Return: bytes, a multiple of a record; -EINVAL when there is no room for one,
 * -EAGAIN when there is none, -EFAULT (nothing is lost), -ERESTARTSYS, or as
 * heap_check_owner().
 */
ssize_t events_read(struct file *file, char __user *to, size_t room, loff_t *unused)
{
	struct heap *heap = file->private_data;
	struct events *events = &heap->hint.events;
	ssize_t ret;

	ret = heap_check_owner(heap);
	if (ret)
		return ret;
	if (room < sizeof(struct spanheap_event))
		return -EINVAL;
	do {
		if (!waiting(heap)) {
			if (file->f_flags & O_NONBLOCK)
				return -EAGAIN;
			ret = wait_event_interruptible(events->wait, waiting(heap));
			if (ret)
				return ret;
		}
		ret = mutex_lock_interruptible(&events->reader);
		if (ret)
			return ret;
		ret = copy_records(heap, to, room);
		mutex_unlock(&events->reader);
	} while (!ret);
	return ret;
}

/**
 * events_poll() - the device's poll method
 * @file: an open file of the device
 * @table: who polls
 *
 * Return: EPOLLPRI, EPOLLIN and EPOLLRDNORM while a record can be read; EPOLLHUP
 * when the owner is gone, of which nobody is woken.
 */
__poll_t events_poll(struct file *file, poll_table *table)
{
	struct heap *heap = file->private_data;
	struct owner *owner = heap_owner(heap);
	__poll_t mask = 0;

	poll_wait(file, &heap->hint.events.wait, table);
	if (waiting(heap))
		mask |= EPOLLPRI | EPOLLIN | EPOLLRDNORM;
	if (owner && !atomic_read(&owner->mm->mm_users))
		mask |= EPOLLHUP;
	return mask;
}

/**
 * events_end() - the heap's file is gone: there are no events any more
 * @heap: whose
 */
void events_end(struct heap *heap)
{
	WRITE_ONCE(heap->hint.events.over, true);
	events_wake(heap);
}

/**
 * events_observe() - where an observer begins
 * @heap: of which
 *
 * Return: the position of its file.
 */
loff_t events_observe(struct heap *heap)
{
	u64 told;

	spin_lock(&heap->hint.lock);
	told = heap->hint.events.told;
	spin_unlock(&heap->hint.lock);
	return told;
}

static bool unseen(struct heap *heap, loff_t seen)
{
	return events_observe(heap) != seen;
}

/**
 * events_observe_read() - read of an observer: the last event, once
 * @file: the observer's
 * @to: user memory
 * @room: and its size
 * @seen: how many events it has seen
 *
 * As events_read() for the rest. @merged of the record counts the events that it was
 * too late for; what these ordered is not summed.
 *
 * Context: sleeps, interruptibly.
 * Return: the bytes of one record, 0 when the heap's file is gone; -EINVAL when there
 * is no room for one, -EAGAIN when there is none and the file is O_NONBLOCK, -EFAULT
 * (nothing is lost) or -ERESTARTSYS.
 */
ssize_t events_observe_read(struct file *file, char __user *to, size_t room, loff_t *seen)
{
	struct heap *heap = file->private_data;
	struct events *events = &heap->hint.events;
	struct spanheap_event event;
	u64 told;
	int ret;

	if (room < sizeof(event))
		return -EINVAL;
	if (!unseen(heap, *seen) && !READ_ONCE(events->over)) {
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(events->wait, unseen(heap, *seen) ||
					       READ_ONCE(events->over));
		if (ret)
			return ret;
	}
	spin_lock(&heap->hint.lock);
	told = events->told;
	event = events->last;
	spin_unlock(&heap->hint.lock);
	if (told == *seen)
		return 0;
	event.merged = min_t(u64, told - *seen - 1, U32_MAX);
	if (copy_to_user(to, &event, sizeof(event)))
		return -EFAULT;
	*seen = told;
	return sizeof(event);
}

/**
 * events_observe_poll() - poll of an observer
 * @file: the observer's
 * @table: who polls
 *
 * Return: EPOLLPRI, EPOLLIN and EPOLLRDNORM while there is an event it has not seen;
 * EPOLLHUP when the heap's file is gone.
 */
__poll_t events_observe_poll(struct file *file, poll_table *table)
{
	struct heap *heap = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &heap->hint.events.wait, table);
	if (unseen(heap, READ_ONCE(file->f_pos)))
		mask |= EPOLLPRI | EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(heap->hint.events.over))
		mask |= EPOLLHUP;
	return mask;
}
