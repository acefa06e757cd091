/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How much a turn moves. Long turns are what greedy connections are fastest
 * with, and what a light one waits for, at both ends of its round trip. So
 * while a light one is active beside greedy ones, turns are short, and every
 * other one is for the light ones alone.
 *
 * Of a service: one guest's light connection waits for another's turn too.
 */
#ifndef URING_VSOCK_PACE_H
#define URING_VSOCK_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Bytes that greedy connections move in a short turn, each way. A turn that
 * moves more than that crowds the light ones. */
#define PACE_SHORT (64u << 10)

/* Turns stay short for so long after the last light packet. */
#define PACE_LINGER_MS 20

struct pace {
	bool hasten;	   /* turns are short */
	bool light_only;   /* this one is for light connections */
	uint32_t left_out; /* bytes that may still be taken from guests */
	uint32_t left_in;  /* and offered to guests */
	uint32_t moved;	   /* bytes, in this turn */
	uint64_t now_ms;
	uint64_t light_ms;   /* when a light connection was active */
	uint64_t crowded_ms; /* when a turn moved much */
};

/* A turn begins at NOW. */
static inline void pace_begin(struct pace *p, uint64_t now_ms)
{
	if (p->moved >= PACE_SHORT)
		p->crowded_ms = p->now_ms;
	p->now_ms = now_ms;
	p->moved = 0;
	p->hasten = now_ms - p->light_ms < PACE_LINGER_MS &&
		    now_ms - p->crowded_ms < PACE_LINGER_MS;
	p->light_only = p->hasten && !p->light_only;
	p->left_out = p->hasten ? PACE_SHORT : UINT32_MAX;
	p->left_in = p->left_out;
}

/* A light connection has sent or received something. */
static inline void pace_light(struct pace *p)
{
	p->light_ms = p->now_ms;
}

/* BYTES of any connection came from a guest, */
static inline void pace_out(struct pace *p, uint32_t bytes)
{
	p->moved += bytes;
	p->left_out -= min_u32(p->left_out, bytes);
}

/* or reached one, */
static inline void pace_in(struct pace *p, uint32_t bytes)
{
	p->moved += bytes;
}

/* or were offered room in one. */
static inline void pace_offer(struct pace *p, uint32_t bytes)
{
	p->left_in -= min_u32(p->left_in, bytes);
}

#endif
