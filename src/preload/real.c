/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The functions are resolved at the first call and not in the constructor: the
 * constructors of other libraries may run before ours, and open or close
 * descriptors. The pointers are copied as bytes, since ISO C has no conversion
 * from a pointer to an object into one to a function.
 */
#include "preload/real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"

#define SYMBOL(name)                                \
	{                                           \
#name, offsetof(struct real, name), \
	}

static const struct {
	const char *name;
	size_t slot;
} symbols[] = {
	SYMBOL(socket),		SYMBOL(bind),	      SYMBOL(listen),
	SYMBOL(connect),	SYMBOL(accept4),      SYMBOL(getsockname),
	SYMBOL(getpeername),	SYMBOL(getsockopt),   SYMBOL(setsockopt),
	SYMBOL(shutdown),	SYMBOL(sendto),	      SYMBOL(sendmsg),
	SYMBOL(recvfrom),	SYMBOL(recvmsg),      SYMBOL(dup),
	SYMBOL(dup2),		SYMBOL(dup3),	      SYMBOL(fcntl),
	SYMBOL(fcntl64),	SYMBOL(close),	      SYMBOL(close_range),
	SYMBOL(closefrom),	SYMBOL(open),	      SYMBOL(open64),
	SYMBOL(openat),		SYMBOL(openat64),     SYMBOL(ioctl),
	SYMBOL(__recvfrom_chk), SYMBOL(__open_2),     SYMBOL(__open64_2),
	SYMBOL(__openat_2),	SYMBOL(__openat64_2),
};

static struct real functions;
static atomic_bool resolved;

/* Threads that come here at the same time write the same. */
static void resolve(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *found = dlsym(RTLD_NEXT, symbols[i].name);

		memcpy((char *)&functions + symbols[i].slot, &found,
		       sizeof(found));
	}
	atomic_store_explicit(&resolved, true, memory_order_release);
}

const struct real *real(void)
{
	if (!atomic_load_explicit(&resolved, memory_order_acquire))
		resolve();
	return &functions;
}
