/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Receive buffers of a turn, some of which stay empty. The guest gets its packets
 * in the order in which the buffers were available; no byte and no mark of a
 * message's end is lost; and buffers that were not needed are still in the ring.
 */
#include <linux/virtio_config.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/fd.h"
#include "guest/rx_buffers.h"
#include "suite.h"
#include "turn/turn.h"
#include "unit/session/session_fixture.h"

#define BUFFERS 6
#define RAM_AT 0x80000 /* of the buffers, in guest memory */
#define SPACE 1024     /* of each */
#define EMPTY UINT32_MAX

/*
 * Each buffer's room for payload; the payload of the packet that was read into it,
 * or EMPTY; the payloads that the guest finds, by buffer, and in how many
 * buffers. Sizes of 0 end a row.
 */
static const struct {
	uint32_t room[BUFFERS];
	uint32_t packet[BUFFERS];
	uint32_t found[BUFFERS + 1];
	unsigned used;
} rows[] = {
	/* nothing is empty, all are, the last ones are */
	{ { 9, 9, 9 }, { 9, 5, 1 }, { 9, 5, 1 }, 3 },
	{ { 9, 9, 9 }, { EMPTY, EMPTY, EMPTY }, { 0 }, 0 },
	{ { 9, 9, 9 }, { 9, EMPTY, EMPTY }, { 9 }, 1 },
	/* packets move up, over one empty buffer and over many */
	{ { 9, 9, 9 }, { EMPTY, 9, 5 }, { 9, 5 }, 2 },
	{ { 9, 9, 9 }, { EMPTY, EMPTY, 5 }, { 5 }, 1 },
	{ { 9, 9, 9, 9, 9 }, { EMPTY, 1, EMPTY, 2, 3 }, { 1, 2, 3 }, 3 },
	{ { 9, 9, 9, 9 }, { 1, EMPTY, 0, 3 }, { 1, 0, 3 }, 3 },
	/* into larger and into smaller ones */
	{ { 100, 9, 9 }, { EMPTY, 9, 9 }, { 9, 9 }, 2 },
	{ { 4, 9, 9 }, { EMPTY, 9, 9 }, { 4, 5, 9 }, 3 },
	{ { 1, 9, 9 }, { EMPTY, 9, EMPTY }, { 1, 8 }, 2 },
	{ { 1, 1, 1, 9 }, { EMPTY, EMPTY, EMPTY, 9 }, { 1, 1, 1, 6 }, 4 },
	{ { 1, 1, 1, 9, 9 }, { EMPTY, EMPTY, EMPTY, 2, 9 }, { 1, 1, 1, 8 }, 4 },
	{ { 4, 4, 4, 600, 4 },
	  { EMPTY, EMPTY, EMPTY, 600, 3 },
	  { 4, 4, 4, 588, 3 },
	  5 },
	/* a packet without a byte fits everywhere */
	{ { 1, 9 }, { EMPTY, 0 }, { 0 }, 1 },
};

static struct turn turn;
static struct turn_guest part;
static struct guest *guest;
static int fd;

/* Byte I of the stream that all packets of a row carry together. */
static uint8_t stream(unsigned i)
{
	return (uint8_t)(i * 37 + 11);
}

/* How buffers are cut: one segment, the header apart, within header or payload. */
static const unsigned cuts[] = { 0, PACKET_HEADER_SIZE, 20 };

/* Makes buffer I available, with ROOM for payload, in descriptors 2 I and
 * 2 I + 1. */
static void post(unsigned i, uint32_t room, unsigned cut)
{
	uint64_t at = RAM_AT + i * SPACE;
	uint32_t size = PACKET_HEADER_SIZE + room;
	struct vring_desc *d = desc_of(GUEST_RX) + 2 * i;
	uint16_t *avail = avail_of(GUEST_RX);

	d[0] = d[1] = (struct vring_desc){
		.addr = htole64(at),
		.len = htole32(size),
		.flags = htole16(VRING_DESC_F_WRITE),
	};
	if (cut) {
		d[0].len = htole32(cut);
		d[0].flags |= htole16(VRING_DESC_F_NEXT);
		d[0].next = htole16((uint16_t)(2 * i + 1));
		d[1].addr = htole64(at + cut + 100);
		d[1].len = htole32(size - cut);
	}
	avail[2 + le16toh(avail[1]) % SIZE] = htole16((uint16_t)(2 * i));
	show_more(GUEST_RX, 1);
}

/* Copies LEN bytes at OFFSET of buffer I. */
static void look(unsigned i, unsigned cut, size_t offset, void *to, size_t len)
{
	const uint8_t *at = ram + RAM_AT + i * SPACE;
	uint8_t whole[SPACE];

	memcpy(whole, at, cut);
	memcpy(whole + cut, at + cut + (cut ? 100 : 0), sizeof(whole) - 200);
	memcpy(to, whole + offset, len);
}

