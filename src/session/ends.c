/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host programs still get the bytes that the guest was told have arrived when
 * the guest ends (link_guest_gone()), but not when the daemon does
 * (link_kill()).
 *
 * That a queue is broken, and that the front end was told, is the queue's state
 * from one start to the next, and not the guest's: each queue that breaks ends
 * the connections that there are then. Without one of the data rings they cannot
 * go on, and where memory vanished none of the queues can.
 *
 * To end a connection takes some microseconds, and a guest may have a hundred
 * thousand of them. So each turn ends some, and other guests are served in
 * between. Until all have ended the guest's packets are not moved, and nothing
 * of the next session meets what is left of the last one.
 */
#include "session/ends.h"

#include "base/check.h"
#include "guest/guest.h"
#include "link/link.h"
#include "turn/loop.h"

static const char *const queue_names[] = {
	[GUEST_RX] = "RX",
	[GUEST_TX] = "TX",
	[GUEST_EVENT] = "event",
};
static_assert(ARRAY_SIZE(queue_names) == GUEST_QUEUES, "a name for each");

void ends_settle(struct guest *guest)
{
	unsigned i;

	for (i = 0; i < GUEST_QUEUES; i++) {
		struct guest_queue *q = &guest->queue[i];

		debug_assert(!q->vq.live || !q->vq.in_flight);
		if (queue_active(q) && virtq_publish(&q->vq))
			queue_call(q);
	}
}

/*
 * The next connection of GUEST's table to end; NULL if none is left. When a
 * connection ends the table fills its slot with one from behind it, so that the
 * same slot is looked at again the next time. That one may have come from the
 * table's first slots into its last ones, behind the search: so the search
 * begins anew until the table is empty.
 */
static struct link *next_ending(struct guest *guest)
{
	struct conn *conn = table_next(&guest->conns, &guest->ending.at);

	if (!conn) {
		guest->ending.at = 0;
		conn = table_next(&guest->conns, &guest->ending.at);
	}
	if (!conn)
		return NULL;
	guest->ending.at--;
	return link_of(conn);
}

/* Forgets the answers that are owed to packets of the session that ends. */
static void forget_packets(struct guest *guest)
{
	resets_free(&guest->resets);
	ended_free(&guest->ended);
}

void ends_end_connections(struct guest *guest)
{
	forget_packets(guest);
	if (!guest->conns.count)
		return;
	guest_log(guest, LOG_LEVEL_DEBUG, "%u connections end",
		  guest->conns.count);
	guest->ending.session = true;
	guest->ending.at = 0;
	guest_wake(guest);
}

enum step ends_end_some(struct guest *guest)
{
	unsigned enough = guest->loop->chores + LOOP_CHORES;
	struct link *link;

	while (guest->ending.session && guest->loop->chores < enough) {
		loop_count_chores(guest->loop, 1);
		link = next_ending(guest);
		if (link) {
			link_guest_gone(link);
		} else {
			guest->ending.session = false;
			forget_packets(guest);
		}
	}
	return step_left(guest->ending.session);
}

void ends_kill_connections(struct guest *guest)
{
	struct link *link;

	while ((link = next_ending(guest)))
		link_kill(link);
	guest->ending.session = false;
	forget_packets(guest);
	while (!list_empty(&guest->ending.told))
		link_kill(list_first(&guest->ending.told, struct link,
				     host_node));
	while (!list_empty(&guest->greeters.silent))
		link_kill(
			list_first(&guest->greeters.silent, struct link, node));
	while (!list_empty(&guest->ending.parted))
		link_kill(list_first(&guest->ending.parted, struct link, node));
}

static void report_fault(struct guest *guest, unsigned i)
{
	struct guest_queue *q = &guest->queue[i];

	queue_tell_error(q);
	guest_log_limited(
		guest, guest, LOG_LEVEL_WARN,
		"%s queue broken by the guest: %s (descriptor %u); its "
		"connections end",
		queue_names[i], virtq_broken(&q->vq), q->vq.source.fault_index);
}

void ends_check_queues(struct guest *guest)
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
		ends_end_connections(guest);
}
