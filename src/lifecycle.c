/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest that ends and a daemon that ends differ in what the host programs
 * get: bytes that the guest was told have arrived still go to them in the first
 * case (link_guest_gone()), and are dropped in the second (link_kill()).
 *
 * That a queue is broken, and that the front end was told, is the queue's own
 * state from one start to the next. The guest has none of it: each queue that
 * breaks ends the connections that there are then. Without one of the data
 * rings they cannot go on, and memory that vanished takes them all.
 */
#include "lifecycle.h"

#include "base/check.h"
#include "guest.h"
#include "link.h"

static const char *const queue_names[] = {
	[GUEST_RX] = "RX",
	[GUEST_TX] = "TX",
	[GUEST_EVENT] = "event",
};
static_assert(ARRAY_SIZE(queue_names) == GUEST_QUEUES, "a name for each");

void lifecycle_settle(struct guest *guest)
{
	unsigned i;

	for (i = 0; i < GUEST_QUEUES; i++) {
		struct guest_queue *q = &guest->queue[i];

		debug_assert(!q->vq.live || !q->vq.in_flight);
		if (queue_active(q) && virtq_publish(&q->vq))
			queue_call(q);
	}
}

static void end_all(struct guest *guest, void (*end)(struct link *link))
{
	struct conn *conn;
	uint32_t pos;

	/* Each removal may move others to slots already passed. */
	while (guest->conns.count) {
		pos = 0;
		while ((conn = table_next(&guest->conns, &pos)))
			end(link_of(conn));
	}
	resets_free(&guest->resets);
	ended_free(&guest->ended);
}

void lifecycle_end_connections(struct guest *guest)
{
	if (guest->conns.count)
		guest_log(guest, LOG_LEVEL_DEBUG, "%u connections end",
			  guest->conns.count);
	end_all(guest, link_guest_gone);
}

void lifecycle_kill_connections(struct guest *guest)
{
	end_all(guest, link_kill);
	while (!list_empty(&guest->greeting))
		link_kill(list_first(&guest->greeting, struct link, node));
	while (!list_empty(&guest->parted))
		link_kill(list_first(&guest->parted, struct link, node));
}

static void report_fault(struct guest *guest, unsigned i)
{
	struct guest_queue *q = &guest->queue[i];

	queue_tell_error(q);
	guest_log_limited(
		guest, limit_guest, LOG_LEVEL_WARN,
		"%s queue broken by the guest: %s (descriptor %u); its "
		"connections end",
		queue_names[i], virtq_broken(&q->vq), q->vq.source.fault_index);
}

void lifecycle_check_queues(struct guest *guest)
{
	bool broke = false;
	unsigned i;

	for (i = 0; i < GUEST_QUEUES; i++) {
		struct guest_queue *q = &guest->queue[i];

		virtq_check_memory(&q->vq);
		if (likely(!virtq_broken(&q->vq)) || q->error_told)
			continue;
		report_fault(guest, i);
		broke = true;
	}
	if (unlikely(broke))
		lifecycle_end_connections(guest);
}
