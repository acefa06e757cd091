/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For --enable-msan: what Check allocates counts as written, as libraries.c
 * says of others. These are Check's own functions, by the linker's --wrap.
 */
#include <sanitizer/msan_interface.h>
#include <stddef.h>
#include <stdlib.h>

void *__wrap_emalloc(size_t n);
void *__wrap_erealloc(void *old, size_t n);

static void *written(void *at, size_t n)
{
	if (!at)
		abort();
	__msan_unpoison(at, n);
	return at;
}

void *__wrap_emalloc(size_t n)
{
	return written(malloc(n), n);
}

void *__wrap_erealloc(void *old, size_t n)
{
	return written(realloc(old, n), n);
}
