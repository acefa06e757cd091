/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "turn/loop.h"

#include "turn/bell.h"

void loop_init(struct loop *loop, struct ring *ring)
{
	loop->ring = ring;
	list_init(&loop->active);
	loop->soonest_ms = TIMER_NEVER;
	deadlines_init(&loop->deadlines, &loop->soonest_ms);
	list_init(&loop->links.dead);
	list_init(&loop->siblings.telling);
	list_init(&loop->siblings.refusals);
	list_init(&loop->siblings.asks);
	timer_queue_init(&loop->dialing.timers, LOOP_DIALING_MS,
			 &loop->soonest_ms);
	timer_queue_init(&loop->greeting, LOOP_GREETING_MS, &loop->soonest_ms);
	timer_queue_init(&loop->parting, LOOP_PARTING_MS, &loop->soonest_ms);
	timer_queue_init(&loop->departing, LOOP_DEPARTING_MS,
			 &loop->soonest_ms);
	timer_queue_init(&loop->doubting, LOOP_DOUBTING_MS, &loop->soonest_ms);
	timer_queue_init(&loop->pauses.timers, LOOP_RESUMING_MS,
			 &loop->soonest_ms);
}

void loop_descriptors_closed(void *loop)
{
	struct loop *l = loop;

	loop_descriptor_freed(l);
	bell_ring(l->bell);
}
