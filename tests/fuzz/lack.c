/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/lack.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);

static unsigned left; /* allocations until one is refused; 0: never */
static bool refused;

void lack_begins(uint8_t choice)
{
	left = choice >= 0xc0 ? 1 + choice % 4 : 0;
	refused = false;
}

bool lack_ends(void)
{
	left = 0;
	return refused;
}

static bool refuses(void)
{
	if (!left || --left)
		return false;
	refused = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuses() ? NULL : __real_calloc(n, size);
}

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	return refuses() ? MAP_FAILED
			 : __real_mmap(at, size, prot, flags, fd, offset);
}
