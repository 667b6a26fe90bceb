// SPDX-License-Identifier: MIT
#include <stdint.h>
#include <stdlib.h>

#include "die.h"
#include "message.h"

void die(const char *what, const void *ptr)
{
	char hex[2 + 2 * sizeof(ptr) + 1];
	char *at = hex + sizeof(hex) - 1;
	uintptr_t value = (uintptr_t)ptr;

	*at = '\0';
	do {
		*--at = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	*--at = 'x';
	*--at = '0';
	message(what, ": ", at, NULL);
	abort();
}
