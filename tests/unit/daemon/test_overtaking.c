/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Light connections' packets in a TX ring that greedy ones fill. */
#include <endian.h>
#include <linux/virtio_vsock.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "funnel/from_guest.h"
#include "link/link.h"
#include "suite.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "unit/session/session_fixture.h"
#include "vsock/packet.h"

#define CONNECTIONS 3
#define GREEDY 0 /* the others are light */
#define LIGHT 1
#define FIRST_PORT 700
#define HOST_PORT 9
#define PACKETS_AT 0x40000
#define PACKET_SPACE 0x200 /* a header and some bytes */
#define LEN 64
#define BASE 65530 /* the index wraps soon */

static enum packet_type type = PACKET_STREAM;
static int front_end;
static int programs[CONNECTIONS];
static struct link *links[CONNECTIONS];
static struct turn turn;
static uint16_t next; /* index in the TX ring */

static struct share *share(void)
{
	return &facts.guest->loop->share;
}

static struct packet packet_of(unsigned i, enum packet_op op, uint32_t len)
{
	return (struct packet){
		.op = op,
		.type = (uint16_t)type,
		.src_cid = facts.guest->config->guest_cid,
		.dst_cid = PACKET_HOST_CID,
		.src_port = FIRST_PORT + i,
		.dst_port = HOST_PORT,
		.len = len,
		.buf_alloc = 65536,
	};
}

/* The guest sends a packet of connection I. */
static void send_packet(unsigned i, enum packet_op op, uint32_t len)
{
	struct packet p = packet_of(i, op, len);
	uint32_t slot = next % SIZE;
	uint8_t *at = ram + PACKETS_AT + slot * PACKET_SPACE;

	packet_build(&p, at);
	at[PACKET_HEADER_SIZE] = (uint8_t)next;
	desc_of(GUEST_TX)[slot] = (struct vring_desc){
		.addr = htole64(PACKETS_AT + slot * PACKET_SPACE),
		.len = htole32(PACKET_HEADER_SIZE + len),
	};
	avail_of(GUEST_TX)[2 + slot] = htole16((uint16_t)slot);
	next++;
	avail_of(GUEST_TX)[1] = htole16(next);
}

static void join(unsigned i)
{
	const struct packet request = packet_of(i, PACKET_REQUEST, 0);
	int kind = type == PACKET_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX,
				    kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    ends),
			 0);
	programs[i] = ends[1];
	ck_assert(descriptors_take(NULL, &facts.guest->fds.held));
	links[i] = link_new_from_guest(facts.guest, &request, &ends[0]);
	ck_assert_ptr_nonnull(links[i]);
	ck_assert_int_eq(link_join(links[i]), 0);
	ck_assert_int_eq(link_watch(links[i]), 0);
	link_carry_out(links[i], conn_host_connected(&links[i]->conn));
}

/*
 * Makes one connection greedy, and begins a turn for light connections, which
 * has as little room as a short one.
 */
static void begin(void)
{
	session_open(0);
	front_end = session_connect();
	negotiate(front_end, true);
	start_queues(front_end, BASE);
	facts.guest->session.features |= 1ull << VIRTIO_VSOCK_F_SEQPACKET;
	next = BASE;
	for (unsigned i = 0; i < CONNECTIONS; i++)
		join(i);
	share_count(share(), &links[GREEDY]->use, SHARE_LIGHT);
	share()->light_only = true;
	share()->left_out = SHARE_SHORT;
}

static void clear(void)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		links[i]->staged = LINK_NOT_STAGED;
	turn_clear(&turn);
}

static void end(void)
{
	clear();
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		link_kill(links[i]);
		fd_close(&programs[i]);
	}
	link_free_dead(facts.guest->loop);
	fd_close(&front_end);
	session_close();
}

