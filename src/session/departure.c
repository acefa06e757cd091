/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "session/departure.h"

#include "guest/guest.h"
#include "session/ends.h"
#include "turn/loop.h"

/* How often a ring is looked at, LOOP_DEPARTING_MS apart. */
#define LOOKS 10

/* Where the driver stands in the RX ring. False: the ring is not in the memory
 * that is mapped now. */
static bool find_index(const struct guest *guest, uint16_t *index)
{
	return guest->session.memory &&
	       virtq_guest_index(&guest->queue[GUEST_RX].setup,
				 guest->session.memory, index);
}

static void await(struct guest *guest)
{
	timer_arm(&guest->loop->departing, &guest->session.departure.timer,
		  clock_ms());
}

void departure_expect(struct guest *guest)
{
	departure_forget(guest);
	if (!guest->conns.count ||
	    !find_index(guest, &guest->session.departure.index))
		return;
	guest->session.departure.looks = 0;
	await(guest);
}

void departure_forget(struct guest *guest)
{
	timer_disarm(&guest->session.departure.timer);
}

/* A driver that stays can only have offered more buffers, up to as many as the
 * ring has entries. */
static bool has_gone(const struct guest *guest, uint16_t index)
{
	const struct virtq_setup *setup = &guest->queue[GUEST_RX].setup;
	uint16_t before = guest->session.departure.index;
	uint16_t most = (uint16_t)(setup->base + setup->size - before);

	return (uint16_t)(index - before) > most;
}

static void look(struct guest *guest)
{
	struct guest_departure *d = &guest->session.departure;
	uint16_t index;

	if (!guest->conns.count || !find_index(guest, &index))
		return;
	if (has_gone(guest, index)) {
		guest_log(guest, LOG_LEVEL_INFO,
			  "the guest's driver has gone: its connections end");
		ends_end_connections(guest);
	} else if (++d->looks < LOOKS) {
		await(guest);
	}
}

void departure_look(struct loop *loop, uint64_t now_ms)
{
	struct timer *timer;

	while ((timer = timer_take_due(&loop->departing, now_ms)))
		look(container_of(timer, struct guest,
				  session.departure.timer));
}
