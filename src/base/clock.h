/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Time for deadlines: milliseconds of the monotonic clock. Starts at an
 * arbitrary point, never jumps, never 0.
 */
#ifndef URING_VSOCK_BASE_CLOCK_H
#define URING_VSOCK_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The millisecond of a time that clock_ns() has told. */
static inline uint64_t clock_ms_of(uint64_t ns)
{
	return ns / 1000000u + 1;
}

static inline uint64_t clock_ms(void)
{
	return clock_ms_of(clock_ns());
}

#endif
