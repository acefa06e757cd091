/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which connections are SOCK_SEQPACKET, by the types on both sides, the feature
 * bit and the line on <uds-path>_seqpacket.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "system/hand.h"

#define GUEST_PORT 1024u

enum {
	STREAM = VIRTIO_VSOCK_TYPE_STREAM,
	SEQPACKET = VIRTIO_VSOCK_TYPE_SEQPACKET,
};

START_TEST(a_socket_of_the_other_type_refuses)
{
	const char *uds;
	struct gsock *g;
	struct scene s;
	int listener;

	scene_open(&s, _i);
	uds = s.daemon.uds[0];
	listener = host_listen(uds, PORT, 8);
	g = gsock_connect_seqpacket(&s.guest.sockets, PORT);
	drive_until(&s.world, g->refused);
	ck_assert_uint_eq(g->last.type, SEQPACKET);
	host_unlisten(uds, PORT, listener);
	gsock_close(g);

	listener = host_listen_seqpacket(uds, PORT, 8);
	g = gsock_connect(&s.guest.sockets, PORT);
	drive_until(&s.world, g->refused);
	ck_assert_uint_eq(g->last.type, STREAM);
	host_unlisten(uds, PORT, listener);
	gsock_close(g);

	g = gsock_connect_seqpacket(&s.guest.sockets, PORT);
	drive_until(&s.world, g->refused);
	gsock_close(g);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* In both directions: a stranger's packet of the other type is answered by an
 * RST of that type, and the connection between the same ports goes on. */
START_TEST(packets_of_another_type_are_answered_and_harm_nobody)
{
	static const uint16_t types[] = { STREAM, 3, 0, 0xffff };
	struct hand h;
	struct scene s;

	scene_open(&s, _i);
	hand_open(&h, &s);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		for (int op = VIRTIO_VSOCK_OP_REQUEST;
		     op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST; op++) {
			uint64_t before = h.g->packets;

			if (op == VIRTIO_VSOCK_OP_RST)
				continue;
			h.g->type = types[i];
			hand_send(&h, (uint16_t)op, 0, NULL, 0);
			drive_until(&s.world, h.g->packets > before);
			ck_assert_uint_eq(h.g->last.op, VIRTIO_VSOCK_OP_RST);
			ck_assert_uint_eq(h.g->last.type, types[i]);
		}
		hand_send(&h, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
	}
	h.g->type = SEQPACKET;
	hand_send(&h, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_SEQ_EOM, "hello", 5);
	drive_until(&s.world, h.host.messages.count);
	ck_assert(sink_is(&h.host.in, "hello"));
	host_close(&h.host);
	scene_close(&s);
}
END_TEST

/* The daemon logs "host program: closed without a byte", and why. */
static void expect_closed(struct scene *s, int fd)
{
	struct host_conn c;

	host_adopt(&c, &s->world, fd);
	c.wants_line = true;
	drive_until(&s->world, host_over(&c));
	ck_assert_uint_eq(c.line_length, 0);
	host_close(&c);
}

static int dial_messages(struct scene *s)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s_seqpacket", s->daemon.uds[0]);
	fd = host_dial_seqpacket(path);
	need(fd >= 0, path);
	return fd;
}

START_TEST(without_the_feature_there_are_streams_only)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct gsock *g;
	struct scene s;
	int fd, listener;

	config.driver.features &= ~VU_F_SEQPACKET;
	scene_open_with(&s, _i, &config);
	listener = host_listen_seqpacket(s.daemon.uds[0], PORT, 8);
	g = gsock_connect_seqpacket(&s.guest.sockets, PORT);
	drive_until(&s.world, g->refused);
	ck_assert_uint_eq(g->last.type, SEQPACKET);
	host_unlisten(s.daemon.uds[0], PORT, listener);
	gsock_close(g);

	fd = dial_messages(&s);
	need(send(fd, "CONNECT 1024", 12, MSG_NOSIGNAL) == 12, "send");
	expect_closed(&s, fd);
	ck_assert_uint_eq(
		daemon_log_count(&s.daemon, "does not know SOCK_SEQPACKET"), 1);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(seqpacket_no_offers_nothing)
{
	char path[128];
	struct scene s;

	scene_open_with_keys(&s, _i, ",seqpacket=no");
	ck_assert_uint_eq(s.guest.offered & VU_F_SEQPACKET, 0);
	snprintf(path, sizeof(path), "%s_seqpacket", s.daemon.uds[0]);
	ck_assert_int_lt(host_dial_seqpacket(path), 0);
	ck_assert_int_eq(errno, ENOENT);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(the_first_message_is_the_line)
{
	static const struct {
		const char *message;
		bool good;
	} rows[] = {
		/*  1 */ { "CONNECT 1024\n", true },
		/*  2 */ { "CONNECT 1024", true },
		/*  3 */ { "connect 1024\r\n", true },
		/*  4 */ { "CONNECT 1025", false }, /* nobody listens */
		/*  5 */ { "", false },
		/*  6 */ { "CONNECT", false },
		/*  7 */ { "CONNECT ", false },
		/*  8 */ { "CONNECT 1024 ", false },
		/*  9 */ { "CONNECT 1024\nhello", false },
		/* 10 */ { "CONNECT 1024\n\n", false },
		/* 11 */ { "CONNECT 4294967295", false },
		/* 12 */ { "CONNECT -1", false },
		/* 13 */ { "HELLO 1024", false },
		/* 14 */ { "CONNECT 0000000000000000000000001024", false },
	};
	struct gsock *listener;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, GUEST_PORT);
	listener->type = SEQPACKET;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].message);
		struct host_conn c;
		int fd = dial_messages(&s);

		s.world.context = rows[i].message;
		need(send(fd, rows[i].message, n, MSG_NOSIGNAL) == (ssize_t)n,
		     "send");
		if (!rows[i].good) {
			expect_closed(&s, fd);
			continue;
		}
		host_adopt(&c, &s.world, fd);
		c.wants_line = true;
		drive_until(&s.world, !c.wants_line);
		ck_assert(host_ready(&c));
		gsock_close(gsock_accept(listener));
		host_close(&c);
	}
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_socket_of_the_other_type_refuses,
		packets_of_another_type_are_answered_and_harm_nobody,
		without_the_feature_there_are_streams_only,
		seqpacket_no_offers_nothing,
		the_first_message_is_the_line,
	};

	return run_tests("system/seqpacket_types", tests, ARRAY_SIZE(tests));
}