/* The turn has staged packets with these MARKS for connection I, in order. */
static void expect_staged(unsigned i, const uint8_t *marks, unsigned n)
{
	const struct turn_send *send;
	unsigned seen = 0;
	uint16_t at;

	if (!n) {
		ck_assert_uint_eq(links[i]->staged, LINK_NOT_STAGED);
		return;
	}
	ck_assert_uint_ne(links[i]->staged, LINK_NOT_STAGED);
	send = &turn.sends[links[i]->staged];
	ck_assert_uint_eq(send->bytes, n * LEN);
	for (at = send->first_piece; at != TURN_NO_PIECE;
	     at = turn.pieces[at].next)
		for (unsigned j = 0; j < turn.pieces[at].count; j++) {
			const struct iovec *part =
				&turn.segments[turn.pieces[at].first + j];

			ck_assert_uint_lt(seen, n);
			ck_assert_uint_eq(*(uint8_t *)part->iov_base,
					  marks[seen++]);
		}
}

/* TX entries that were given back so far, published or not. */
static uint16_t given(void)
{
	return (uint16_t)(facts.guest->queue[GUEST_TX].vq.next_used -
			  facts.guest->queue[GUEST_TX].vq.published);
}

START_TEST(light_packets_overtake_and_are_given_back_in_their_turn)
{
	static const uint8_t light[] = { (uint8_t)(BASE + 2),
					 (uint8_t)(BASE + 3) };
	static const uint8_t greedy[] = { (uint8_t)BASE, (uint8_t)(BASE + 1),
					  (uint8_t)(BASE + 4) };

	begin();
	send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_RW, LEN);
	send_packet(GREEDY, PACKET_RW, LEN);
	ck_assert_int_eq(from_guest_collect(facts.guest, &turn, false),
			 STEP_MORE);
	expect_staged(LIGHT, light, 2);
	expect_staged(GREEDY, NULL, 0);
	ck_assert_uint_eq(given(), 0);
	ck_assert(from_guest_early(facts.guest));
	clear();
	share()->light_only = false;
	ck_assert_int_eq(from_guest_collect(facts.guest, &turn, false),
			 STEP_DONE);
	expect_staged(LIGHT, NULL, 0);
	expect_staged(GREEDY, greedy, 3);
	ck_assert_uint_eq(given(), 5);
	ck_assert(!from_guest_early(facts.guest));
	end();
}
END_TEST

/* The connection was greedy when its first packet was seen. */
START_TEST(packets_of_a_connection_never_overtake_each_other)
{
	static const uint8_t first[] = { (uint8_t)BASE };
	static const uint8_t second[] = { (uint8_t)(BASE + 1) };

	begin();
	send_packet(GREEDY, PACKET_RW, LEN);
	from_guest_collect(facts.guest, &turn, false);
	share()->period += 4; /* it is light now */
	send_packet(GREEDY, PACKET_RW, LEN);
	from_guest_collect(facts.guest, &turn, false);
	expect_staged(GREEDY, NULL, 0);
	share()->light_only = false;
	share()->left_out = 1;
	ck_assert_int_eq(from_guest_collect(facts.guest, &turn, false),
			 STEP_MORE);
	expect_staged(GREEDY, first, 1);
	clear();
	share()->left_out = 1;
	from_guest_collect(facts.guest, &turn, false);
	expect_staged(GREEDY, second, 1);
	end();
}
END_TEST

/* Packets of no connection, malformed ones and those of greedy connections wait. */
START_TEST(nothing_else_overtakes)
{
	static const uint8_t light[] = { (uint8_t)(BASE + 4) };

	begin();
	send_packet(CONNECTIONS, PACKET_RW, LEN);
	send_packet(LIGHT + 1, PACKET_RW, LEN); /* no such connection */
	desc_of(GUEST_TX)[(uint16_t)(next - 1) % SIZE].len =
		htole32(PACKET_HEADER_SIZE);
	send_packet(GREEDY, PACKET_CREDIT_UPDATE, 0);
	send_packet(CONNECTIONS + 1, PACKET_REQUEST, 0);
	send_packet(LIGHT, PACKET_RW, LEN);
	from_guest_collect(facts.guest, &turn, false);
	expect_staged(LIGHT, light, 1);
	ck_assert_uint_eq(turn.nsends, 1);
	ck_assert_uint_eq(facts.guest->resets.count, 0);
	ck_assert_uint_eq(facts.guest->queue[GUEST_TX].vq.nearly, 1);
	share()->light_only = false;
	from_guest_collect(facts.guest, &turn, false);
	ck_assert_uint_ge(facts.guest->resets.count, 2);
	ck_assert_uint_eq(given(), 5);
	end();
}
END_TEST

