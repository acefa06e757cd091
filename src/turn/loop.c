/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "turn/loop.h"

#include "turn/bell.h"

void loop_init(struct loop *loop, struct ring *ring)
{
	loop->ring = ring;
	list_init(&loop->active);
	deadlines_init(&loop->deadlines);
	list_init(&loop->links.dead);
	list_init(&loop->siblings.telling);
	list_init(&loop->siblings.refusals);
	list_init(&loop->siblings.asks);
	timer_queue_init(&loop->dialing.timers, LOOP_DIALING_MS);
	timer_queue_init(&loop->greeting, LOOP_GREETING_MS);
	timer_queue_init(&loop->parting, LOOP_PARTING_MS);
	timer_queue_init(&loop->departing, LOOP_DEPARTING_MS);
	timer_queue_init(&loop->doubting, LOOP_DOUBTING_MS);
	timer_queue_init(&loop->pauses.timers, LOOP_RESUMING_MS);
}

void loop_descriptors_closed(void *loop)
{
	struct loop *l = loop;

	loop_descriptor_freed(l);
	bell_ring(l->bell);
}