static void begin(void)
{
	session_open(0);
	fd = session_connect();
	negotiate(fd, true);
	/* Without IN_ORDER each buffer has a used element of its own. */
	say_number(fd, VHOST_USER_SET_FEATURES,
		   facts.guest->session.features &
			   ~(1ull << VIRTIO_F_IN_ORDER));
	start_queues(fd, 0);
	guest = facts.guest;
	turn_clear(&turn);
}

static void end(void)
{
	fd_close(&fd);
	session_pump();
	session_close();
}

/* Puts packet I, of LEN bytes of the stream from AT on, into its buffer. */
static void fill(unsigned i, uint32_t len, unsigned at)
{
	struct packet packet = {
		.op = PACKET_RW,
		.type = PACKET_SEQPACKET,
		.src_cid = 2,
		.dst_cid = guest_cid(guest),
		.src_port = 100 + i,
		.dst_port = 7,
		.len = len,
		.flags = PACKET_END_OF_MESSAGE,
		.fwd_cnt = 4000 + i,
	};
	uint8_t bytes[SPACE];

	for (unsigned k = 0; k < len; k++)
		bytes[k] = stream(at + k);
	rx_fill(&turn.buffers[i], bytes, len);
	rx_give(guest, &turn.buffers[i], &packet);
}

/* The Nth used buffer holds a packet of LEN bytes of the stream, from AT on.
 * Returns the port that the packet came from. */
static unsigned check_packet(unsigned n, uint32_t len, unsigned cut,
			     unsigned at)
{
	const struct vring_used_elem *used =
		(const void *)&used_of(GUEST_RX)[2];
	uint8_t bytes[SPACE];
	struct packet p;

	ck_assert_uint_eq(le32toh(used[n].id), 2 * n);
	look(n, cut, 0, bytes, PACKET_HEADER_SIZE);
	ck_assert_int_eq(packet_parse(bytes, &p), 0);
	ck_assert_uint_eq(p.len, len);
	ck_assert_uint_eq(le32toh(used[n].len), PACKET_HEADER_SIZE + p.len);
	ck_assert_uint_eq(p.fwd_cnt, 4000 + p.src_port - 100);
	look(n, cut, PACKET_HEADER_SIZE, bytes, p.len);
	for (unsigned k = 0; k < p.len; k++)
		ck_assert_uint_eq(bytes[k], stream(at + k));
	return p.flags ? p.src_port : 0;
}

static unsigned buffers_of(unsigned row)
{
	unsigned n = 0;

	while (n < BUFFERS && rows[row].room[n])
		n++;
	return n;
}

