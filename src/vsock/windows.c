/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A period is an amount of bytes, not of time: it ends when the guest's
 * connections have moved WINDOWS_PERIOD bytes. A connection that sent
 * WINDOWS_GREEDY of them is greedy for the rest of the period and for the next
 * one, so that a new period gives no connection a second start. The total is
 * shared by the number of greedy connections of this period or the one before,
 * whichever is larger.
 *
 * No connection is visited when a period begins. Each carries the number of the
 * period that it sent in last, and is brought up to date by its next packet.
 * The number has 16 bits: a connection that comes back after exactly 2^16
 * periods is taken for one that never paused, which only gives it a smaller
 * window.
 */
#include "vsock/windows.h"

#include <stdbool.h>

#include "base/bytes.h"

/* What fits window_use.bytes; WINDOWS_GREEDY does. */
#define BYTES_MASK 0x7fffu

uint32_t windows_count(struct windows *w, struct window_use *use, uint32_t len)
{
	uint32_t sharers, left;

	if (w->bytes >= WINDOWS_PERIOD) {
		w->period++;
		w->bytes = 0;
		w->before = w->greedy;
		w->greedy = 0;
	}
	if (use->period != w->period) {
		bool before = use->bytes == WINDOWS_GREEDY &&
			      (uint16_t)(use->period + 1) == w->period;

		*use = (struct window_use){ .period = w->period,
					    .before = before };
	}
	left = WINDOWS_GREEDY - use->bytes;
	if (left && len >= left)
		w->greedy++;
	use->bytes = (use->bytes + min_u32(len, left)) & BYTES_MASK;
	w->bytes += len;
	sharers = max_u32(w->greedy, w->before);
	if (sharers < 2 || (use->bytes < WINDOWS_GREEDY && !use->before))
		return UINT32_MAX;
	return max_u32(WINDOWS_TOTAL / sharers, WINDOWS_LEAST);
}
