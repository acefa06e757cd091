/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests that abuse their siblings. All that they can use up is their own, and
 * what they say too late changes nothing. Their packets are made by hand.
 */

#include "system/twins.h"

static const uint8_t payload[65536];

struct hand {
	struct guest *guest;
	struct gsock *sock;
};

static struct hand hand_of(struct guest *guest, uint32_t port, uint32_t peer,
			   uint64_t peer_cid, uint16_t type)
{
	struct hand h = { guest, gsock_raw(&guest->sockets, port, peer) };

	h.sock->peer_cid = peer_cid;
	h.sock->type = type;
	return h;
}

static void say(struct hand *h, uint16_t op, uint32_t flags, uint32_t buf_alloc,
		uint32_t len)
{
	struct packet p = gsock_packet(h->sock, op);

	p.flags = flags;
	p.buf_alloc = buf_alloc;
	p.len = len;
	drive_until(h->guest->world, driver_send_raw(&h->guest->sockets.driver,
						     &p, payload, len));
}

static void settle(struct guest *guest)
{
	drive_until(guest->world, driver_tx_idle(&guest->sockets.driver));
}

/* The credit that B's connections to host programs are granted. */
static uint32_t grant_of_b(struct twins *t)
{
	struct pair p;
	uint32_t grant;

	pair_open_from_guest(&p, &t->b, t->s.daemon.uds[1]);
	grant = p.guest->peer_buf_alloc;
	pair_close(&p);
	return grant;
}

START_TEST(announcing_much_costs_nobody_else)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;
		struct hand a;
		uint32_t grant;

		twins_open(&t, _i, w);
		grant = grant_of_b(&t);
		twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
		a = (struct hand){ &t.s.guest, t.in_a };
		for (unsigned i = 0; i < 300; i++) {
			say(&a, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, UINT32_MAX,
			    0);
			settle(&t.s.guest);
		}
		ck_assert_uint_eq(grant_of_b(&t), grant);
		twins_close(&t);
	}
}
END_TEST

/* However often a guest announces buffers, it is granted 512 MiB altogether,
 * and at least 4 KiB for each connection. */
START_TEST(announcing_often_is_bounded)
{
	enum { COUNT = 100 };
	uint64_t sum = 0;
	struct twins t;

	twins_open(&t, _i, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		struct hand b;

		twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
		b = (struct hand){ &t.b, t.in_b };
		for (unsigned k = 0; k < 40; k++)
			say(&b, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, 16 * MIB, 0);
		settle(&t.b);
		scene_check_works(&t.s);
		sum += t.in_a->peer_buf_alloc;
	}
	ck_assert_uint_le(sum, 512ull * MIB + COUNT * 8192);
	twins_close(&t);
}
END_TEST

/* Streams that take every buffer there is: other connections are still served
 * in between. */
START_TEST(a_short_ring_serves_everybody)
{
	const struct daemon_config d = { .vms = 2 };
	struct guest_config a = guest_defaults(DAEMON_CID);
	struct guest_config b = guest_defaults(DAEMON_CID + 1);
	struct twins t;

	b.driver.rx_size = 8;
	twins_open_with(&t, _i, 0, &d, &a, &b);
	for (unsigned i = 0; i < 4; i++) {
		twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
		gsock_send(t.in_a, TO_B, 1024ull * MIB);
		gsock_send(t.in_b, TO_A, 1024ull * MIB);
		gsock_read_all(t.in_a);
		gsock_read_all(t.in_b);
	}
	drive_until(&t.s.world, t.in_b->in.got > MIB);
	for (unsigned i = 0; i < 5; i++) {
		struct pair p;

		pair_open_from_host(&p, &t.b, t.s.daemon.uds[1]);
		pair_close(&p);
	}
	twins_close(&t);
}
END_TEST

/* B announces 4 MiB, then next to nothing. A sends as much and goes. */
static void leave_bytes(struct twins *t, uint32_t port)
{
	struct hand a = hand_of(&t->s.guest, port, 7, DAEMON_CID + 1,
				VIRTIO_VSOCK_TYPE_STREAM);
	struct hand b =
		hand_of(&t->b, 7, port, DAEMON_CID, VIRTIO_VSOCK_TYPE_STREAM);
	uint32_t granted;

	say(&a, VIRTIO_VSOCK_OP_REQUEST, 0, 65536, 0);
	drive_until(&t->s.world, b.sock->packets);
	say(&b, VIRTIO_VSOCK_OP_RESPONSE, 0, 4 * MIB, 0);
	drive_until(&t->s.world, a.sock->packets);
	ck_assert_uint_eq(a.sock->last.op, VIRTIO_VSOCK_OP_RESPONSE);
	granted = a.sock->last.buf_alloc;
	ck_assert_uint_le(granted, 4 * MIB);
	say(&b, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, 1, 0);
	drive_until(&t->s.world, a.sock->packets == 2);
	for (; granted >= 65536; granted -= 65536)
		say(&a, VIRTIO_VSOCK_OP_RW, 0, 65536, 65536);
	say(&a, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_BOTH, 65536, 0);
	drive_until(&t->s.world, a.sock->last.op == VIRTIO_VSOCK_OP_RST);
	gsock_free(a.sock);
}

