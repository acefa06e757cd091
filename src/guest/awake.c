/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Every call for used buffers is an interrupt for the guest, so each ring has a
 * patience of its own. What was received is what the guest waits for: it is
 * shown at the end of the guest's part, but in short turns (pace.h), where
 * packets of greedy connections may wait for a few more. Nothing in the guest
 * waits for the buffers of what it has sent, which it only uses again: they are
 * given back when they are an eighth of the ring, or after eight turns.
 *
 * All waiting ends. Turns are counted; who waits for its received packets has a
 * part in a turn to come, and the loop does not rest before that; sent ones are
 * returned when it does. A lone update of credit counts as a greedy one's
 * packet.
 */
#include "guest/awake.h"

#include "base/check.h"
#include "guest/guest.h"
#include "turn/loop.h"

/* Sent packets go back to a busy guest when their segments are this share of
 * its ring, or after so many turns. */
#define TX_RETURN_SHARE 8
#define TX_RETURN_TURNS 8

/* A busy loop looks at so many others after each turn, and lets those fall
 * asleep that had no part in so many. */
#define LOOKS_A_TURN 16
#define ASLEEP_TURNS 64

/* Short turns that received packets of greedy connections wait. */
#define RX_WAIT_TURNS 8

void awake_begin(struct awake *awake, struct guest *guest)
{
	guest->awake.last_turn = awake->turns;
	if (!list_empty(&guest->awake.node))
		return;
	list_append(&awake->guests, &guest->awake.node);
	virtq_kicks_off(&guest->queue[GUEST_TX].vq);
	virtq_kicks_off(&guest->queue[GUEST_RX].vq);
}

static void publish(struct guest_queue *q)
{
	if (q->vq.live && virtq_publish(&q->vq))
		queue_call(q);
}

static void return_sent(struct guest *guest)
{
	guest->awake.tx_held = 0;
	guest->awake.tx_turns = 0;
	publish(&guest->queue[GUEST_TX]);
}

static void show_received(struct guest *guest)
{
	guest->awake.rx_turns = 0;
	guest->awake.rx_patient = 0;
	publish(&guest->queue[GUEST_RX]);
}

/* In short turns a guest that has more to do would be called for each few
 * packets of greedy connections. It has a part in a turn soon again. */
static bool may_wait(struct guest *guest)
{
	return guest->loop->pace.hasten && !list_empty(&guest->active) &&
	       !guest->rx.short_of_buffers &&
	       guest->awake.rx_turns++ < RX_WAIT_TURNS &&
	       guest->awake.rx_patient ==
		       virtq_unpublished(&guest->queue[GUEST_RX].vq);
}

void awake_notify(struct guest *guest)
{
	struct guest_queue *tx = &guest->queue[GUEST_TX];

	if (!may_wait(guest))
		show_received(guest);
	if (!virtq_unpublished(&tx->vq))
		return;
	if (guest->awake.tx_held < tx->setup.size / TX_RETURN_SHARE &&
	    guest->awake.tx_turns++ < TX_RETURN_TURNS)
		return;
	return_sent(guest);
}

/* Packets of the guest's would be taken if there were any. */
static bool awaits_packets(const struct guest *guest)
{
	return guest_is_heard(guest) && !resets_full(&guest->resets);
}

/* Something for the guest waits for its receive buffers. */
static bool awaits_buffers(const struct guest *guest)
{
	return queue_active(&guest->queue[GUEST_RX]) &&
	       guest->rx.short_of_buffers;
}

static bool has_news(struct guest *guest)
{
	return (awaits_packets(guest) &&
		virtq_available(&guest->queue[GUEST_TX].vq)) ||
	       (awaits_buffers(guest) &&
		virtq_available(&guest->queue[GUEST_RX].vq));
}

bool awake_look(struct awake *awake)
{
	struct list *at;
	bool found = false;

	for (at = awake->guests.next; at != &awake->guests; at = at->next) {
		struct guest *guest =
			container_of(at, struct guest, awake.node);

		if (!has_news(guest))
			continue;
		guest_wake(guest);
		found = true;
	}
	return found;
}

/*
 * The guest is to kick again, unless something came just now. One that never
 * kicks stays on the list of the awake, to be looked at.
 */
static void fall_asleep(struct guest *guest)
{
	struct guest_queue *tx = &guest->queue[GUEST_TX];
	struct guest_queue *rx = &guest->queue[GUEST_RX];

	return_sent(guest);
	if (!(tx->polled && tx->vq.live) && !(rx->polled && rx->vq.live))
		list_remove(&guest->awake.node);
	if (awaits_packets(guest) && virtq_kicks_on(&tx->vq))
		guest_wake(guest);
	if (awaits_buffers(guest) && virtq_kicks_on(&rx->vq))
		guest_wake(guest);
}

/* GUEST may have had no part in the last turns, while the loop was busy. */
static void look_after(const struct awake *awake, struct guest *guest)
{
	uint32_t idle = awake->turns - guest->awake.last_turn;

	if (!idle || !list_empty(&guest->active))
		return;
	if (idle >= ASLEEP_TURNS) {
		fall_asleep(guest);
		return;
	}
	if (idle >= TX_RETURN_TURNS)
		return_sent(guest);
	if (has_news(guest))
		guest_wake(guest);
}

void awake_go_round(struct awake *awake)
{
	const struct guest *first = NULL;
	unsigned left = LOOKS_A_TURN;
	struct guest *guest;

	while (left-- && !list_empty(&awake->guests)) {
		guest = list_first(&awake->guests, struct guest, awake.node);
		if (guest == first)
			return;
		if (!first)
			first = guest;
		list_remove(&guest->awake.node);
		list_append(&awake->guests, &guest->awake.node);
		look_after(awake, guest);
	}
}

void awake_end(struct awake *awake)
{
	struct list *at = awake->guests.next;
	struct guest *guest;

	while (at != &awake->guests) {
		guest = container_of(at, struct guest, awake.node);
		at = at->next;
		fall_asleep(guest);
	}
}
