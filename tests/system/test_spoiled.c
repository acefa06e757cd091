/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest spoils its receive buffers after the device has looked at them, and
 * then the ring stops. Two host programs are served in one turn, and the first
 * of them fills less than it may be offered. The device still holds the buffers
 * behind that, and must not write to them by what it remembers of them.
 *
 * And it is a queue that breaks, not the guest: the buffers of the other queues
 * come back, and the next queue that breaks ends the connections that exist
 * then.
 */
#include "system/system.h"

struct spoiled {
	struct scene s;	  /* with the healthy guest, in VM 0 */
	struct guest bad; /* in VM 1 */
	struct pair healthy;
	struct pair p[2]; /* of the bad guest */
	struct ring *rx;
};

static void begin(struct spoiled *b, int engine, unsigned event_size)
{
	struct daemon_config d = { .vms = 2 };
	struct guest_config c = guest_defaults(DAEMON_CID);

	scene_daemon(&b->s, engine, &d);
	guest_boot(&b->s.guest, &c, &b->s.world, b->s.daemon.socket[0]);
	pair_from_guest(&b->s, &b->healthy);
	c.cid = DAEMON_CID + 1;
	c.driver.event_size = (uint16_t)event_size;
	guest_init(&b->bad, &c, &b->s.world);
	b->bad.vhost.fd = -1;
	b->rx = &b->bad.sockets.driver.rings[DRIVER_RX];
}

static void end(struct spoiled *b)
{
	pair_both_ways(&b->healthy, 65536);
	pair_close(&b->healthy);
	guest_free(&b->bad);
	scene_close(&b->s);
}

static void let_pass(struct spoiled *b)
{
	pair_both_ways(&b->healthy, 4096);
}

/*
 * Both host programs have written before the ring is enabled, so that their
 * bytes go into the guest's buffers in one turn. The bad guest takes nothing.
 */
static void serve_two_at_once(struct spoiled *b)
{
	guest_revive(&b->bad, b->s.daemon.socket[1]);
	for (unsigned i = 0; i < 2; i++)
		pair_open_from_guest(&b->p[i], &b->bad, b->s.daemon.uds[1]);
	drive_until(&b->s.world, driver_tx_idle(&b->bad.sockets.driver));
	driver_halt(&b->bad.sockets.driver);
	guest_enable_ring(&b->bad, DRIVER_RX, false);
	for (unsigned i = 0; i < 2; i++)
		host_write(&b->p[i].host, "bait");
	let_pass(b);
	guest_enable_ring(&b->bad, DRIVER_RX, true);
	drive_until(&b->s.world, ring_waiting(b->rx) >= 2);
}

static void spoil_length(struct vring_desc *d)
{
	d->len = 0;
}

static void spoil_direction(struct vring_desc *d)
{
	d->flags = 0;
}

static void spoil_room(struct vring_desc *d)
{
	d->len = htole32(43);
}

static void (*const spoils[])(struct vring_desc *d) = {
	spoil_length,
	spoil_direction,
	spoil_room,
};

static void stop_by_base(struct guest *g)
{
	/* Chains are used in order, so that all that was used is all that was
	 * taken. */
	ck_assert_uint_eq(
		vhost_ask_base(&g->vhost, DRIVER_RX),
		le16toh(g->sockets.driver.rings[DRIVER_RX].used->idx));
}

static void stop_by_enable(struct guest *g)
{
	guest_enable_ring(g, DRIVER_RX, false);
}

static void stop_by_reset(struct guest *g)
{
	vhost_tell(&g->vhost, VU_RESET_DEVICE, NULL, 0, NULL, 0);
}

static void stop_by_size(struct guest *g)
{
	vhost_tell_state(&g->vhost, VU_SET_VRING_NUM, DRIVER_RX, 64);
}

static void stop_by_memory(struct guest *g)
{
	guest_set_mem_table(g);
}

static void stop_by_features(struct guest *g)
{
	vhost_tell_u64(&g->vhost, VU_SET_FEATURES,
		       VU_F_VERSION_1 | VU_F_PROTOCOL_FEATURES);
}

static void stop_by_address(struct guest *g)
{
	guest_set_ring(g, DRIVER_RX);
}

static void stop_by_death(struct guest *g)
{
	(void)g;
}

static void (*const stops[])(struct guest *g) = {
	stop_by_base,	stop_by_enable,	  stop_by_reset,   stop_by_size,
	stop_by_memory, stop_by_features, stop_by_address, stop_by_death,
};

