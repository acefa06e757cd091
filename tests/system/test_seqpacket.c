/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* SOCK_SEQPACKET: what one side sends at once, the other side receives at once.
 * */
#include "system/system.h"

#define EACH 5 /* messages of each size */
#define TX_BUFFER 262144u

/* Which messages are expected next, and from where they are counted. */
static void expect_messages(struct lengths *got, unsigned *at, unsigned count,
			    uint32_t length)
{
	ck_assert_uint_ge(got->count, *at + count);
	for (unsigned i = 0; i < count; i++, ++*at)
		ck_assert_msg(got->at[*at] == length,
			      "message %u has %u bytes, not %u", *at,
			      got->at[*at], length);
}

/* COUNT messages of LENGTH bytes one way, compared with their boundaries. */
static void messages_to_host(struct pair *p, unsigned count, uint32_t length)
{
	unsigned at = p->host.messages.count;

	gsock_set_write(p->guest, length);
	pair_to_host(p, (uint64_t)count * length);
	expect_messages(&p->host.messages, &at, count, length);
	ck_assert_uint_eq(p->host.messages.count, at);
}

static void messages_to_guest(struct pair *p, unsigned count, uint32_t length)
{
	unsigned at = p->guest->messages.count;

	p->host.write_size = length;
	pair_to_guest(p, (uint64_t)count * length);
	drive_until(p->world, p->guest->messages.count >= at + count);
	expect_messages(&p->guest->messages, &at, count, length);
	ck_assert_uint_eq(p->guest->messages.count, at);
}

static const uint32_t sizes[] = { 1,	  2,	  43,	  44,	    1000,
				  3731,	  3732,	  3733,	  4096,	    7464,
				  16383,  32768,  65535,  65536,    65537,
				  100000, 131073, 200000, TX_BUFFER };

static void all_sizes(struct pair *p)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		messages_to_host(p, EACH, sizes[i]);
		messages_to_guest(p, EACH, sizes[i]);
	}
	pair_close(p);
}

START_TEST(boundaries_are_kept_both_ways)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	all_sizes(&p);
	pair_seqpacket_from_host(&s, &p);
	all_sizes(&p);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* Options of the guest's driver for packets and buffers. */
static const struct {
	const char *name;
	struct shape rx, tx;
	uint32_t packet_max;
	uint16_t rx_size;
	unsigned rx_buffers;
} shapes[] = {
	{ "1: packets of 777 bytes",
	  { "3776", 1, { 3776 }, 0, RING_DIRECT, false },
	  { "fragments", 1, { PACKET_HEADER }, 32768, RING_INDIRECT, false },
	  777,
	  128,
	  0 },
	{ "2: segments of 97 bytes: more than one sendmsg(2) takes",
	  { "3776", 1, { 3776 }, 0, RING_DIRECT, false },
	  { "97", 1, { PACKET_HEADER }, 97, RING_INDIRECT, false },
	  4096,
	  128,
	  0 },
	{ "3: buffers of 900 bytes",
	  { "900", 1, { 900 }, 0, RING_DIRECT, false },
	  { "linear", 1, { PACKET_HEADER }, 0, RING_INDIRECT, false },
	  65536,
	  512,
	  0 },
	{ "4: buffers in three parts, the header in two",
	  { "20+100+3000", 3, { 20, 100, 3000 }, 0, RING_INDIRECT, false },
	  { "linear", 1, { PACKET_HEADER }, 0, RING_INDIRECT, false },
	  65536,
	  128,
	  0 },
	{ "5: three buffers, a message goes in pieces",
	  { "header+4096", 2, { PACKET_HEADER, 4096 }, 0, RING_INDIRECT, false },
	  { "fragments", 1, { PACKET_HEADER }, 32768, RING_INDIRECT, false },
	  65536,
	  16,
	  3 },
	{ "6: buffers in eight parts: more than one recvmsg(2) takes",
	  { "8",
	    8,
	    { 44, 100, 100, 100, 100, 100, 100, 100 },
	    0,
	    RING_INDIRECT,
	    false },
	  { "linear", 1, { PACKET_HEADER }, 0, RING_INDIRECT, false },
	  65536,
	  512,
	  0 },
	{ "7: one buffer",
	  { "3776", 1, { 3776 }, 0, RING_DIRECT, false },
	  { "linear", 1, { PACKET_HEADER }, 0, RING_INDIRECT, false },
	  65536,
	  16,
	  1 },
};

START_TEST(boundaries_do_not_depend_on_shapes)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct scene s;
	struct pair p;

	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
		config.driver.rx_shape = shapes[i].rx;
		config.driver.tx_shape = shapes[i].tx;
		config.driver.rx_size = shapes[i].rx_size;
		config.driver.rx_buffers = shapes[i].rx_buffers;
		scene_open_with(&s, _i, &config);
		s.world.context = shapes[i].name;
		pair_seqpacket_from_guest(&s, &p);
		p.guest->packet_max = shapes[i].packet_max;
		all_sizes(&p);
		scene_close(&s);
	}
}
END_TEST

