/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "frontend/basics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *need_zeroed(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		die("out of memory");
	return memory;
}

void need(bool condition, const char *what)
{
	if (!condition)
		die("%s: %s", what, strerror(errno));
}
