/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Every call for used buffers is an interrupt for the guest, so that some
 * buffers are kept back for a while. The guest waits for received packets: they
 * are shown at the end of its part of the turn. Only in short turns (share.h)
 * may packets of greedy connections wait for some more turns, and so may lone
 * credit updates. Nothing in the guest waits for TX chains that were used; its
 * driver only needs them to send again. They are given back when their segments
 * are an eighth of the ring, or after eight turns.
 *
 * No wait is without end. A guest whose received packets wait has a part in a
 * turn to come, so that the loop does not rest before that; used TX chains are
 * given back when it does.
 */
#include "guest/awake.h"

#include "base/check.h"
#include "guest/guest.h"
#include "turn/loop.h"

/* Used TX chains go back to a busy guest when their segments are this part of
 * its ring, or after so many turns. */
#define TX_RETURN_SHARE 8
#define TX_RETURN_TURNS 8

/* After each turn a busy loop looks at LOOKS_A_TURN guests that had no part in
 * it. Guests that had none in the last ASLEEP_TURNS fall asleep. */
#define LOOKS_A_TURN 16
#define ASLEEP_TURNS 64

/* Short turns that received packets of greedy connections may wait. */
#define RX_WAIT_TURNS 8

void awake_init(struct awake *awake)
{
	list_init(&awake->guests);
	awake->turns = 0;
}

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
static bool received_may_wait(const struct guest *guest)
{
	return guest->loop->share.hasten && !list_empty(&guest->active) &&
	       !guest->rx.short_of_buffers &&
	       guest->awake.rx_turns < RX_WAIT_TURNS &&
	       guest->awake.rx_patient ==
		       virtq_unpublished(&guest->queue[GUEST_RX].vq);
}

static bool sent_may_wait(const struct guest *guest)
{
	uint32_t many = guest->queue[GUEST_TX].setup.size / TX_RETURN_SHARE;

	return guest->awake.tx_held < many &&
	       guest->awake.tx_turns < TX_RETURN_TURNS;
}

void awake_notify(struct guest *guest)
{
	if (received_may_wait(guest))
		guest->awake.rx_turns++;
	else
		show_received(guest);
	if (!virtq_unpublished(&guest->queue[GUEST_TX].vq))
		return;
	if (sent_may_wait(guest))
		guest->awake.tx_turns++;
	else
		return_sent(guest);
}

/* The guest's packets would be taken if there were any. */
static bool awaits_packets(const struct guest *guest)
{
	return guest_is_heard(guest) && !resets_full(&guest->resets);
}

/* Something for the guest waits for receive buffers. */
static bool awaits_buffers(const struct guest *guest)
{
	return queue_active(&guest->queue[GUEST_RX]) &&
	       guest->rx.short_of_buffers;
}

static bool find_news(struct guest *guest)
{
	return (awaits_packets(guest) &&
		virtq_look(&guest->queue[GUEST_TX].vq)) ||
	       (awaits_buffers(guest) &&
		virtq_look(&guest->queue[GUEST_RX].vq));
}

bool awake_look(struct awake *awake)
{
	struct list *at;
	bool found = false;

	for (at = awake->guests.next; at != &awake->guests; at = at->next) {
		struct guest *guest =
			container_of(at, struct guest, awake.node);

		if (!find_news(guest))
			continue;
		guest_wake(guest);
		found = true;
	}
	return found;
}

/*
 * Asks the guest to kick again, or wakes it if something came just now. A guest
 * whose driver never kicks stays on the list, to be looked at.
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

/* While the loop is busy with others: GUEST may have had no part for some
 * turns. */
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
	if (find_news(guest))
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
