/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of hints, read and polled for through a heap's file or an observer's. */
#ifndef SPANHEAP_EVENTS_H
#define SPANHEAP_EVENTS_H

#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/wait.h>

#include <linux/spanheap.h>

/* Records that wait to be read; later ones go into the last: 1.6 s at the least. */
#define EVENTS_MAX	16

struct heap;

/**
 * struct events - the records of a heap
 * @reader: one reader at a time; taken by nobody else, and held across user memory
 * @wait: pollers and sleeping readers
 * @first: number of the oldest unread record, ever rising; under the hint's lock
 * @nr: how many are unread; likewise
 * @records: record n is at n % EVENTS_MAX; likewise
 * @told: how many events there were so far, for observers; likewise
 * @last: the last of them; likewise
 * @over: the heap's own file is gone
 */
struct events {
	struct mutex reader;
	wait_queue_head_t wait;
	u64 first;
	unsigned int nr;
	struct spanheap_event records[EVENTS_MAX];
	u64 told;
	struct spanheap_event last;
	bool over;
};

void events_prepare(struct events *events);
void events_add_locked(struct heap *heap, const struct spanheap_event *event);
void events_wake(struct heap *heap);
void events_forget(struct heap *heap);
void events_end(struct heap *heap);

ssize_t events_read(struct file *file, char __user *to, size_t room, loff_t *unused);
__poll_t events_poll(struct file *file, poll_table *table);

loff_t events_observe(struct heap *heap);
ssize_t events_observe_read(struct file *file, char __user *to, size_t room, loff_t *seen);
__poll_t events_observe_poll(struct file *file, poll_table *table);

#endif /* SPANHEAP_EVENTS_H */
