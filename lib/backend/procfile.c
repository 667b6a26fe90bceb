// SPDX-License-Identifier: MIT
/*
 * Reading small text files of the kernel. Called by headroom.c and smaps.c;
 * takes no lock.
 */
#include <errno.h>
#include <string.h>

#include "../sys.h"
#include "procfile.h"

int procfile_open(struct procfile *f, const char *path)
{
	f->error = 0;
	f->start = 0;
	f->end = 0;
	f->fd = sys_open(path, O_RDONLY);
	return f->fd < 0 ? -errno : 0;
}

void procfile_close(struct procfile *f)
{
	sys_close(f->fd);
}

/* Move the unread part to the front and read more. 0 at the end of the file. */
static size_t fill(struct procfile *f)
{
	ssize_t n;

	memmove(f->buf, f->buf + f->start, f->end - f->start);
	f->end -= f->start;
	f->start = 0;
	do {
		n = sys_read(f->fd, f->buf + f->end, sizeof(f->buf) - 1 - f->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		f->error = -errno;
		return 0;
	}
	f->end += (size_t)n;
	return (size_t)n;
}

char *procfile_line(struct procfile *f)
{
	for (;;) {
		char *line = f->buf + f->start;
		size_t len = f->end - f->start;
		char *nl = memchr(line, '\n', len);

		if (nl) {
			*nl = '\0';
			f->start += (size_t)(nl - line) + 1;
			return line;
		}
		if (len < sizeof(f->buf) - 1 && fill(f))
			continue;
		if (f->start == f->end || f->error)
			return NULL;
		/* The last line without a newline, or a piece of a long one. */
		line = f->buf + f->start;
		f->buf[f->end] = '\0';
		f->start = f->end;
		return line;
	}
}

static bool parse(const char *s, uint64_t *value)
{
	const char *first;
	uint64_t n = 0;

	while (*s == ' ' || *s == '\t')
		s++;
	for (first = s; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	*value = n;
	return s != first;
}

bool procfile_value(const char *line, const char *key, uint64_t *value)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) || (line[len] != ' ' && line[len] != '\t'))
		return false;
	return parse(line + len, value);
}

bool procfile_number(const char *path, uint64_t *value)
{
	struct procfile f;
	const char *line;
	bool ok = false;

	if (procfile_open(&f, path))
		return false;
	line = procfile_line(&f);
	if (line && !strcmp(line, "max")) {
		*value = UINT64_MAX;
		ok = true;
	} else if (line) {
		ok = parse(line, value);
	}
	procfile_close(&f);
	return ok;
}