/* Takes all buffers of ROW, and fills some. */
static void play(unsigned row, unsigned cut)
{
	unsigned n = buffers_of(row), at = 0;

	for (unsigned i = 0; i < n; i++)
		post(i, rows[row].room[i], cut);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_ptr_eq(rx_take(guest, &turn), &turn.buffers[i]);
		ck_assert_uint_eq(rx_room(&turn.buffers[i]), rows[row].room[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (rows[row].packet[i] == EMPTY)
			continue;
		fill(i, rows[row].packet[i], at);
		at += rows[row].packet[i];
	}
	part = (struct turn_guest){ .guest = guest, .buffers = n };
	rx_return(&turn, &part);
	virtq_publish(&guest->queue[GUEST_RX].vq);
}

/* The pieces of a packet follow each other, and the last one ends it. */
START_TEST(packets_move_up_in_order)
{
	unsigned row = (unsigned)_i / (unsigned)ARRAY_SIZE(cuts);
	unsigned cut = cuts[(unsigned)_i % ARRAY_SIZE(cuts)];
	unsigned at = 0, ends = 0, packets = 0, last = 0;
	struct virtq *vq;

	begin();
	play(row, cut);
	for (unsigned i = 0; i < buffers_of(row); i++)
		packets += rows[row].packet[i] != EMPTY;
	ck_assert_uint_eq(le16toh(used_of(GUEST_RX)[1]), rows[row].used);
	for (unsigned i = 0; i < rows[row].used; i++) {
		unsigned port = check_packet(i, rows[row].found[i], cut, at);

		at += rows[row].found[i];
		if (!port)
			continue;
		ck_assert_uint_gt(port, last);
		last = port;
		ends++;
	}
	ck_assert_uint_eq(ends, packets);
	vq = &guest->queue[GUEST_RX].vq;
	ck_assert_uint_eq(vq->in_flight, 0);
	ck_assert_uint_eq(virtq_look(vq), buffers_of(row) - rows[row].used);
	end();
}
END_TEST

/* A packet with no empty buffer before it is given to the guest at once. */
START_TEST(packets_behind_nothing_empty_go_at_once)
{
	begin();
	for (unsigned i = 0; i < 3; i++) {
		post(i, 9, 0);
		rx_take(guest, &turn);
	}
	fill(0, 9, 0);
	fill(2, 9, 9);
	virtq_publish(&guest->queue[GUEST_RX].vq);
	ck_assert_uint_eq(le16toh(used_of(GUEST_RX)[1]), 1);
	fill(1, 3, 18);
	virtq_publish(&guest->queue[GUEST_RX].vq);
	ck_assert_uint_eq(le16toh(used_of(GUEST_RX)[1]), 2);
	part = (struct turn_guest){ .guest = guest, .buffers = 3 };
	rx_return(&turn, &part);
	virtq_publish(&guest->queue[GUEST_RX].vq);
	ck_assert_uint_eq(le16toh(used_of(GUEST_RX)[1]), 3);
	end();
}
END_TEST

/* Of buffers of one segment and of two; the room of each is 9. How many may be
 * offered, and how many bytes; how many are, and how many of these. */
static const struct {
	const unsigned cut[BUFFERS];
	uint32_t count, max, taken, bytes;
} offers[] = {
	{ { 0, 0, 0, 0, 0, 0 }, 6, 1000, 6, 54 },
	{ { 0, 0, 0, 0, 0, 0 }, 4, 1000, 4, 36 },
	{ { 0, 0, 0, 0, 0, 0 }, 6, 20, 3, 20 },
	{ { 0, 0, 0, 0, 0, 0 }, 6, 18, 2, 18 },
	{ { 0, 20, 0, 0, 44, 0 }, 6, 1000, 6, 54 },
	{ { 20, 20, 20, 20, 20, 20 }, 6, 1000, 6, 54 },
	{ { 0, 0, 20, 20, 0, 0 }, 3, 1000, 3, 27 },
	{ { 0, 0, 20, 20, 0, 0 }, 6, 30, 4, 30 },
	{ { 0, 0, 0, 0, 0, 20 }, 10, 1000, 6, 54 },
};

START_TEST(as_many_are_offered_as_are_asked_for)
{
	uint32_t bytes = 0;

	begin();
	for (unsigned i = 0; i < BUFFERS; i++)
		post(i, 9, offers[_i].cut[i]);
	ck_assert_uint_eq(rx_offer(guest, &turn, offers[_i].count,
				   offers[_i].max),
			  offers[_i].bytes);
	ck_assert_uint_eq(turn.nbuffers, offers[_i].taken);
	for (uint32_t i = 0; i < turn.npayload; i++) {
		ck_assert_uint_gt(turn.payload[i].iov_len, 0);
		memset(turn.payload[i].iov_base, 'x', turn.payload[i].iov_len);
		bytes += (uint32_t)turn.payload[i].iov_len;
	}
	ck_assert_uint_eq(bytes, offers[_i].bytes);
	for (unsigned i = 0, left = bytes; left; i++) {
		unsigned n = min_u32(left, 9);
		uint8_t found[SPACE];

		look(i, offers[_i].cut[i], PACKET_HEADER_SIZE, found, n);
		for (unsigned k = 0; k < n; k++)
			ck_assert_uint_eq(found[k], 'x');
		left -= n;
	}
	ck_assert_uint_eq(virtq_look(&guest->queue[GUEST_RX].vq),
			  BUFFERS - offers[_i].taken);
	part = (struct turn_guest){ .guest = guest, .buffers = turn.nbuffers };
	rx_return(&turn, &part);
	end();
}
END_TEST

/* However many the ring has, a turn takes no more than it has room for. */
START_TEST(a_full_turn_is_offered_nothing)
{
	begin();
	for (unsigned i = 0; i < 3; i++)
		post(i, 9, 0);
	ck_assert_uint_eq(rx_offer(guest, &turn, 1, 100), 9);
	turn.nbuffers = TURN_BUFFERS;
	ck_assert_uint_eq(rx_offer(guest, &turn, 1, 100), 0);
	turn.nbuffers = 1;
	turn.nrx_segments = TURN_BUFFER_SEGMENTS + 1;
	ck_assert_uint_eq(rx_offer(guest, &turn, 1, 100), 0);
	turn.nrx_segments = 1;
	ck_assert_uint_eq(rx_offer(guest, &turn, 2, 100), 18);
	part = (struct turn_guest){ .guest = guest, .buffers = 3 };
	rx_return(&turn, &part);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rx_buffers");
	TCase *c = tcase_create("rx_buffers");

	tcase_add_loop_test(c, packets_move_up_in_order, 0,
			    ARRAY_SIZE(rows) * ARRAY_SIZE(cuts));
	tcase_add_test(c, packets_behind_nothing_empty_go_at_once);
	tcase_add_loop_test(c, as_many_are_offered_as_are_asked_for, 0,
			    ARRAY_SIZE(offers));
	tcase_add_test(c, a_full_turn_is_offered_nothing);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
