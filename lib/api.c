// SPDX-License-Identifier: MIT
/*
 * The public functions of include/spanheap.h that are not figures of the heap
 * (those are stats.c's): the ledger, release, the mode, the backend. Thin: each
 * checks its arguments and calls the part that does it.
 */
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include <spanheap.h>
#include "backend/backend.h"
#include "backend/device.h"
#include "backend/device_ledger.h"
#include "giveback.h"
#include "options.h"
#include "scavenger.h"

#define PUBLIC	__attribute__((visibility("default")))

PUBLIC int spanheap_ledger(pid_t pid, struct spanheap_report *report, size_t size)
{
	const struct backend *backend = &device_backend;
	int ret;

	if (!report || size != sizeof(*report)) {
		errno = EINVAL;
		return -1;
	}
	/*
	 * Asking about oneself is worth a heap; asking about others needs none.
	 * The device backend itself asks /proc when there is no device.
	 */
	if (!pid || pid == getpid())
		backend_open();
	if (options()->backend == OPTION_BACKEND_PROCFS)
		backend = &procfs_backend;
	ret = backend->ledger(pid, report);
	if (ret) {
		errno = -ret;
		return -1;
	}
	return 0;
}

PUBLIC int spanheap_ledgers(const pid_t *pids, struct spanheap_report *reports, int *errors,
			    size_t nr, size_t size)
{
	bool asked = false;

	if ((nr && (!pids || !reports || !errors)) || size != sizeof(*reports)) {
		errno = EINVAL;
		return -1;
	}
	if (nr && options()->backend != OPTION_BACKEND_PROCFS)
		asked = !device_ledgers_read(pids, reports, errors, nr);
	for (size_t i = 0; i < nr; i++) {
		bool self = !pids[i] || pids[i] == getpid();

		if (asked && !self && (!errors[i] || errors[i] == -ESRCH))
			errors[i] = -errors[i];
		else
			errors[i] = spanheap_ledger(pids[i], &reports[i], size) ? errno : 0;
	}
	return 0;
}

PUBLIC int spanheap_reclaim(pid_t pid, uint64_t bytes, struct spanheap_reclaimed *result,
			    size_t size)
{
	int ret = -EINVAL;

	if (result && size == sizeof(*result))
		ret = device_order(pid, bytes, result);
	if (ret) {
		errno = -ret;
		return -1;
	}
	return 0;
}

PUBLIC size_t spanheap_release_all(void)
{
	return giveback_all();
}

PUBLIC int spanheap_set_release(enum spanheap_release mode)
{
	if ((unsigned int)mode > SPANHEAP_RELEASE_KEEP) {
		errno = EINVAL;
		return -1;
	}
	scavenger_set_mode(mode);
	return 0;
}

PUBLIC enum spanheap_release spanheap_get_release(void)
{
	return scavenger_mode();
}

PUBLIC const char *spanheap_release_name(enum spanheap_release mode)
{
	return option_release_name(mode);
}

PUBLIC const char *spanheap_backend(void)
{
	backend_open();
	return backend_current()->name;
}
