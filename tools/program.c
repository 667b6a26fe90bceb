// SPDX-License-Identifier: MIT
/*
 * Looks at the file of a program: whether the loader will heed LD_PRELOAD. Called
 * by run. A script is taken as it is: its interpreter is nearly always dynamic.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "program.h"

/* As execvp(3) looks for it. */
static int open_program(const char *name)
{
	const char *path = getenv("PATH"), *next;
	char file[PATH_MAX];

	if (strchr(name, '/'))
		return open(name, O_RDONLY | O_CLOEXEC);
	for (; path; path = *next ? next + 1 : NULL) {
		next = path + strcspn(path, ":");
		if (snprintf(file, sizeof(file), "%.*s/%s", (int)(next - path), path, name) <
		    (int)sizeof(file) && !access(file, X_OK))
			return open(file, O_RDONLY | O_CLOEXEC);
	}
	return -1;
}

static const char *what_it_gains(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_gid != getegid()))
		return "set-user-ID or set-group-ID";
	if (geteuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return "given capabilities by its file";
	return NULL;
}

static const char *what_it_is(int fd)
{
	Elf64_Ehdr header;
	Elf64_Phdr part;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG))
		return NULL;
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return "no 64-bit program";
	for (int i = 0; i < header.e_phnum; i++) {
		off_t at = (off_t)(header.e_phoff + (size_t)i * header.e_phentsize);

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			return NULL;
		if (part.p_type == PT_INTERP)
			return NULL;
	}
	return "statically linked";
}

const char *program_ignores_preload(const char *name)
{
	int fd = open_program(name);
	const char *what;

	if (fd < 0)
		return NULL;
	what = what_it_gains(fd);
	if (!what)
		what = what_it_is(fd);
	close(fd);
	return what;
}
