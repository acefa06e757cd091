/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How much a turn moves. Long turns are what greedy connections are fastest
 * with, and what a light one waits for, at both ends of its round trip. So
 * while a light one is active beside greedy ones, turns are short, and every
 * other one is for the light ones alone.
 *
 * Light is who moves little of what is moved altogether: less than a 512th of
 * it, or 3 MB a second. That is counted in periods, of this many bytes or so
 * long, and who was greedy in the last one still is.
 *
 * Of a service: one guest's light connection waits for another's turn too. Both
 * light and bounded are streams with host programs; messages, and what guests
 * send each other, go on as in long turns, bounded by their own credit.
 */
#ifndef URING_VSOCK_TURN_PACE_H
#define URING_VSOCK_TURN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Bytes that greedy connections move in a short turn, each way. If they move
 * more than that in a turn they crowd the light ones. */
#define PACE_SHORT (64u << 10)

/* Turns stay short for so long after the last light packet. */
#define PACE_LINGER_MS 20

/* A period, and what a light connection moves in it. */
#define PACE_PERIOD (32u << 20)
#define PACE_PERIOD_MS 20
#define PACE_LIGHT (64u << 10)

/* Connections' bytes are counted in units of so many, begun ones too. */
#define PACE_UNIT 64u

struct pace {
	bool hasten;	   /* turns are short */
	bool light_only;   /* this one is for light connections */
	uint32_t left_out; /* bytes that may still be taken from guests */
	uint32_t left_in;  /* and offered to guests */
	uint32_t moved;	   /* bytes, in this turn */
	uint32_t greedy;   /* of them, those of greedy connections */
	uint64_t now_ms;
	uint64_t light_ms;   /* when a light connection was active */
	uint64_t crowded_ms; /* when greedy ones moved much in a turn */
	uint64_t period_ms;  /* when the period began */
	uint64_t in_period;  /* bytes, in the turns of it before this one */
	uint16_t period;     /* its number, modulo 2^16 */
};

/* Of a connection: units that it moved, and when. All zero at the start. */
struct pace_use {
	uint16_t period; /* when it moved some last */
	uint16_t units;	 /* that it moved in that */
	uint16_t before; /* in the one before */
};

/* A turn begins at NOW. */
static inline void pace_begin(struct pace *p, uint64_t now_ms)
{
	if (p->greedy >= PACE_SHORT)
		p->crowded_ms = p->now_ms;
	p->in_period += p->moved;
	p->now_ms = now_ms;
	p->moved = 0;
	p->greedy = 0;
	if (p->in_period >= PACE_PERIOD ||
	    now_ms - p->period_ms >= PACE_PERIOD_MS) {
		p->period++;
		p->period_ms = now_ms;
		p->in_period = 0;
	}
	p->hasten = now_ms - p->light_ms < PACE_LINGER_MS &&
		    now_ms - p->crowded_ms < PACE_LINGER_MS;
	p->light_only = p->hasten && !p->light_only;
	p->left_out = p->hasten ? PACE_SHORT : UINT32_MAX;
	p->left_in = p->left_out;
}

/* USE's connection moves little, as far as is known. */
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

/* BYTES of USE's connection came from a guest, */
static inline void pace_out(struct pace *p, struct pace_use *use,
			    uint32_t bytes)
{
	pace_count(p, use, bytes);
	p->left_out -= min_u32(p->left_out, bytes);
}

/* or reached one, */
static inline void pace_in(struct pace *p, struct pace_use *use, uint32_t bytes)
{
	pace_count(p, use, bytes);
}

/* or were offered room in one. */
static inline void pace_offer(struct pace *p, uint32_t bytes)
{
	p->left_in -= min_u32(p->left_in, bytes);
}

#endif