/* Sizes by which messages can be told apart, small ones beside large ones. */
static uint32_t mixed(unsigned i)
{
	return i % 7 == 6 ? 40000 + i : 1 + i * 13 % 5000;
}

#define MIXED 300

static void expect_mixed(const struct lengths *got)
{
	ck_assert_uint_eq(got->count, MIXED);
	for (unsigned i = 0; i < MIXED; i++)
		ck_assert_uint_eq(got->at[i], mixed(i));
}

/* Sends the next message when the one before is in the ring. */
static bool send_mixed(struct gsock *g, unsigned *i)
{
	while (*i < MIXED && gsock_sent(g)) {
		gsock_set_write(g, mixed(*i));
		gsock_send(g, 7, mixed(*i));
		++*i;
	}
	return *i == MIXED && gsock_sent(g);
}

/* Far more messages than the credit and the socket hold: they wait in the
 * backlog, in order. */
START_TEST(a_slow_host_gets_each_message_in_order)
{
	unsigned sent = 0;
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	sink_expect(&p.host.in, 7);
	host_pause(&p.host, true);
	drive_until(&s.world, send_mixed(p.guest, &sent) ||
				      p.guest->tx_cnt - p.guest->peer_fwd_cnt >
					      TX_BUFFER / 2);
	world_rest(&s.world, 50);
	ck_assert_uint_lt(sent, MIXED);
	host_pause(&p.host, false);
	drive_until(&s.world, send_mixed(p.guest, &sent) &&
				      p.host.messages.count >= MIXED);
	expect_mixed(&p.host.messages);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Many messages to one socket in a turn, while it is full and while it is not.
 * */
START_TEST(small_messages_stay_in_order)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	messages_to_host(&p, 20000, 10);
	messages_to_guest(&p, 20000, 10);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(a_slow_guest_gets_each_message_in_order)
{
	unsigned at = 0;
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_host(&s, &p);
	p.host.write_size = 30011;
	pair_begin_to_guest(&p, 100 * 30011);
	drive_until(&s.world, p.guest->rx_messages);
	world_rest(&s.world, 100);
	ck_assert_uint_le(p.guest->rx_bytes, GSOCK_BUFFER);
	/* one at a time */
	while (p.guest->messages.count < 50) {
		drive_until(&s.world, p.guest->rx_messages);
		gsock_read(p.guest, 30011);
	}
	gsock_read_all(p.guest);
	drive_until(&s.world, p.guest->messages.count == 100);
	expect_messages(&p.guest->messages, &at, 100, 30011);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* The room for the second message is that of the first one; the guest must be
 * told of it. */
START_TEST(a_message_may_need_all_the_credit)
{
	static const uint32_t first[] = { 1, 1000, 10000, 60000, 200000 };
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	for (unsigned i = 0; i < ARRAY_SIZE(first); i++) {
		messages_to_host(&p, 1, first[i]);
		messages_to_host(&p, 1, TX_BUFFER);
		messages_to_guest(&p, 1, first[i]);
		messages_to_guest(&p, 1, GSOCK_BUFFER);
	}
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Linux of 2026 counts packets too: see frontend/sockets_recv.c. */
START_TEST(a_guest_that_does_not_read_is_not_flooded_with_packets)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_host(&s, &p);
	p.host.write_size = 100;
	pair_begin_to_guest(&p, 2000 * 100);
	drive_until(&s.world, p.guest->rx_messages > 100);
	gsock_read_all(p.guest);
	drive_until(&s.world, p.guest->messages.count == 2000);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(streams_and_messages_do_not_mind_each_other)
{
	struct pair stream, messages;
	struct scene s;

	scene_open(&s, _i);
	pair_from_guest(&s, &stream);
	pair_seqpacket_from_host(&s, &messages);
	gsock_read_all(stream.guest);
	pair_begin_to_host(&stream, 64 * MIB);
	pair_begin_to_guest(&stream, 64 * MIB);
	all_sizes(&messages);
	drive_until(&s.world, stream.host.in.got == 64 * MIB &&
				      stream.guest->in.got == 64 * MIB);
	pair_close(&stream);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		boundaries_are_kept_both_ways,
		boundaries_do_not_depend_on_shapes,
		a_slow_host_gets_each_message_in_order,
		small_messages_stay_in_order,
		a_slow_guest_gets_each_message_in_order,
		a_message_may_need_all_the_credit,
		a_guest_that_does_not_read_is_not_flooded_with_packets,
		streams_and_messages_do_not_mind_each_other,
	};

	return run_tests("system/seqpacket", tests, ARRAY_SIZE(tests));
}
