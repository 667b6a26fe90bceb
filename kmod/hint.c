// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hints: works out how short memory is for the owner of a heap, writes it into the
 * header page, makes records of what changes. Called by bell.c (reclaim came by),
 * order.c, revoke.c and ioctl.c; owns the window.
 *
 * Reclaim only leaves word. A pass, in a context of its own and no more than one a
 * window, looks at every heap that reclaim has come by at, and goes on looking at
 * those for which memory is short until it is not: so a level comes down by itself.
 * Every wake-up is a pass's. Who asks by ioctl gets a fresh hint at any time, which
 * goes into the header, too; what it changes, the next pass tells.
 *
 * Locks: hint.lock, a leaf.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "headroom.h"
#include "heap.h"
#include "hint.h"
#include "pagemap.h"
#include "taken.h"
#include "trace.h"

/*
 * The shortest time between two passes, and so between two wake-ups of one owner. A
 * pass costs some 2 us a heap and 10 us for each owner that is woken: 0.1 % of a CPU
 * for a few heaps. What can be taken within a window is revoked, not asked for.
 */
#define WINDOW		(HZ / 10)

/* While nothing changes the window doubles up to that. */
#define WINDOW_MAX	HZ

/* Levels, in margins: see the UAPI header. */
#define MARGINS_LOW	16
#define MARGINS_MEDIUM	4

#define HINT_TAKEN_BOTH	(SPANHEAP_HINT_COUNT_TAKEN | SPANHEAP_HINT_LEAVE_TAKEN)
#define HINT_KNOWN	(SPANHEAP_HINT_SEEN | HINT_TAKEN_BOTH)

static void pass(struct work_struct *unused);

static LLIST_HEAD(listed);
static DECLARE_DELAYED_WORK(next, pass);
static struct workqueue_struct *queue;
static unsigned long not_before;	/* jiffies; of the next pass */

static u32 level_of(const struct headroom *room)
{
	long pages = room->free + (long)room->clean;
	long margin = room->margin;

	if (pages < margin)
		return SPANHEAP_PRESSURE_CRITICAL;
	if (pages < MARGINS_MEDIUM * margin)
		return SPANHEAP_PRESSURE_MEDIUM;
	if (pages < MARGINS_LOW * margin)
		return SPANHEAP_PRESSURE_LOW;
	return SPANHEAP_PRESSURE_NONE;
}

static void header_write_locked(struct heap *heap)
{
	struct spanheap_header *page = page_address(heap->header->pages[0]);
	const struct spanheap_hint *now = &heap->hint.now;

	lockdep_assert_held(&heap->hint.lock);
	WRITE_ONCE(page->seq, ++heap->hint.seq);
	smp_wmb();	/* odd before anything changes */
	WRITE_ONCE(page->level, now->level);
	WRITE_ONCE(page->headroom, now->headroom);
	WRITE_ONCE(page->wanted, now->wanted);
	WRITE_ONCE(page->ordered, now->ordered);
	WRITE_ONCE(page->revoked, now->revoked);
	WRITE_ONCE(page->taken, now->taken);
	WRITE_ONCE(page->events, now->events);
	WRITE_ONCE(page->time_ns, now->time_ns);
	smp_wmb();	/* and even again after it */
	WRITE_ONCE(page->seq, ++heap->hint.seq);
}

static void update_locked(struct heap *heap, const struct headroom *room)
{
	struct spanheap_hint *now = &heap->hint.now;
	long pages = room->free + (long)room->clean;

	lockdep_assert_held(&heap->hint.lock);
	now->level = level_of(room);
	now->headroom = (u64)max(pages, 0L) << PAGE_SHIFT;
	now->wanted = now->level ?
		      (u64)(MARGINS_LOW * (long)room->margin - pages) << PAGE_SHIFT : 0;
	now->time_ns = ktime_get_ns();
}

