// SPDX-License-Identifier: MIT
/*
 * The backend of spanheap.ko: registers this process's heap, makes regions of
 * its reserves and asks for the ledger. Called through struct backend with no
 * lock of the library held; device_open() under backend.c's open_lock.
 *
 * Programs close and reuse descriptors they do not know. Ours lies high, is
 * checked before each use, and is needed by attach, wait and the ledger alone:
 * what is mapped stays the heap's without it. When it is gone, later reserves are
 * procfs's and nothing else changes.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spanheap.h>
#include "../sys.h"
#include "backend.h"
#include "device.h"
#include "device_ledger.h"
#include "headroom.h"
#include "procfs.h"

/*
 * Where the descriptor goes: out of the way of shells and of programs that
 * number their own from 3, but below 1024, so that select() works and the
 * kernel's descriptor table stays at one page.
 */
#define FD_LIMIT	1024
#define FD_BELOW	24

static struct {
	atomic_int fd;		/* -1: none */
	uint64_t heap_id;
	uint64_t header_offset;
	size_t header_length;
	uint64_t features;
	dev_t rdev;
	struct spanheap_header *_Atomic header;
} device = { .fd = -1 };

static int move_up(int fd)
{
	struct rlimit limit;
	rlim_t top = FD_LIMIT;
	int high = -1;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < top)
		top = limit.rlim_cur;
	if (top > 2 * FD_BELOW)
		high = fcntl(fd, F_DUPFD_CLOEXEC, (int)top - FD_BELOW);
	if (high < 0)
		high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	sys_close(fd);
	return high;
}

static struct spanheap_header *map_header(int fd, uint64_t offset, size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       (off_t)offset);

	return p == MAP_FAILED ? NULL : p;
}

static int register_heap(int fd)
{
	struct spanheap_features features = { .size = sizeof(features) };
	struct spanheap_register reg = { .size = sizeof(reg) };
	struct stat st;

	if (ioctl(fd, SPANHEAP_IOC_FEATURES, &features) || fstat(fd, &st))
		return -errno;
	if (features.granule != BASE_PAGE_SIZE)
		return -EOPNOTSUPP;
	reg.granule = BASE_PAGE_SIZE;
	if (ioctl(fd, SPANHEAP_IOC_REGISTER, &reg))
		return -errno;
	device.header = map_header(fd, reg.header_offset, reg.header_length);
	if (!device.header)
		return -errno;
	device.features = features.features;
	device.heap_id = reg.heap_id;
	device.header_offset = reg.header_offset;
	device.header_length = reg.header_length;
	device.rdev = st.st_rdev;
	return 0;
}

int device_open(void)
{
	int fd = sys_open(SPANHEAP_DEVICE, O_RDWR);
	int ret;

	if (fd < 0)
		return -errno;
	fd = move_up(fd);
	if (fd < 0)
		return -errno;
	ret = register_heap(fd);
	if (ret) {
		sys_close(fd);
		return ret;
	}
	device.fd = fd;
	return 0;
}

static bool is_device(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == device.rdev;
}

/*
 * Our descriptor, or -1 when somebody has closed it; the number may be another
 * file's by now, even another open of the device: the heap's number in the
 * header tells.
 */
static int own_fd(void)
{
	int fd = device.fd;
	struct spanheap_header *header;
	bool ours;

	if (fd < 0)
		return -1;
	ours = is_device(fd);
	if (ours) {
		header = map_header(fd, device.header_offset, device.header_length);
		ours = header && header->heap_id == device.heap_id;
		if (header)
			munmap(header, device.header_length);
	}
	if (!ours) {
		device.fd = -1;
		backend_lost("the descriptor of " SPANHEAP_DEVICE " is gone");
		return -1;
	}
	return fd;
}

void device_forget(void)
{
	int fd = device.fd;

	/* The parent's heap is not for this mm to map, so no more can be checked. */
	if (fd >= 0 && is_device(fd))
		sys_close(fd);
	device.fd = -1;
	device.header = NULL;
}