START_TEST(bytes_left_behind_are_bounded)
{
	struct daemon_usage usage;
	struct twins t;

	twins_open(&t, _i, 0);
	for (unsigned i = 0; i < 250; i++)
		leave_bytes(&t, 1000 + i);
	usage = daemon_usage(&t.s.daemon);
	/* 512 MiB of credit, in buffers that may be up to twice as large */
	expect_memory(usage.anonymous_kib, 800 * 1024);
	twins_close(&t);
}
END_TEST

/* Both guests reset the connection, and A asks again from the same ports,
 * before the daemon has told either of anything. The end of B's old connection
 * must not end the new one. */
START_TEST(a_late_end_is_the_old_connections)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct hand a, b;
		struct twins t;

		twins_open(&t, _i, w);
		a = hand_of(&t.s.guest, 1000, 7, DAEMON_CID + 1,
			    VIRTIO_VSOCK_TYPE_STREAM);
		b = hand_of(&t.b, 7, 1000, DAEMON_CID,
			    VIRTIO_VSOCK_TYPE_STREAM);
		say(&a, VIRTIO_VSOCK_OP_REQUEST, 0, 65536, 0);
		drive_until(&t.s.world, b.sock->packets);
		say(&b, VIRTIO_VSOCK_OP_RESPONSE, 0, 65536, 0);
		drive_until(&t.s.world, a.sock->packets);
		settle(&t.b);
		daemon_freeze(&t.s.daemon);
		say(&b, VIRTIO_VSOCK_OP_RST, 0, 65536, 0);
		say(&a, VIRTIO_VSOCK_OP_RST, 0, 65536, 0);
		say(&a, VIRTIO_VSOCK_OP_REQUEST, 0, 65536, 0);
		daemon_thaw(&t.s.daemon);
		/* The new one is refused, or B is asked and may accept. */
		drive_until(&t.s.world,
			    a.sock->last.op == VIRTIO_VSOCK_OP_RST ||
				    b.sock->last.op == VIRTIO_VSOCK_OP_REQUEST);
		if (b.sock->last.op == VIRTIO_VSOCK_OP_REQUEST &&
		    a.sock->last.op != VIRTIO_VSOCK_OP_RST) {
			say(&b, VIRTIO_VSOCK_OP_RESPONSE, 0, 65536, 0);
			drive_until(&t.s.world,
				    a.sock->last.op ==
					    VIRTIO_VSOCK_OP_RESPONSE);
		}
		guest_check_works(&t.b, t.s.daemon.uds[1]);
		twins_close(&t);
	}
}
END_TEST

/* Empty messages: no credit counts them, and nothing says that they were read.
 * */
START_TEST(messages_without_a_byte_go_on)
{
	enum { COUNT = 3000 };

	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;
		struct hand a;

		twins_open(&t, _i, w);
		twins_meet(&t, VIRTIO_VSOCK_TYPE_SEQPACKET);
		gsock_read_all(t.in_b);
		a = (struct hand){ &t.s.guest, t.in_a };
		for (unsigned i = 0; i < COUNT; i++) {
			say(&a, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_SEQ_EOM,
			    GSOCK_BUFFER, 0);
			drive_until(&t.s.world,
				    t.in_b->messages.count == i + 1);
		}
		ck_assert(!t.in_a->reset && !t.in_b->reset);
		twins_close(&t);
	}
}
END_TEST

START_TEST(a_flood_of_requests_leaves_room_for_others)
{
	struct guest_config config = guest_defaults(DAEMON_CID + 2);
	const struct daemon_config d = { .vms = 3 };
	struct guest_config a = guest_defaults(DAEMON_CID);
	struct guest_config b = guest_defaults(DAEMON_CID + 1);
	struct guest other;
	struct gsock *g;
	struct twins t;

	twins_open_with(&t, _i, 0, &d, &a, &b);
	guest_boot(&other, &config, &t.s.world, t.s.daemon.socket[2]);
	gsock_listen(&t.b.sockets, SIBLING_PORT);
	driver_pause_rx(&t.b.sockets.driver, true);
	for (unsigned i = 0; i < 1100; i++) {
		struct hand h = hand_of(&t.s.guest, 1000 + i, 7, DAEMON_CID + 1,
					VIRTIO_VSOCK_TYPE_STREAM);

		say(&h, VIRTIO_VSOCK_OP_REQUEST, 0, 65536, 0);
	}
	settle(&t.s.guest);
	g = gsock_connect_from(&other.sockets, 5555, DAEMON_CID + 1,
			       SIBLING_PORT);
	settle(&other);
	driver_pause_rx(&t.b.sockets.driver, false);
	drive_until(&t.s.world, g->state != GSOCK_CONNECTING);
	ck_assert(g->state == GSOCK_OPEN);
	guest_free(&other);
	twins_close(&t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		announcing_much_costs_nobody_else,
		announcing_often_is_bounded,
		a_short_ring_serves_everybody,
		bytes_left_behind_are_bounded,
		a_late_end_is_the_old_connections,
		messages_without_a_byte_go_on,
		a_flood_of_requests_leaves_room_for_others,
	};

	return run_tests("system/siblings_hostile", tests, ARRAY_SIZE(tests));
}