/* What there is to tell, as SPANHEAP_EVENT_* bits. */
static u32 news_locked(const struct hint *hint, bool pressed)
{
	u32 what = 0;

	lockdep_assert_held(&hint->lock);
	if (hint->now.level != hint->told)
		what |= SPANHEAP_EVENT_LEVEL;
	else if (hint->now.level == SPANHEAP_PRESSURE_CRITICAL && pressed)
		what |= SPANHEAP_EVENT_STILL;
	if (hint->unasked)
		what |= SPANHEAP_EVENT_ORDER;
	return what;
}

static void tell_locked(struct heap *heap, u32 what)
{
	struct hint *hint = &heap->hint;
	struct spanheap_event event = {
		.time_ns = hint->now.time_ns,
		.what = what,
		.level = hint->now.level,
		.headroom = hint->now.headroom,
		.wanted = hint->now.wanted,
		.ordered = hint->unasked,
	};

	hint->told = hint->now.level;
	hint->unasked = 0;
	hint->now.events++;
	events_add_locked(heap, &event);
	trace_spanheap_hint(heap->id, event.level, event.wanted, event.headroom);
}

static bool is_alive(const struct heap *heap)
{
	const struct owner *owner = heap_owner(heap);

	return owner && atomic_read(&owner->mm->mm_users);
}

/* Return: what was told. */
static u32 look(struct heap *heap, bool pressed, bool *short_still)
{
	struct headroom room = headroom_of_mm(heap->owner->mm);
	struct hint *hint = &heap->hint;
	u32 what;

	spin_lock(&hint->lock);
	update_locked(heap, &room);
	what = news_locked(hint, pressed);
	if (what)
		tell_locked(heap, what);
	*short_still = hint->now.level;
	header_write_locked(heap);
	spin_unlock(&hint->lock);
	if (what)
		events_wake(heap);
	return what;
}

/* Look at the listed heaps; those where memory is short stay listed. */
static void pass(struct work_struct *unused)
{
	static unsigned long window;
	struct heap *heap, *tmp;
	bool news = false, again = false;

	/* whoever asked for it may have seen an old time */
	if (time_before(jiffies, not_before)) {
		queue_delayed_work(queue, &next, not_before - jiffies);
		return;
	}
	WRITE_ONCE(not_before, jiffies + WINDOW);
	llist_for_each_entry_safe(heap, tmp, llist_del_all(&listed), hint.link) {
		unsigned long *flags = &heap->hint.flags;
		bool pressed, short_still = false;

		/* from here on it can be listed again, with a reference of its own */
		clear_bit(HINT_LISTED, flags);
		pressed = test_and_clear_bit(HINT_PRESSED, flags);
		if (is_alive(heap) && look(heap, pressed, &short_still))
			news = true;
		if (short_still && hint_ring(heap, HINT_LISTED))
			again = true;
		heap_put(heap);
		cond_resched();
	}
	if (!again)
		return;
	window = news ? WINDOW : min_t(unsigned long, max_t(unsigned long, window, WINDOW) * 2,
				       WINDOW_MAX);
	queue_delayed_work(queue, &next, window);
}

/**
 * hint_ring() - have a heap looked at by the next pass
 * @heap: which; it is not about to go
 * @bit: HINT_PRESSED when reclaim came by, else HINT_LISTED
 *
 * Context: any; also under the lock of a list.
 * Return: whether the next pass has more to do for it; then hint_hurry().
 */
bool hint_ring(struct heap *heap, unsigned long bit)
{
	bool more = bit == HINT_PRESSED && !test_and_set_bit(HINT_PRESSED, &heap->hint.flags);

	if (!test_and_set_bit(HINT_LISTED, &heap->hint.flags)) {
		kref_get(&heap->ref);
		llist_add(&heap->hint.link, &listed);
		more = true;
	}
	return more;
}

/**
 * hint_hurry() - make the next pass as soon as the window allows
 *
 * Context: any; also reclaim.
 */
void hint_hurry(void)
{
	unsigned long when = READ_ONCE(not_before), now = jiffies;

	mod_delayed_work(queue, &next, time_after(when, now) ? when - now : 0);
}

/**
 * hint_ask() - the hint, fresh
 * @heap: whose
 * @args: checked and filled in
 *
 * Context: may sleep.
 * Return: 0; -EINVAL for unknown flags, or two that exclude each other; -ENXIO when the file is not registered;
 * -EPERM for flags by anybody but the owner; -ESRCH when the owner is gone; -ENOMEM;
 * -EINTR
 */
