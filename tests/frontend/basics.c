/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "frontend/basics.h"

#include <stdlib.h>

void *need_zeroed(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		die("out of memory");
	return memory;
}
