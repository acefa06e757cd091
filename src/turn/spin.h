/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whether to spin or to sleep. A hop between cores takes about three times as
 * long if the receiver sleeps as if it spins. But spinning is worth it only if
 * the next event is near, which is guessed from the smoothed gap between events.
 */
#ifndef URING_VSOCK_TURN_SPIN_H
#define URING_VSOCK_TURN_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct spin {
	uint32_t limit_ns; /* the longest spin; a longer gap means none */
	uint32_t gap_ns;   /* smoothed */
	uint64_t last_ns;  /* of the last event */
};

/* Spins for up to LIMIT_US; 0: never. */
static inline void spin_init(struct spin *spin, unsigned limit_us)
{
	*spin = (struct spin){ .limit_ns = limit_us * 1000 };
}

/* An event came at NOW. */
static inline void spin_event(struct spin *spin, uint64_t now_ns)
{
	uint64_t gap = now_ns - spin->last_ns;

	/* One long gap counts, but must not dominate for long. */
	if (gap > 8ull * spin->limit_ns)
		gap = 8ull * spin->limit_ns;
	spin->gap_ns += (uint32_t)gap / 8 - spin->gap_ns / 8;
	spin->last_ns = now_ns;
}

/* With nothing to do at NOW: is the next event likely to be near? */
static inline bool spin_worthwhile(const struct spin *spin, uint64_t now_ns)
{
	return spin->gap_ns < spin->limit_ns &&
	       now_ns - spin->last_ns < spin->limit_ns;
}

#endif
