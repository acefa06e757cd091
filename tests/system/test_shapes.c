/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Packets that are cut into descriptors in every way that virtio allows, in
 * both directions, contents compared; and rings of every size and kind of
 * notification.
 */
#include <stdio.h>

#include "system/system.h"

#define FEW 262144u

/* Boots a guest like C and moves LENGTH bytes in each direction, in sends of
 * WRITE bytes. */
static void check(struct scene *s, struct guest_config *c, size_t write,
		  uint64_t length)
{
	const struct driver_config *d = &c->driver;
	char context[128];
	struct pair p;

	snprintf(context, sizeof(context),
		 "rx %u %s, tx %u %s, features %#llx, sends of %zu", d->rx_size,
		 d->rx_shape.name, d->tx_size, d->tx_shape.name,
		 (unsigned long long)d->features, write);
	s->world.context = context;
	c->driver.lone = true;
	guest_boot(&s->guest, c, &s->world, s->daemon.socket[0]);
	pair_from_guest(s, &p);
	p.guest->write_size = write;
	p.host.write_size = write;
	pair_both_ways(&p, length);
	pair_close(&p);
	guest_free(&s->guest);
	s->guest.world = NULL;
	s->world.context = NULL;
}

static void begin(struct scene *s, int engine)
{
	struct daemon_config d = { .vm_keys = ",queue-size=32768" };

	scene_daemon(s, engine, &d);
}

static const struct shape tx_shapes[] = {
	{ "header and data", 1, { 44 }, 0, RING_DIRECT, false },
	{ "in a table", 1, { 44 }, 0, RING_INDIRECT, false },
	{ "fragments", 1, { 44 }, 32768, RING_DIRECT, false },
	{ "fragments in a table", 1, { 44 }, 32768, RING_INDIRECT, false },
	{ "pages, as MSG_ZEROCOPY", 2, { 44, 100 }, 4096, RING_INDIRECT, false },
	{ "one descriptor", 0, { 0 }, 0, RING_DIRECT, false },
	{ "data begins with the header", 1, { 144 }, 0, RING_DIRECT, false },
	{ "header in two", 2, { 1, 43 }, 0, RING_DIRECT, false },
	{ "header in many", 6, { 3, 7, 11, 13, 5, 5 }, 0, RING_DIRECT, false },
	{ "header's end with data", 2, { 20, 30 }, 0, RING_INDIRECT, false },
	{ "empty ones between", 4, { 44, 0, 100, 0 }, 32768, RING_DIRECT, false },
	{ "empty ones first", 3, { 0, 0, 44 }, 0, RING_INDIRECT, false },
	{ "direct, then a table", 1, { 44 }, 4096, RING_MIXED, false },
	{ "split header, then a table", 2, { 40, 4 }, 0, RING_MIXED, false },
	{ "over a thousand descriptors", 1, { 44 }, 65, RING_INDIRECT, false },
	{ "odd pieces", 1, { 44 }, 1001, RING_DIRECT, false },
	{ "across regions", 0, { 0 }, 0, RING_DIRECT, true },
	{ "header across regions", 2, { 44, 0 }, 0, RING_DIRECT, true },
};

START_TEST(every_shape_of_sent_packets_is_taken)
{
	static const size_t writes[] = { 1, 129, 5000, 65536 };
	struct scene s;

	begin(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(tx_shapes); i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);

		c.driver.tx_shape = tx_shapes[i];
		c.regions = tx_shapes[i].across ? 4 : 1;
		for (unsigned k = 0; k < ARRAY_SIZE(writes); k++)
			check(&s, &c, writes[k], writes[k] == 1 ? 300 : FEW);
	}
	scene_close(&s);
}
END_TEST

/* Receive buffers; the cuts are all that they consist of. */
static const struct shape rx_shapes[] = {
	{ "3776", 1, { 3776 }, 0, RING_DIRECT, false },
	{ "4140", 1, { 4140 }, 0, RING_DIRECT, false },
	{ "44+4096", 2, { 44, 4096 }, 0, RING_DIRECT, false },
	{ "44+4096 in a table", 2, { 44, 4096 }, 0, RING_INDIRECT, false },
	{ "direct, then a table", 3, { 44, 96, 4000 }, 0, RING_MIXED, false },
	{ "header in two", 3, { 1, 43, 4096 }, 0, RING_DIRECT, false },
	{ "header in many",
	  8,
	  { 3, 7, 11, 13, 5, 5, 1, 3999 },
	  0,
	  RING_INDIRECT,
	  false },
	{ "header's end with data", 3, { 20, 30, 3000 }, 0, RING_DIRECT, false },
	{ "begins with data", 3, { 144, 1000, 3000 }, 0, RING_INDIRECT, false },
	{ "empty ones", 4, { 0, 44, 0, 4096 }, 0, RING_DIRECT, false },
	{ "odd pieces",
	  8,
	  { 44, 1, 2, 3, 5, 7, 1000, 2001 },
	  0,
	  RING_INDIRECT,
	  false },
	{ "large", 2, { 44, 65536 }, 0, RING_DIRECT, false },
	{ "larger than any packet", 2, { 44, 200000 }, 0, RING_DIRECT, false },
	{ "small", 1, { 44 + 64 }, 0, RING_DIRECT, false },
	{ "one byte of room", 1, { 45 }, 0, RING_DIRECT, false },
	{ "one byte of room, apart", 2, { 44, 1 }, 0, RING_INDIRECT, false },
};

