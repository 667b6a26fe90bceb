// SPDX-License-Identifier: MIT
/*
 * The backend that every Linux has: the page map is private memory, pages are
 * released by madvise, figures come from /proc. Called through struct backend,
 * with no lock of the library held.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sys.h"
#include "backend.h"
#include "procfs.h"
#include "headroom.h"
#include "psi.h"
#include "smaps.h"

static int procfs_attach(struct reserve *r)
{
	void *map = mmap(NULL, reserve_map_length(r), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	r->registered = false;
	return 0;
}

void reserve_committed(struct reserve *r, size_t end)
{
	size_t old = atomic_load_explicit(&r->committed, memory_order_relaxed);

	while (old < end &&
	       !atomic_compare_exchange_weak(&r->committed, &old, end))
		;
}

/*
 * mprotect rather than a fresh mapping: the committed part stays one VMA, and
 * the kernel accounts for it, so that strict overcommit answers here, with
 * ENOMEM, and not later with a signal.
 */
int procfs_commit(struct reserve *r, size_t offset, size_t length)
{
	if (mprotect(r->base + offset, length, PROT_READ | PROT_WRITE))
		return -errno;
	reserve_committed(r, offset + length);
	return 0;
}

int procfs_ledger(pid_t pid, struct spanheap_report *report)
{
	uint64_t intents[SPANHEAP_NR_INTENTS];
	struct smaps_sums sums;
	bool self = !pid || pid == getpid();
	int ret;

	ret = smaps_read(self ? 0 : pid, &sums);
	if (ret)
		return ret;
	for (int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		intents[i] = intent_totals[i] << BASE_PAGE_SHIFT;
	memset(report, 0, sizeof(*report));
	report->backend = procfs_backend.name;
	figures_from_smaps(&sums, self ? intents : NULL, &report->total);
	return 0;
}

static uint64_t procfs_features(void)
{
	return 0;
}

/* Whoever is at the page needs the CPU that a real-time thread would spin on. */
static void procfs_wait(const struct reserve *r, size_t offset)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 };
	int saved = errno;

	(void)r;
	(void)offset;
	sys_sleep(&moment);
	errno = saved;
}

static size_t procfs_release(const struct spanheap_range *ranges, size_t nr, uint64_t *bytes,
			     bool *refused)
{
	(void)ranges;
	(void)nr;
	*bytes = 0;
	*refused = true;
	return 0;
}

static void procfs_publish(void)
{
}

const struct backend procfs_backend = {
	.name = "procfs",
	.attach = procfs_attach,
	.commit = procfs_commit,
	.headroom = headroom_bytes,
	.ledger = procfs_ledger,
	.features = procfs_features,
	.listen = psi_listen,
	.wait = procfs_wait,
	.release = procfs_release,
	.publish = procfs_publish,
};
