/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whether to spin or to sleep while there is nothing to do. On a machine with
 * idle cores an answer comes twice as soon to a thread that spins. Two things
 * decide:
 *
 * - Spinning is worth it only if the next event is near, which is guessed from
 *   the smoothed gap between events.
 * - Where cores are taken, or where it takes long to wake another core, a thread
 *   that spins is in the way of the programs that it waits for. That differs from
 *   machine to machine and from minute to minute, so it is tried: for one period
 *   the thread sleeps instead of spinning, or the other way around. If it moves
 *   more in that period than in those before and after, it goes on in that way.
 *   Trials become rare while they change nothing.
 */
#ifndef URING_VSOCK_TURN_SPIN_H
#define URING_VSOCK_TURN_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SPIN_PERIOD_NS 8000000ull

/* The number of periods between two trials. */
#define SPIN_REST_LEAST 4u
#define SPIN_REST_MOST 64u

/* A trial wins if so many eighths of its rate are more than the rates before and
 * after it: a smaller difference may be chance. */
#define SPIN_WIN 7u

/* A period with fewer chances to spin says nothing. */
#define SPIN_CHANCES 16u

enum spin_phase {
	SPIN_REST,
	SPIN_BEFORE, /* the usual way, measured */
	SPIN_TRIAL,  /* the other way */
	SPIN_AFTER   /* the usual way again, measured */
};

struct spin {
	uint32_t limit_ns; /* the longest spin; a longer gap means none */
	uint32_t gap_ns;   /* smoothed */
	uint64_t last_ns;  /* of the last event */

	bool sleeps; /* the usual way is to sleep */
	enum spin_phase phase;
	uint32_t rest;	   /* periods from one trial to the next */
	uint32_t rested;   /* those that have passed */
	uint64_t begun_ns; /* when this period began */
	uint32_t moved;	   /* in this period */
	uint32_t chances;  /* to spin, in this period */
	uint64_t usual; /* transfers a second in the better one of the periods
			    * before and after the trial */
	uint64_t tried; /* transfers a second in the trial */
};

/* Spins for up to LIMIT_US; 0: never. */
void spin_init(struct spin *spin, unsigned limit_us);

/* An event came at NOW. */
void spin_event(struct spin *spin, uint64_t now_ns);

/* A turn did N transfers. */
static inline void spin_moved(struct spin *spin, uint32_t n)
{
	spin->moved += n;
}

/* The next event may be near. False: spin_chance() need not be asked. */
static inline bool spin_likely(const struct spin *spin)
{
	return spin->gap_ns < spin->limit_ns;
}

/* There is nothing to do at NOW. True: the thread is to spin, as the next event
 * is likely to be near and spinning seems the faster way. */
bool spin_chance(struct spin *spin, uint64_t now_ns);

#endif
