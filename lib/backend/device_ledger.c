// SPDX-License-Identifier: MIT
/*
 * SPANHEAP_IOC_LEDGER, in total and per NUMA node, for struct spanheap_report.
 * Called by the device backend; takes no lock. The per-node matrices are mapped
 * for the duration of the call: 512 bytes a node are too much for a stack.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../sys.h"
#include "backend.h"
#include "device_ledger.h"
#include "figures.h"

#define REPORT_NODES	(sizeof(((struct spanheap_report *)0)->nodes) / \
			 sizeof(struct spanheap_figures))

void device_ledger_fill(struct spanheap_report *report, const struct spanheap_ledger *l)
{
	const struct spanheap_matrix *nodes = (const void *)(uintptr_t)l->nodes;

	memset(report, 0, sizeof(*report));
	report->backend = device_backend.name;
	report->exact = !l->skipped;
	figures_from_matrix(&l->total, &report->total);
	/* Nodes beyond the report's room are in the total alone. */
	report->nr_nodes = l->nr_nodes < REPORT_NODES ? l->nr_nodes : REPORT_NODES;
	for (unsigned int i = 0; i < report->nr_nodes; i++)
		figures_from_matrix(&nodes[i], &report->nodes[i]);
}

static int ask(int fd, struct spanheap_ledger *l, unsigned int nr_nodes,
	       struct spanheap_report *report)
{
	size_t length = nr_nodes * sizeof(struct spanheap_matrix);
	struct spanheap_matrix *nodes;
	int ret = 0;

	nodes = mmap(NULL, length, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nodes == MAP_FAILED)
		return -errno;
	l->nodes = (uintptr_t)nodes;
	l->nr_nodes = nr_nodes;
	if (ioctl(fd, SPANHEAP_IOC_LEDGER, l))
		ret = -errno;
	else
		device_ledger_fill(report, l);
	munmap(nodes, length);
	return ret;
}

int device_ledger_read(int own_fd, pid_t pid, struct spanheap_report *report)
{
	struct spanheap_features features = { .size = sizeof(features) };
	struct spanheap_ledger l = { .size = sizeof(l) };
	int fd = own_fd;
	int ret;

	if (fd < 0)
		fd = sys_open(SPANHEAP_DEVICE, O_RDWR);
	if (fd < 0)
		return -errno;
	if (own_fd >= 0) {
		l.scope = SPANHEAP_SCOPE_MM;
	} else {
		l.scope = SPANHEAP_SCOPE_PID;
		l.pid = pid ? pid : getpid();
	}
	if (ioctl(fd, SPANHEAP_IOC_FEATURES, &features))
		ret = -errno;
	else
		ret = ask(fd, &l, features.nr_nodes, report);
	if (own_fd < 0)
		sys_close(fd);
	return ret;
}
