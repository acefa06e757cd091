/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How much credit each of a guest's connections is worth.
 *
 * All that a guest sends passes through one ring in its order. What many
 * greedy connections may have under way is what a light one's packet waits
 * for, so they share a total between them; a few have all that they can use.
 * Who is greedy is counted anew in each period, which is a number of bytes.
 */
#ifndef URING_VSOCK_VSOCK_WINDOWS_H
#define URING_VSOCK_VSOCK_WINDOWS_H

#include <stdint.h>

/* Bytes that the greedy connections share, and the least that one of them gets.
 * With 32 KiB each, sixty-four together are as fast as with more; one alone has
 * a third of its speed. */
#define WINDOWS_TOTAL (2u << 20)
#define WINDOWS_LEAST (32u << 10)

/* Bytes of a period, and how many of them make the connection that sent them
 * greedy: two thousand connections can be so in one period. */
#define WINDOWS_PERIOD (32u << 20)
#define WINDOWS_GREEDY (16u << 10)

/* Of a guest. All zero at the start. */
struct windows {
	uint32_t bytes;	 /* in this period so far */
	uint32_t greedy; /* connections, in it so far */
	uint32_t before; /* in the period before */
	uint16_t period; /* its number, modulo 2^16 */
};

/* Of a connection. All zero at the start. */
struct window_use {
	uint16_t period;     /* in which it sent last */
	uint16_t bytes : 15; /* that it sent in that, up to WINDOWS_GREEDY */
	uint16_t before : 1; /* it was greedy in the one before */
};

/* The same as windows_sent(), without its shortcut. */
uint32_t windows_count(struct windows *windows, struct window_use *use,
		       uint32_t len);

/* LEN bytes came from USE's connection. Returns its window: the bytes that it
 * may have under way, UINT32_MAX for any number. */
static inline uint32_t windows_sent(struct windows *windows,
				    struct window_use *use, uint32_t len)
{
	/* A shortcut for the packets of a connection that is greedy alone. */
	if (use->bytes == WINDOWS_GREEDY && use->period == windows->period &&
	    windows->greedy < 2 && windows->before < 2 &&
	    windows->bytes < WINDOWS_PERIOD) {
		windows->bytes += len;
		return UINT32_MAX;
	}
	return windows_count(windows, use, len);
}

#endif
