/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Deadlines of one fixed duration. Arming, disarming and finding the next one
 * are O(1), as the timer that is armed last is due last and the queue is sorted
 * by construction. There is one queue for each kind of deadline.
 *
 * Several queues share a time before which no timer of theirs is due, so that
 * nobody has to look at the queues until then. Arming a timer may make that time
 * earlier. Disarming leaves it as it is; it is made later only after a look at all
 * the queues.
 */
#ifndef URING_VSOCK_BASE_TIMER_H
#define URING_VSOCK_BASE_TIMER_H

#include <stdint.h>

#include "base/list.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
	struct list node;
	uint64_t due_ms; /* on the clock of base/clock.h */
};

struct timer_queue {
	struct list armed;
	uint64_t *soonest_ms; /* of all queues that share it */
	uint32_t duration_ms;
};

/* *SOONEST_MS is TIMER_NEVER before a timer is armed, and stays where it is as
 * long as the queue. */
static inline void timer_queue_init(struct timer_queue *q, uint32_t duration_ms,
				    uint64_t *soonest_ms)
{
	list_init(&q->armed);
	q->soonest_ms = soonest_ms;
	q->duration_ms = duration_ms;
}

static inline void timer_init(struct timer *t)
{
	list_init(&t->node);
}

static inline bool timer_armed(const struct timer *t)
{
	return !list_empty(&t->node);
}

static inline void timer_disarm(struct timer *t)
{
	list_remove(&t->node);
}

/* Due after the queue's duration from now; armed anew if it already is. */
static inline void timer_arm(struct timer_queue *q, struct timer *t,
			     uint64_t now_ms)
{
	timer_disarm(t);
	t->due_ms = now_ms + q->duration_ms;
	if (t->due_ms < *q->soonest_ms)
		*q->soonest_ms = t->due_ms;
	list_append(&q->armed, &t->node);
}

static inline uint64_t timer_next(const struct timer_queue *q)
{
	if (list_empty(&q->armed))
		return TIMER_NEVER;
	return list_first(&q->armed, struct timer, node)->due_ms;
}

/* Disarms and returns one timer that is due, or NULL. */
static inline struct timer *timer_take_due(struct timer_queue *q,
					   uint64_t now_ms)
{
	struct timer *t;

	if (timer_next(q) > now_ms)
		return NULL;
	t = list_first(&q->armed, struct timer, node);
	timer_disarm(t);
	return t;
}

#endif
