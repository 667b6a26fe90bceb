// SPDX-License-Identifier: MIT
/*
 * Messages of the library. Called from anywhere; takes no lock, so that two
 * lines of two threads stay whole only as far as writev(2) keeps them whole.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "message.h"
#include "sys.h"

#define MAX_PARTS	12

void message(const char *first, ...)
{
	struct iovec iov[MAX_PARTS + 2];
	const char *part = first;
	int saved = errno;
	int nr = 0;
	va_list ap;

	iov[nr++] = (struct iovec){ (char *)"spanheap: ", 10 };
	va_start(ap, first);
	while (part && nr <= MAX_PARTS) {
		iov[nr++] = (struct iovec){ (char *)part, strlen(part) };
		part = va_arg(ap, const char *);
	}
	va_end(ap);
	iov[nr++] = (struct iovec){ (char *)"\n", 1 };
	sys_writev(2, iov, nr);
	errno = saved;
}
