/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which deadline a connection is under follows from its state alone
 * (conn_due()). conn->deadline remembers which one is armed. As long as it
 * stays the same the timer is not touched, so that packets that come meanwhile
 * do not postpone it.
 *
 * Probes have a queue for each step, 20 ms and four times as long each time up
 * to a minute, since a timer_queue knows one duration only. conn->probes may
 * move while a probe is armed; the step counts when the next one is.
 */
#include "vsock/deadlines.h"

#include "base/bytes.h"
#include "base/check.h"

static_assert(CONN_CONNECT_MS == CONN_RESPONSE_MS, "they share a queue");

void deadlines_init(struct deadlines *d, uint64_t *soonest_ms)
{
	unsigned i;

	timer_queue_init(&d->connecting, CONN_CONNECT_MS, soonest_ms);
	timer_queue_init(&d->closing, CONN_CLOSE_MS, soonest_ms);
	timer_queue_init(&d->crossed, CONN_CROSSED_MS, soonest_ms);
	for (i = 0; i < CONN_PROBE_STEPS; i++)
		timer_queue_init(&d->probing[i],
				 min_u32((uint32_t)CONN_PROBE_MS << 2 * i,
					 CONN_PROBE_MAX_MS),
				 soonest_ms);
}

static struct timer_queue *queue_for(struct deadlines *d,
				     const struct conn *conn)
{
	switch ((enum conn_deadline)conn->deadline) {
	case CONN_CONNECT_DEADLINE:
	case CONN_RESPONSE_DEADLINE:
		return &d->connecting;
	case CONN_CLOSE_DEADLINE:
		return &d->closing;
	case CONN_CROSSED_DEADLINE:
		return &d->crossed;
	case CONN_PROBE_DEADLINE:
		return &d->probing[conn->probes];
	case CONN_NO_DEADLINE:
	case CONN_DEADLINES:
		break;
	}
	return NULL;
}

void deadlines_follow(struct deadlines *d, struct conn *conn, uint64_t now_ms)
{
	enum conn_deadline due = conn_due(conn);
	struct timer_queue *queue;

	if (likely(conn->deadline == due))
		return;
	conn->deadline = (uint8_t)due;
	queue = queue_for(d, conn);
	if (queue)
		timer_arm(queue, &conn->timer, now_ms);
	else
		timer_disarm(&conn->timer);
}

struct conn *deadlines_take_due(struct deadlines *d, uint64_t now_ms)
{
	struct timer *timer = timer_take_due(&d->connecting, now_ms);
	unsigned i;

	if (!timer)
		timer = timer_take_due(&d->closing, now_ms);
	if (!timer)
		timer = timer_take_due(&d->crossed, now_ms);
	for (i = 0; i < CONN_PROBE_STEPS && !timer; i++)
		timer = timer_take_due(&d->probing[i], now_ms);
	return timer ? container_of(timer, struct conn, timer) : NULL;
}

uint64_t deadlines_next(const struct deadlines *d)
{
	uint64_t next =
		min_u64(timer_next(&d->connecting), timer_next(&d->closing));
	unsigned i;

	next = min_u64(next, timer_next(&d->crossed));
	for (i = 0; i < CONN_PROBE_STEPS; i++)
		next = min_u64(next, timer_next(&d->probing[i]));
	return next;
}