/* The first REQUEST of these ports is taken after the RST behind it was peeked
 * at. Another REQUEST does not pass the RST. */
START_TEST(nor_packets_that_were_there_before_the_connection)
{
	begin();
	link_kill(links[LIGHT]);
	fd_close(&programs[LIGHT]);
	send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_RST, 0);
	from_guest_collect(facts.guest, &turn, false);
	join(LIGHT);
	send_packet(LIGHT, PACKET_REQUEST, 0);
	from_guest_collect(facts.guest, &turn, false);
	ck_assert(!from_guest_early(facts.guest));
	end();
}
END_TEST

/* The old connection has ended, and would answer the REQUEST by an RST, which
 * would end the next one. The packets behind the REQUEST wait as well. */
START_TEST(nor_the_request_for_the_next_connection_of_the_same_ports)
{
	struct conn *conn;
	struct packet shutdown;

	begin();
	conn = &links[LIGHT]->conn;
	conn_next_control(conn, facts.guest->config->guest_cid, &shutdown);
	conn_host_ended(conn, true);
	conn_next_control(conn, facts.guest->config->guest_cid, &shutdown);
	ck_assert_int_eq(shutdown.op, PACKET_SHUTDOWN);
	send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_REQUEST, 0);
	send_packet(LIGHT, PACKET_RW, LEN);
	from_guest_collect(facts.guest, &turn, false);
	ck_assert(!from_guest_early(facts.guest));
	ck_assert(conn_gives_way(conn) && !conn_has_control(conn));
	end();
}
END_TEST

/* They are taken however short the turn is, and whatever the ring waits for. The
 * packets behind them go on waiting. */
START_TEST(early_ones_are_taken_before_the_ring_stops)
{
	begin();
	for (unsigned i = 0; i < 20; i++)
		send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_RW, LEN);
	send_packet(CONNECTIONS, PACKET_RW, LEN);
	from_guest_collect(facts.guest, &turn, false);
	clear();
	ck_assert(from_guest_early(facts.guest));
	facts.guest->resets.count = RESETS_MAX;
	share()->left_out = 0;
	from_guest_collect(facts.guest, &turn, true);
	facts.guest->resets.count = 0;
	ck_assert(!from_guest_early(facts.guest));
	ck_assert_uint_eq(given(), 21);
	end();
}
END_TEST

/* Otherwise the front end would wait for that packet for ever. */
START_TEST(an_early_one_that_the_guest_takes_back_breaks_the_ring)
{
	begin();
	send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_RW, LEN);
	from_guest_collect(facts.guest, &turn, false);
	clear();
	ck_assert(from_guest_early(facts.guest));
	avail_of(GUEST_TX)[1] = htole16((uint16_t)(next - 1));
	from_guest_collect(facts.guest, &turn, true);
	clear();
	from_guest_collect(facts.guest, &turn, true);
	ck_assert(!from_guest_early(facts.guest));
	ck_assert_ptr_nonnull(virtq_broken(&facts.guest->queue[GUEST_TX].vq));
	end();
}
END_TEST

/* Messages are light or greedy as streams are. */
START_TEST(light_messages_overtake)
{
	static const uint8_t light[] = { (uint8_t)(BASE + 1) };

	type = PACKET_SEQPACKET;
	begin();
	send_packet(GREEDY, PACKET_RW, LEN);
	send_packet(LIGHT, PACKET_RW, LEN);
	ck_assert_int_eq(from_guest_collect(facts.guest, &turn, false),
			 STEP_MORE);
	expect_staged(LIGHT, light, 1);
	expect_staged(GREEDY, NULL, 0);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		light_packets_overtake_and_are_given_back_in_their_turn,
		light_messages_overtake,
		packets_of_a_connection_never_overtake_each_other,
		nothing_else_overtakes,
		nor_packets_that_were_there_before_the_connection,
		nor_the_request_for_the_next_connection_of_the_same_ports,
		early_ones_are_taken_before_the_ring_stops,
		an_early_one_that_the_guest_takes_back_breaks_the_ring,
	};
	Suite *suite = suite_create("overtaking");
	TCase *tc = tcase_create("packets");

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