static int add_region(int fd, struct reserve *r)
{
	struct spanheap_region region = {
		.size = sizeof(region),
		.addr = (uintptr_t)r->base,
		.length = r->length,
	};
	void *map, *mem;
	int ret;

	if (ioctl(fd, SPANHEAP_IOC_ADD, &region))
		return -errno;
	map = mmap(NULL, region.map_length, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, (off_t)region.map_offset);
	if (map == MAP_FAILED) {
		ret = -errno;
		goto remove;
	}
	/* All of it at once, so that commit does not need the descriptor. */
	mem = mmap(r->base, r->length, PROT_NONE,
		   MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
		   (off_t)region.mem_offset);
	if (mem == MAP_FAILED) {
		ret = -errno;
		goto unmap;
	}
	r->map = map;
	r->mem_offset = region.mem_offset;
	r->registered = true;
	return 0;

unmap:
	munmap(map, region.map_length);
	/* A failed MAP_FIXED may have left a hole. */
	mmap(r->base, r->length, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
remove:
	region = (struct spanheap_region){
		.size = sizeof(region),
		.addr = (uintptr_t)r->base,
		.length = r->length,
	};
	ioctl(fd, SPANHEAP_IOC_REMOVE, &region);
	return ret;
}

static int device_attach(struct reserve *r)
{
	int saved = errno;
	int fd = own_fd();
	int ret = fd < 0 ? -EBADF : add_region(fd, r);

	errno = saved;
	if (!ret)
		return 0;
	/* At a limit the module is as good as ever for what it has. */
	if (ret != -ENOSPC && ret != -ENOMEM)
		backend_lost("the module does not take another region");
	return procfs_backend.attach(r);
}

static uint64_t device_features(void)
{
	return device.features;
}

/*
 * Sleeps in poll(), and takes the records by the ioctl: on a descriptor that has
 * become somebody else's meanwhile that does no harm, as a read() would.
 */
static int device_listen(struct backend_hint *hint)
{
	static uint64_t heap_id, ordered;
	struct spanheap_hint now = { .size = sizeof(now), .flags = SPANHEAP_HINT_SEEN };
	struct pollfd p = { .fd = own_fd(), .events = POLLPRI };

	if (p.fd < 0)
		return -EBADF;
	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return -errno;
	if (p.revents & ~POLLPRI || ioctl(p.fd, SPANHEAP_IOC_HINT, &now))
		return -EBADF;
	/* a forked child has another heap */
	if (heap_id != device.heap_id)
		ordered = 0;
	heap_id = device.heap_id;
	hint->level = now.level;
	hint->headroom = now.headroom;
	hint->wanted = now.wanted;
	hint->ordered = now.ordered - ordered;
	ordered = now.ordered;
	return 0;
}

static void device_wait(const struct reserve *r, size_t offset)
{
	struct spanheap_wait wait = {
		.size = sizeof(wait),
		.addr = (uintptr_t)r->base + offset,
	};
	int saved = errno;
	int fd = own_fd();

	if (fd < 0 || ioctl(fd, SPANHEAP_IOC_WAIT, &wait))
		procfs_backend.wait(r, offset);
	errno = saved;
}

/*
 * No other heap can be meant by mistake: what is not in a region of this one, and
 * the caller's own, is refused. That it is the device at all is enough.
 */
static size_t device_release(const struct spanheap_range *ranges, size_t nr, uint64_t *bytes,
			     bool *refused)
{
	struct spanheap_release_ranges args = {
		.size = sizeof(args),
		.ranges = (uintptr_t)ranges,
		.nr_ranges = (uint32_t)nr,
	};
	int fd = device.fd;
	int saved = errno;

	/* EINVAL speaks of one range; anything else, of all */
	*refused = fd < 0 || !is_device(fd) ||
		   (ioctl(fd, SPANHEAP_IOC_RELEASE, &args) && errno != EINVAL);
	errno = saved;
	*bytes = args.bytes;
	return args.nr_done;
}

static void device_publish(void)
{
	struct spanheap_header *header = device.header;

	if (!header)
		return;
	for (int i = 0; i < SPANHEAP_NR_INTENTS; i++)
		header->owner_totals[i] = intent_totals[i] << BASE_PAGE_SHIFT;
}

/* Any descriptor does, so that a program without a heap can give orders. */
int device_order(pid_t pid, uint64_t bytes, struct spanheap_reclaimed *result)
{
	struct spanheap_order order = {
		.size = sizeof(order), .pid = pid, .bytes = bytes,
	};
	int fd = sys_open(SPANHEAP_DEVICE, O_RDWR);
	int ret = 0;

	if (fd < 0)
		return -EOPNOTSUPP;
	if (ioctl(fd, SPANHEAP_IOC_ORDER, &order))
		ret = errno == ENOTTY ? -EOPNOTSUPP : -errno;
	sys_close(fd);
	result->taken = order.taken;
	result->asked = order.asked;
	return ret;
}

static int device_ledger(pid_t pid, struct spanheap_report *report)
{
	bool self = !pid || pid == getpid();
	int ret = device_ledger_read(self ? own_fd() : -1, pid, report);

	/* What the module may not show, or shows no more, /proc perhaps does. */
	return ret && ret != -ESRCH ? procfs_ledger(pid, report) : ret;
}

const struct backend device_backend = {
	.name = "device",
	.attach = device_attach,
	.commit = procfs_commit,
	.headroom = headroom_bytes,
	.ledger = device_ledger,
	.features = device_features,
	.listen = device_listen,
	.wait = device_wait,
	.release = device_release,
	.publish = device_publish,
};