START_TEST(every_shape_of_receive_buffers_is_filled)
{
	struct scene s;

	begin(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(rx_shapes); i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);
		bool tiny = rx_shapes[i].cuts[0] == 45 ||
			    rx_shapes[i].cuts[1] == 1;

		c.driver.rx_shape = rx_shapes[i];
		if (i % 2)
			c.driver.features |= VU_F_IN_ORDER;
		if (rx_shapes[i].cuts[1] == 200000)
			c.driver.rx_size = 16;
		check(&s, &c, 65536, tiny ? 4096 : MIB);
		check(&s, &c, 77, tiny ? 4096 : 20000);
	}
	scene_close(&s);
}
END_TEST

START_TEST(receive_buffers_may_cross_regions)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	begin(&s, _i);
	c.regions = 200;
	c.driver.rx_buffers = 64;
	c.driver.rx_shape.across = true;
	check(&s, &c, 65536, MIB);
	c.driver.rx_shape = (struct shape){ "44+4096",	 2,   { 44, 4096 }, 0,
					    RING_DIRECT, true };
	check(&s, &c, 65536, MIB);
	scene_close(&s);
}
END_TEST

/* Rings so short that a packet just fits, and the longest one. */
static const struct {
	uint16_t rx, tx;
	uint32_t rest; /* of the TX shape behind the header; 1: one piece */
} sizes[] = {
	{ 1, 1, 1 },	   { 2, 2, 0 },
	{ 1, 128, 32768 }, { 128, 1, 1 },
	{ 4, 4, 32768 },   { 8, 2, 0 },
	{ 1024, 1024, 0 }, { 32768, 32768, 32768 },
};

static void check_sizes(struct scene *s, uint64_t features)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);
		struct shape *tx = &c.driver.tx_shape;

		c.driver.features = features;
		c.driver.rx_size = sizes[i].rx;
		c.driver.tx_size = sizes[i].tx;
		tx->mode = features & VU_F_INDIRECT ? RING_INDIRECT
						    : RING_DIRECT;
		tx->rest = sizes[i].rest;
		if (sizes[i].rest == 1) {
			tx->ncuts = 0;
			tx->rest = 0;
		}
		check(s, &c, 65536, FEW);
		check(s, &c, 500, 50000);
	}
}

START_TEST(rings_of_all_sizes_work)
{
	static const uint64_t features[] = {
		0,
		VU_F_EVENT_IDX,
		VU_F_INDIRECT,
		VU_F_EVENT_IDX | VU_F_INDIRECT,
		VU_F_IN_ORDER,
		VU_F_IN_ORDER | VU_F_EVENT_IDX | VU_F_INDIRECT,
	};
	struct scene s;

	begin(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		check_sizes(&s, features[i]);
	scene_close(&s);
}
END_TEST

START_TEST(indexes_wrap)
{
	struct scene s;

	begin(&s, _i);
	for (unsigned i = 0; i < 2; i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);

		c.base = 65500;
		c.driver.features = i ? VU_F_EVENT_IDX | VU_F_INDIRECT : 0;
		c.driver.tx_shape.mode = i ? RING_INDIRECT : RING_DIRECT;
		check(&s, &c, 100, FEW);
	}
	scene_close(&s);
}
END_TEST

/* The guest does not kick and is not called: both sides look at the rings. */
START_TEST(rings_without_notifications_are_polled)
{
	static const struct {
		bool no_kick, no_call;
	} cases[] = {
		{ true, false },
		{ false, true },
		{ true, true },
	};
	struct scene s;

	begin(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);

		c.no_kick_fd = cases[i].no_kick;
		c.driver.polling = cases[i].no_call;
		check(&s, &c, 65536, MIB);
		check(&s, &c, 50, 5000);
	}
	scene_close(&s);
}
END_TEST

START_TEST(three_rings_work_as_two)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	begin(&s, _i);
	c.driver.event_size = 8;
	check(&s, &c, 65536, MIB);
	scene_close(&s);
}
END_TEST

/* Old front ends do not know ENABLE: a ring runs as soon as it has a kick
 * descriptor. */
START_TEST(rings_run_at_once_without_protocol_features)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	begin(&s, _i);
	c.no_protocol_features = true;
	check(&s, &c, 65536, MIB);
	scene_close(&s);
}
END_TEST

/* The driver kicks after each packet, as Linux 6.12 does on a fast machine. */
START_TEST(a_kick_for_each_packet_does_no_harm)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	begin(&s, _i);
	c.driver.kick_each = true;
	check(&s, &c, 65536, MIB);
	c.driver.features = 0;
	c.driver.tx_shape.mode = RING_DIRECT;
	check(&s, &c, 65536, MIB);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_shape_of_sent_packets_is_taken,
		every_shape_of_receive_buffers_is_filled,
		receive_buffers_may_cross_regions,
		rings_of_all_sizes_work,
		indexes_wrap,
		rings_without_notifications_are_polled,
		three_rings_work_as_two,
		rings_run_at_once_without_protocol_features,
		a_kick_for_each_packet_does_no_harm,
	};

	return run_tests("system/shapes", tests, ARRAY_SIZE(tests));
}
