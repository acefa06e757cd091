/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What everything in this folder stands on: one way to give up, and the time
 * after which something is taken to hang. Deadlines here only detect hangs;
 * they are never a measure of speed.
 *
 * This library is an oracle: it is written from the specifications and from
 * Linux's behaviour, and shares no code with the daemon but the small headers
 * of src/base.
 */
#ifndef URING_VSOCK_FRONTEND_BASICS_H
#define URING_VSOCK_FRONTEND_BASICS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"

#ifndef HANG_MS
#define HANG_MS 20000
#endif

/*
 * Reports and does not return. The program that links this library defines it:
 * a test ends by ck_abort_msg(), a bench by exit().
 */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory; a failure ends the program. */
void *need_zeroed(size_t count, size_t size);

/* Fails with WHAT and errno if CONDITION does not hold. It is inline so that
 * static analysis knows that CONDITION holds afterwards. */
static inline void need(bool condition, const char *what)
{
	if (!condition)
		die("%s: %s", what, strerror(errno));
}

#endif
