/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How much a turn moves. Greedy connections are fastest with long turns, but a
 * light connection has to wait for them at both ends of its round trip. So while
 * a light one is active beside greedy ones, turns are short, and every other
 * turn is for light ones alone.
 *
 * A connection is light if it moves little: less than a 512th of all bytes that
 * are moved, or 3 MB a second. That is counted in periods, which end after so
 * many bytes or so much time, and a connection that was greedy in the last
 * period still is.
 *
 * A service has one pace for all of its guests, since one guest's light
 * connection waits for another guest's part of the turn as well. Only streams
 * with host programs are light or bounded. Messages, and what guests send each
 * other, go on as in long turns, bounded by their own credit.
 */
#ifndef URING_VSOCK_TURN_PACE_H
#define URING_VSOCK_TURN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Bytes that greedy connections may move in a short turn, each way. If they move
 * so many in any turn they crowd the light ones. */
#define PACE_SHORT (64u << 10)

/* Turns stay short for so long after a light connection's last packet. */
#define PACE_LINGER_MS 20

/* A period ends after so many bytes or milliseconds. A light connection moves
 * fewer bytes than PACE_LIGHT in it. */
#define PACE_PERIOD (32u << 20)
#define PACE_PERIOD_MS 20
#define PACE_LIGHT (64u << 10)

/* A connection's bytes are counted in units of so many; a begun one counts. */
#define PACE_UNIT 64u

struct pace {
	bool hasten;	   /* turns are short */
	bool light_only;   /* this one is for light connections */
	uint32_t left_out; /* bytes that may still be taken from guests */
	uint32_t left_in;  /* bytes that may still be offered to guests */
	uint32_t moved;	   /* bytes in this turn */
	uint32_t greedy;   /* bytes of greedy connections in this turn */
	uint64_t now_ms;
	uint64_t light_ms;   /* when a light connection was active last */
	uint64_t crowded_ms; /* when greedy ones last moved much in a turn */
	uint64_t period_ms;  /* when the period began */
	uint64_t in_period;  /* bytes in its turns before this one */
	uint16_t period;     /* its number, modulo 2^16 */
};

/* How much a connection moved lately. All zero at the start. */
struct pace_use {
	uint16_t period; /* the last one in which it moved anything */
	uint16_t units;	 /* that it moved in that period */
	uint16_t before; /* units that it moved in the period before that */
};

/* A turn begins at NOW. */
void pace_begin(struct pace *p, uint64_t now_ms);

/* USE's connection is light, as far as is known. */
static inline bool pace_is_light(const struct pace *p,
				 const struct pace_use *use)
{
	const uint16_t limit = PACE_LIGHT / PACE_UNIT;
	uint16_t age = (uint16_t)(p->period - use->period);

	return age > 1 || (use->units < limit && (age || use->before < limit));
}

static inline void pace_note(const struct pace *p, struct pace_use *use,
			     uint32_t bytes)
{
	uint16_t age = (uint16_t)(p->period - use->period);

	if (age)
		*use = (struct pace_use){
			.period = p->period,
			.before = age == 1 ? use->units : 0,
		};
	use->units = (uint16_t)min_u32(use->units + bytes / PACE_UNIT + 1,
				       UINT16_MAX);
}

/* A light connection has sent or received something. */
static inline void pace_light(struct pace *p)
{
	p->light_ms = p->now_ms;
}

static inline void pace_count(struct pace *p, struct pace_use *use,
			      uint32_t bytes)
{
	pace_note(p, use, bytes);
	p->moved += bytes;
	if (!pace_is_light(p, use))
		p->greedy += bytes;
}

/* BYTES of USE's connection came from a guest. */
static inline void pace_out(struct pace *p, struct pace_use *use,
			    uint32_t bytes)
{
	pace_count(p, use, bytes);
	p->left_out -= min_u32(p->left_out, bytes);
}

/* BYTES of USE's connection reached a guest. */
static inline void pace_in(struct pace *p, struct pace_use *use, uint32_t bytes)
{
	pace_count(p, use, bytes);
}

/* Greedy connections were offered room for BYTES in a guest. */
static inline void pace_offer(struct pace *p, uint32_t bytes)
{
	p->left_in -= min_u32(p->left_in, bytes);
}

#endif
