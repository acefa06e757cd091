/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What each of a worker's connections has of it.
 *
 *	who goes first			light connections: share_is_light()
 *	how much a turn moves		any amount, but while a light connection is
 *					active beside greedy ones turns are short,
 *					and every other turn is for light ones
 *					alone: left_out, share_in()
 *	how much may be under way	greedy ones have a part of SHARE_WINDOWS
 *					each: share_window()
 *
 * Long turns are what greedy connections are fastest with, and what a light one
 * has to wait for at both ends of its round trip. Windows are for both: the ring
 * has room for a light one's packet, and what greedy ones have under way stays
 * in the processor's caches, also while no light one is there.
 *
 * A connection is light if it moves little: less than a 256th of all bytes that
 * are moved, or 6 MB a second. That is counted in periods, which end after so
 * many bytes or so much time. What a connection moved in earlier periods counts
 * by half as much with each, so that a greedy one that pauses, or a period that
 * was short because the worker did not run, makes it light only slowly.
 *
 * A worker has one share for all of its guests, since one guest's light
 * connection waits for another guest's part of the turn as well.
 */
#ifndef URING_VSOCK_VSOCK_SHARE_H
#define URING_VSOCK_VSOCK_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"

/* Bytes that greedy connections may move in a short turn, each way. If they move
 * so many in any turn they crowd the light ones. */
#define SHARE_SHORT (64u << 10)

/* Turns stay short for so long after a light connection's last packet. */
#define SHARE_LINGER_MS 20

/* A period ends after so many bytes or milliseconds. A light connection moves
 * fewer bytes than SHARE_LIGHT in it. */
#define SHARE_PERIOD (32u << 20)
#define SHARE_PERIOD_MS 20
#define SHARE_LIGHT (128u << 10)

/* A connection's bytes are counted in units of so many; a begun one counts. More
 * than SHARE_UNITS_MAX are not counted. */
#define SHARE_UNIT 64u
#define SHARE_UNITS_LIGHT (SHARE_LIGHT / SHARE_UNIT)
#define SHARE_UNITS_MAX (4 * SHARE_UNITS_LIGHT)

/* Bytes that the greedy connections share, and the least that one of them may
 * have under way. With 32 KiB each, sixty-four together are faster than with
 * more; one alone has a third of its speed. */
#define SHARE_WINDOWS (2u << 20)
#define SHARE_WINDOW_LEAST (32u << 10)

/* Of a worker. All zero at the start. */
struct share {
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
	uint32_t sharers;    /* connections that were greedy in the period */
	uint32_t before;     /* and in the period before */
	uint16_t period;     /* its number, modulo 2^16 */
};

/* How much a connection moved lately. All zero at the start. A connection that
 * comes back after exactly 2^16 periods is taken for one that never paused. */
struct share_use {
	uint16_t period; /* the last one in which it moved anything */
	uint16_t units;	 /* that it moved in that period */
	uint16_t before; /* that count of what it moved before */
};

/* A turn begins at NOW. */
void share_begin(struct share *share, uint64_t now_ms);

/* USE's connection has moved nothing in this period so far: brings it up to
 * date. */
void share_renew(const struct share *share, struct share_use *use);

/* USE's connection is light, as far as is known. */
static inline bool share_is_light(const struct share *share,
				  const struct share_use *use)
{
	struct share_use now = *use;

	if (now.period != share->period)
		share_renew(share, &now);
	return max_u32(now.units, now.before) < SHARE_UNITS_LIGHT;
}

/* USE's connection moved BYTES: they came from its guest, or reached it. */
static inline void share_count(struct share *share, struct share_use *use,
			       uint32_t bytes)
{
	uint32_t units = bytes / SHARE_UNIT + !!(bytes % SHARE_UNIT);

	if (unlikely(use->period != share->period))
		share_renew(share, use);
	units = min_u32(use->units + units, SHARE_UNITS_MAX);
	share->sharers += use->units < SHARE_UNITS_LIGHT &&
			  units >= SHARE_UNITS_LIGHT;
	use->units = (uint16_t)units;
	share->moved += bytes;
	if (max_u32(units, use->before) >= SHARE_UNITS_LIGHT)
		share->greedy += bytes;
	else
		share->light_ms = share->now_ms;
}

/* How many bytes USE's connection may have under way; UINT32_MAX: any number. */
static inline uint32_t share_window(const struct share *share,
				    const struct share_use *use)
{
	uint32_t sharers = max_u32(share->sharers, share->before);

	if (sharers < 2 || share_is_light(share, use))
		return UINT32_MAX;
	return max_u32(SHARE_WINDOWS / sharers, SHARE_WINDOW_LEAST);
}

/* BYTES of USE's connection came from its guest. */
static inline void share_out(struct share *share, struct share_use *use,
			     uint32_t bytes)
{
	share_count(share, use, bytes);
	share->left_out -= min_u32(share->left_out, bytes);
}

/* How many bytes of USE's connection its guest may still be offered in this
 * turn; UINT32_MAX: any number. */
static inline uint32_t share_in(const struct share *share,
				const struct share_use *use)
{
	if (likely(!share->hasten) || share_is_light(share, use))
		return UINT32_MAX;
	return share->left_in;
}

/* A guest was offered BYTES of USE's connection. */
static inline void share_offer(struct share *share, const struct share_use *use,
			       uint32_t bytes)
{
	if (unlikely(share->hasten) && !share_is_light(share, use))
		share->left_in -= min_u32(share->left_in, bytes);
}

/* BYTES of USE's connection reached its guest that had not been offered before. */
static inline void share_gave(struct share *share, struct share_use *use,
			      uint32_t bytes)
{
	share_count(share, use, bytes);
	share_offer(share, use, bytes);
}

#endif
