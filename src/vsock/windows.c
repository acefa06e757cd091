/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vsock/windows.h"

#include <stdbool.h>

#include "base/bytes.h"

/* What fits window_use.bytes; WINDOWS_GREEDY does. */
#define BYTES_MASK 0x7fffu

static void begin_period(struct windows *w)
{
	w->period++;
	w->bytes = 0;
	w->before = w->greedy;
	w->greedy = 0;
}

static void enter_period(struct window_use *use, const struct windows *w)
{
	bool before = use->bytes == WINDOWS_GREEDY &&
		      (uint16_t)(use->period + 1) == w->period;

	*use = (struct window_use){ .period = w->period, .before = before };
}

uint32_t windows_count(struct windows *w, struct window_use *use, uint32_t len)
{
	uint32_t sharers, left;

	if (w->bytes >= WINDOWS_PERIOD)
		begin_period(w);
	if (use->period != w->period)
		enter_period(use, w);
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