START_TEST(spoiled_buffers_are_not_written_to)
{
	struct spoiled b;

	begin(&b, _i, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(spoils) * ARRAY_SIZE(stops); i++) {
		serve_two_at_once(&b);
		for (unsigned k = 0; k < b.rx->size; k++)
			spoils[i % ARRAY_SIZE(spoils)](&b.rx->desc[k]);
		stops[i / ARRAY_SIZE(spoils)](&b.bad);
		guest_kill(&b.bad);
		drive_until(&b.s.world,
			    host_over(&b.p[0].host) && host_over(&b.p[1].host));
		host_close(&b.p[0].host);
		host_close(&b.p[1].host);
		let_pass(&b);
	}
	end(&b);
}
END_TEST

START_TEST(a_broken_tx_ring_takes_no_receive_buffers_with_it)
{
	struct spoiled b;
	struct ring *tx;

	begin(&b, _i, 0);
	tx = &b.bad.sockets.driver.rings[DRIVER_TX];
	serve_two_at_once(&b);
	ring_offer(tx, 128);
	drive_until(&b.s.world, ring_failed(tx));
	stop_by_base(&b.bad);
	guest_kill(&b.bad);
	host_close(&b.p[0].host);
	host_close(&b.p[1].host);
	end(&b);
}
END_TEST

/* The event queue breaks when the device looks at it: after the rings have
 * moved to another place, by which the device knows that the guest was
 * restored, and owes it an event. */
static void break_event_queue(struct spoiled *b)
{
	struct ring *event = &b->bad.sockets.driver.rings[DRIVER_EVENT];

	guest_pause(&b->bad);
	for (unsigned i = 0; i < event->size; i++)
		event->desc[i].len = htole32(3);
	driver_reset(&b->bad.sockets.driver, 1000, 1000);
	b->bad.bases[DRIVER_RX] = b->bad.bases[DRIVER_TX] = 1000;
	b->bad.bases[DRIVER_EVENT] = 0;
	b->bad.sockets.driver.keeps_events = true;
	event->desc[0] = (struct vring_desc){ htole64(RAM_GUEST_BASE),
					      htole32(3),
					      htole16(VRING_DESC_F_WRITE), 0 };
	guest_start(&b->bad);
	ring_offer(event, 0);
	drive_until(&b->s.world, ring_failed(event));
}

START_TEST(each_queue_that_breaks_ends_the_connections)
{
	struct spoiled b;

	begin(&b, _i, 8);
	guest_revive(&b.bad, b.s.daemon.socket[1]);
	break_event_queue(&b);
	pair_open_from_guest(&b.p[0], &b.bad, b.s.daemon.uds[1]);
	pair_both_ways(&b.p[0], 4096);
	driver_halt(&b.bad.sockets.driver);
	ring_set_avail(b.rx, (uint16_t)(b.rx->avail_idx + 129));
	host_write(&b.p[0].host, "bait");
	drive_until(&b.s.world, host_over(&b.p[0].host));
	host_close(&b.p[0].host);
	guest_kill(&b.bad);
	end(&b);
}
END_TEST

/* A connection does not begin if its answer cannot reach the guest. */
START_TEST(a_guest_without_rx_ring_is_not_heard)
{
	struct spoiled b;
	int listener;
	struct host_conn none;

	begin(&b, _i, 0);
	guest_revive(&b.bad, b.s.daemon.socket[1]);
	pair_open_from_guest(&b.p[0], &b.bad, b.s.daemon.uds[1]);
	driver_halt(&b.bad.sockets.driver);
	ring_set_avail(b.rx, (uint16_t)(b.rx->avail_idx + 129));
	host_write(&b.p[0].host, "bait");
	drive_until(&b.s.world, ring_failed(b.rx));
	listener = host_listen(b.s.daemon.uds[1], PORT + 1, 1);
	driver_send_raw(&b.bad.sockets.driver,
			&(struct packet){ .src_cid = DAEMON_CID + 1,
					  .dst_cid = 2,
					  .src_port = 77,
					  .dst_port = PORT + 1,
					  .type = 1,
					  .op = 1 },
			NULL, 0);
	let_pass(&b);
	ck_assert(!host_accept(&none, &b.s.world, listener));
	ck_assert(!driver_tx_idle(&b.bad.sockets.driver));
	host_unlisten(b.s.daemon.uds[1], PORT + 1, listener);
	host_close(&b.p[0].host);
	guest_kill(&b.bad);
	end(&b);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		spoiled_buffers_are_not_written_to,
		a_broken_tx_ring_takes_no_receive_buffers_with_it,
		each_queue_that_breaks_ends_the_connections,
		a_guest_without_rx_ring_is_not_heard,
	};

	return run_tests("system/spoiled", tests, ARRAY_SIZE(tests));
}