int hint_ask(struct heap *heap, struct spanheap_hint *args)
{
	struct hint *hint = &heap->hint;
	struct headroom room;
	u64 size = args->size;
	u32 flags = args->flags;
	bool more;
	int ret;

	ret = heap_check_owner(heap);
	if (ret == -ENXIO)
		return ret;
	if (flags & ~HINT_KNOWN || (flags & HINT_TAKEN_BOTH) == HINT_TAKEN_BOTH)
		return -EINVAL;
	if (ret && flags)
		return ret;
	/* it may live in another cgroup than when it was last heard of */
	if (!ret) {
		ret = bell_hang(heap);
		if (ret)
			return ret;
	}
	if (!is_alive(heap))
		return -ESRCH;
	if (flags & SPANHEAP_HINT_COUNT_TAKEN) {
		ret = taken_start(heap);
		if (ret)
			return ret;
	}
	if (flags & SPANHEAP_HINT_LEAVE_TAKEN)
		taken_stop(heap);
	if (flags & SPANHEAP_HINT_SEEN)
		events_forget(heap);

	room = headroom_of_mm(heap->owner->mm);
	spin_lock(&hint->lock);
	update_locked(heap, &room);
	header_write_locked(heap);
	*args = hint->now;
	more = hint->now.level || hint->told;
	spin_unlock(&hint->lock);
	args->size = size;
	args->flags = flags;
	if (more && hint_ring(heap, HINT_LISTED))
		hint_hurry();
	return 0;
}

/**
 * hint_order() - ask the owner for memory
 * @heap: whose
 * @bytes: how much
 */
void hint_order(struct heap *heap, u64 bytes)
{
	spin_lock(&heap->hint.lock);
	heap->hint.unasked += bytes;
	heap->hint.now.ordered += bytes;
	header_write_locked(heap);
	spin_unlock(&heap->hint.lock);
	/* a pass that is far away must not let it wait */
	hint_ring(heap, HINT_LISTED);
	hint_hurry();
}

/**
 * hint_revoked() - the module has taken pages
 * @heap: whose
 * @pages: how many
 *
 * Context: reclaim.
 */
void hint_revoked(struct heap *heap, unsigned long pages)
{
	spin_lock(&heap->hint.lock);
	heap->hint.now.revoked += (u64)pages << PAGE_SHIFT;
	header_write_locked(heap);
	spin_unlock(&heap->hint.lock);
}

/**
 * hint_taken() - the kernel has taken lazily freed pages
 * @heap: whose
 * @pages: how many; below zero what is about to be counted anew
 *
 * Context: a notifier, in reclaim.
 */
void hint_taken(struct heap *heap, long pages)
{
	spin_lock(&heap->hint.lock);
	heap->hint.now.taken += (s64)pages << PAGE_SHIFT;
	header_write_locked(heap);
	spin_unlock(&heap->hint.lock);
}

/**
 * hint_prepare() - set up the hint of a heap that is being made
 * @hint: all zeros
 */
void hint_prepare(struct hint *hint)
{
	spin_lock_init(&hint->lock);
	mutex_init(&hint->bells.lock);
	events_prepare(&hint->events);
}

/**
 * hint_init() - start listening to reclaim
 *
 * Return: 0 or -ENOMEM.
 */
int hint_init(void)
{
	int ret;

	/* Reclaim does not wait for it, but goes by what owners do when they are told. */
	queue = alloc_workqueue("spanheap", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 1);
	if (!queue)
		return -ENOMEM;
	not_before = jiffies;
	ret = bell_init();
	if (ret)
		destroy_workqueue(queue);
	return ret;
}

/**
 * hint_exit() - stop; there are no heaps any more but those that are listed
 */
void hint_exit(void)
{
	struct heap *heap, *tmp;

	bell_exit();
	cancel_delayed_work_sync(&next);
	llist_for_each_entry_safe(heap, tmp, llist_del_all(&listed), hint.link)
		heap_put(heap);
	destroy_workqueue(queue);
}
