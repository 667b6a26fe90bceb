// SPDX-License-Identifier: MIT
/*
 * The ledgers of many processes, a batch at a time: by io_uring where module,
 * kernel and liburing have it, by ioctl otherwise. Called by the API; takes no lock.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sys.h"
#include "device_ledger.h"
#include "uring.h"

/**
 * struct batch - questions under way
 * @fd: of the device, no heap
 * @uring: whether to try io_uring
 * @nr_nodes: matrices of each question
 * @ledgers: URING_BATCH questions; their matrices lie behind them
 */
struct batch {
	int fd;
	bool uring;
	unsigned int nr_nodes;
	struct spanheap_ledger *ledgers;
};

static size_t batch_bytes(const struct batch *b)
{
	return URING_BATCH * (sizeof(*b->ledgers) + b->nr_nodes * sizeof(struct spanheap_matrix));
}

static void ask(struct batch *b, const pid_t *pids, int *errors, size_t nr)
{
	struct spanheap_matrix *nodes = (void *)(b->ledgers + URING_BATCH);
	void *args[URING_BATCH];

	for (size_t i = 0; i < nr; i++) {
		b->ledgers[i] = (struct spanheap_ledger){
			.size = sizeof(b->ledgers[i]),
			.scope = SPANHEAP_SCOPE_PID,
			.pid = pids[i] ? pids[i] : getpid(),
			.nodes = (uintptr_t)(nodes + i * b->nr_nodes),
			.nr_nodes = b->nr_nodes,
		};
		args[i] = &b->ledgers[i];
	}
	/* one question is not worth a ring */
	if (b->uring && nr > 1 && !uring_commands(b->fd, SPANHEAP_IOC_LEDGER, args, errors, nr))
		return;
	b->uring = false;
	for (size_t i = 0; i < nr; i++)
		errors[i] = ioctl(b->fd, SPANHEAP_IOC_LEDGER, args[i]) ? -errno : 0;
}

static void ask_all(struct batch *b, const pid_t *pids, struct spanheap_report *reports,
		    int *errors, size_t nr)
{
	for (size_t at = 0; at < nr; at += URING_BATCH) {
		size_t n = nr - at < URING_BATCH ? nr - at : URING_BATCH;

		ask(b, pids + at, errors + at, n);
		for (size_t i = 0; i < n; i++)
			if (!errors[at + i])
				device_ledger_fill(&reports[at + i], &b->ledgers[i]);
	}
}

int device_ledgers_read(const pid_t *pids, struct spanheap_report *reports, int *errors,
			size_t nr)
{
	struct spanheap_features features = { .size = sizeof(features) };
	struct batch b = { .fd = sys_open(SPANHEAP_DEVICE, O_RDWR) };
	int ret = 0;

	if (b.fd < 0 || ioctl(b.fd, SPANHEAP_IOC_FEATURES, &features)) {
		ret = -errno;
		goto out;
	}
	b.uring = features.features & SPANHEAP_FEATURE_URING;
	b.nr_nodes = features.nr_nodes;
	b.ledgers = mmap(NULL, batch_bytes(&b), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b.ledgers == MAP_FAILED) {
		ret = -errno;
		goto out;
	}
	ask_all(&b, pids, reports, errors, nr);
	munmap(b.ledgers, batch_bytes(&b));
out:
	if (b.fd >= 0)
		sys_close(b.fd);
	return ret;
}
