/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whether a look around is worth more than a sleep. A blocking hop between
 * cores costs about three times what a spinning one does, but only if the
 * next event is near: that is guessed from the smoothed gap between events.
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

/* LIMIT_US 0: never. */
static inline void spin_init(struct spin *spin, unsigned limit_us)
{
	*spin = (struct spin){ .limit_ns = limit_us * 1000 };
}

/* Something happened at NOW. */
static inline void spin_event(struct spin *spin, uint64_t now_ns)
{
	uint64_t gap = now_ns - spin->last_ns;

	/* One long pause must not be forgotten at once, nor dominate. */
	if (gap > 8ull * spin->limit_ns)
		gap = 8ull * spin->limit_ns;
	spin->gap_ns += (uint32_t)gap / 8 - spin->gap_ns / 8;
	spin->last_ns = now_ns;
}

/* At NOW, with nothing to do: is the next event likely to be near? */
static inline bool spin_worthwhile(const struct spin *spin, uint64_t now_ns)
{
	return spin->gap_ns < spin->limit_ns &&
	       now_ns - spin->last_ns < spin->limit_ns;
}

#endif
