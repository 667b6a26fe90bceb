/* SPDX-License-Identifier: MIT */
/*
 * The system calls that libc would make cancellation points. malloc() is none,
 * so nothing that it reaches may be: a thread cancelled in the middle of an
 * allocation would leave the heap half-changed.
 */
#ifndef SPANHEAP_LIB_SYS_H
#define SPANHEAP_LIB_SYS_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static inline int sys_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

static inline int sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static inline ssize_t sys_read(int fd, void *buf, size_t len)
{
	return syscall(SYS_read, fd, buf, len);
}

static inline ssize_t sys_writev(int fd, const struct iovec *iov, int nr)
{
	return syscall(SYS_writev, fd, iov, nr);
}

static inline int sys_sleep(const struct timespec *duration)
{
	return (int)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, duration, NULL);
}

#endif /* SPANHEAP_LIB_SYS_H */
