// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node.h"
#include "options.h"

#define NODES_FILE	"/sys/devices/system/node/has_memory"

_Atomic unsigned int node_nr = 1;

unsigned int node_ask(void)
{
	unsigned int cpu, node;

	return getcpu(&cpu, &node) || node >= node_count() ? 0 : node;
}

/* The last number of a list as the kernel writes it, "0-1,3", or 0. */
static unsigned int highest(void)
{
	int fd = open(NODES_FILE, O_RDONLY | O_CLOEXEC);
	unsigned int number = 0;
	char text[256];
	ssize_t len;

	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text));
	close(fd);
	for (ssize_t i = 0; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			number = number * 10 + (unsigned int)(text[i] - '0');
		else if (text[i] == '-' || text[i] == ',')
			number = 0;
	}
	return number;
}

static bool has_policy(void)
{
	int mode = MPOL_DEFAULT;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 0UL) || mode != MPOL_DEFAULT;
}

void node_init(void)
{
	unsigned int last = options()->nodes ? highest() : 0;

	if (last && last < NODE_MAX && !has_policy())
		atomic_store_explicit(&node_nr, last + 1, memory_order_relaxed);
}

void node_prefer(void *base, size_t length, unsigned int node)
{
	uint64_t mask = (uint64_t)1 << node;

	/* one bit more, as the kernel takes off one. If it fails: where it is touched */
	syscall(SYS_mbind, base, length, MPOL_PREFERRED, &mask, NODE_MAX + 1UL, 0U);
}
