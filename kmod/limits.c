// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bounds of what one heap, and one user, may ask for, as module parameters. They may be
 * changed at run time and hold for what is added from then on. Written by the
 * administrator, read by region.c, users.c and ioctl.c; no locks.
 */
#include <linux/errno.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>

#include "limits.h"

/*
 * What a region costs at once is one pointer per page of its map: 512 KiB per
 * TiB of region. The map itself, 1/4096 of the region, comes page by page as it
 * is touched. Both are charged to the owner's memory cgroup.
 */
#define REGION_BYTES_MAX	(64ULL * SZ_1T)

/*
 * A region costs some 200 bytes and a step in each look-up of log2(n); a heap costs
 * some 6 KiB, most of it the header page.
 */
#define COUNT_MAX		65536U

static unsigned long long max_region = SZ_1T;
static unsigned long long max_heap = 16ULL * SZ_1T;
static unsigned int max_regions = 4096;

/* As many heaps as there may be processes by default; maps for 64 TiB of regions. */
static unsigned int max_heaps_per_user = 32768;
static unsigned long long max_map_bytes = 16ULL * SZ_1G;

static int set_bytes(const char *val, const struct kernel_param *kp)
{
	unsigned long long bytes;
	int ret;

	ret = kstrtoull(val, 0, &bytes);
	if (ret)
		return ret;
	if (bytes < PAGE_SIZE || bytes > REGION_BYTES_MAX)
		return -ERANGE;
	WRITE_ONCE(*(unsigned long long *)kp->arg, bytes);
	return 0;
}

static int set_count(const char *val, const struct kernel_param *kp)
{
	unsigned int nr;
	int ret;

	ret = kstrtouint(val, 0, &nr);
	if (ret)
		return ret;
	if (!nr || nr > COUNT_MAX)
		return -ERANGE;
	WRITE_ONCE(*(unsigned int *)kp->arg, nr);
	return 0;
}

static const struct kernel_param_ops bytes_ops = {
	.set = set_bytes,
	.get = param_get_ullong,
};

static const struct kernel_param_ops count_ops = {
	.set = set_count,
	.get = param_get_uint,
};

module_param_cb(max_region, &bytes_ops, &max_region, 0644);
MODULE_PARM_DESC(max_region, "Largest region in bytes (default 1 TiB)");
module_param_cb(max_heap, &bytes_ops, &max_heap, 0644);
MODULE_PARM_DESC(max_heap, "Largest sum of a heap's regions in bytes (default 16 TiB)");
module_param_cb(max_regions, &count_ops, &max_regions, 0644);
MODULE_PARM_DESC(max_regions, "Most regions of one heap at a time (default 4096)");

module_param_cb(max_heaps_per_user, &count_ops, &max_heaps_per_user, 0644);
MODULE_PARM_DESC(max_heaps_per_user, "Most heaps of one user at a time (default 32768)");
module_param_cb(max_map_bytes, &bytes_ops, &max_map_bytes, 0644);
MODULE_PARM_DESC(max_map_bytes,
		 "Largest sum of a user's page maps in bytes, touched or not (default 16 GiB)");

u64 limit_region_bytes(void)
{
	return READ_ONCE(max_region);
}

u64 limit_heap_bytes(void)
{
	return READ_ONCE(max_heap);
}

unsigned int limit_regions(void)
{
	return READ_ONCE(max_regions);
}

unsigned int limit_user_heaps(void)
{
	return READ_ONCE(max_heaps_per_user);
}

u64 limit_user_map_bytes(void)
{
	return READ_ONCE(max_map_bytes);
}
