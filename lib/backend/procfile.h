/* SPDX-License-Identifier: MIT */
/*
 * Text files of /proc and cgroupfs, read line by line into a buffer of the
 * caller's stack: no malloc, no stdio, no cancellation point.
 */
#ifndef SPANHEAP_LIB_BACKEND_PROCFILE_H
#define SPANHEAP_LIB_BACKEND_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line that is longer than this is cut; none of those we look for is. */
#define PROCFILE_BUFFER		4096

struct procfile {
	int fd;
	int error;	/* -errno of a failed read */
	size_t start;	/* the unread part of buf */
	size_t end;
	char buf[PROCFILE_BUFFER];
};

/** procfile_open() - 0 or -errno */
int procfile_open(struct procfile *f, const char *path);
void procfile_close(struct procfile *f);

/**
 * procfile_line() - the next line, without its newline
 *
 * Return: the line, valid until the next call, or NULL at the end or when a
 * read failed (then @f->error tells).
 */
char *procfile_line(struct procfile *f);

/**
 * procfile_value() - the number of a line "key   number ..."
 * @key: with its colon, where the file has one
 *
 * Return: whether @line is such a line.
 */
bool procfile_value(const char *line, const char *key, uint64_t *value);

/**
 * procfile_number() - read a file that holds one number
 *
 * Return: whether it does; the word "max", as in cgroup files, is UINT64_MAX.
 */
bool procfile_number(const char *path, uint64_t *value);

#endif /* SPANHEAP_LIB_BACKEND_PROCFILE_H */
