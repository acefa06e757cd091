/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The deadlines of many connections, of any number of guests. Each kind has
 * one duration, so that arming, disarming and finding the next are O(1) however
 * many connections there are (base/timer.h).
 */
#ifndef URING_VSOCK_VSOCK_DEADLINES_H
#define URING_VSOCK_VSOCK_DEADLINES_H

#include <stdint.h>

#include "base/timer.h"
#include "vsock/conn.h"

struct deadlines {
	struct timer_queue connecting; /* CONN_CONNECT_MS, _RESPONSE_MS */
	struct timer_queue closing;    /* CONN_CLOSE_MS */
	struct timer_queue crossed;    /* CONN_CROSSED_MS */
	struct timer_queue probing[CONN_PROBE_STEPS];
};

/* SOONEST_MS is that of base/timer.h. */
void deadlines_init(struct deadlines *deadlines, uint64_t *soonest_ms);

/* Arms the deadline of the connection's state, or disarms it if it has none.
 * Call after anything that may have changed the state. */
void deadlines_follow(struct deadlines *deadlines, struct conn *conn,
		      uint64_t now_ms);

/* One connection whose deadline has passed (and is disarmed), or NULL. */
struct conn *deadlines_take_due(struct deadlines *deadlines, uint64_t now_ms);

/* When the earliest deadline is, or TIMER_NEVER. */
uint64_t deadlines_next(const struct deadlines *deadlines);

#endif
