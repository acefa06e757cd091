/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * SOCK_SEQPACKET at its edges: messages that are too long, empty or never end,
 * and connections that end in the middle of a message.
 */
#include <signal.h>
#include <sys/socket.h>

#include "system/hand.h"

#define SMALL 4096u /* the least tx-buffer-size */

enum { EOM = VIRTIO_VSOCK_SEQ_EOM, EOR = VIRTIO_VSOCK_SEQ_EOR };

START_TEST(a_message_is_held_until_its_end_comes)
{
	struct hand h;
	struct scene s;

	scene_open(&s, _i);
	hand_open(&h, &s);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, 0, "one", 3);
	scene_flush(&s);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, 0, " and", 4);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, 0, NULL, 0);
	scene_flush(&s);
	ck_assert_uint_eq(h.host.messages.count, 0);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, " two", 4);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM | EOR, "three", 5);
	drive_until(&s.world, h.host.messages.count == 2);
	ck_assert(sink_is(&h.host.in, "one and twothree"));
	ck_assert_uint_eq(h.host.messages.at[0], 11);
	ck_assert_uint_eq(h.host.messages.at[1], 5);
	host_close(&h.host);
	scene_close(&s);
}
END_TEST

/* 200 and 1,000 segments in one turn: sendmsg(2) takes 1,024. */
START_TEST(a_message_may_have_more_segments_than_one_call_takes)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	static char bytes[4000];
	struct hand h;
	struct scene s;

	config.driver.tx_shape.rest = 4;
	scene_open_with(&s, _i, &config);
	hand_open(&h, &s);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i % 251);
	daemon_freeze(&s.daemon);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, 0, bytes, 800);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, bytes, 4000);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, bytes, 10);
	daemon_thaw(&s.daemon);
	drive_until(&s.world, h.host.messages.count == 2);
	ck_assert_uint_eq(h.host.messages.at[0], 4800);
	ck_assert_uint_eq(h.host.messages.at[1], 10);
	host_close(&h.host);
	scene_close(&s);
}
END_TEST

/* Ways in which a guest may leave a message without its end. */
static const struct {
	uint16_t op;
	uint32_t flags;
} leaves[] = {
	{ VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_BOTH },
	{ VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_SEND },
	{ VIRTIO_VSOCK_OP_RST, 0 },
};

/* The end comes in the turn that brought the message's beginning, or in a later
 * one. */
START_TEST(a_message_without_end_is_dropped)
{
	struct hand h;
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(leaves); i++) {
		hand_open(&h, &s);
		hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, "whole", 5);
		hand_send(&h, VIRTIO_VSOCK_OP_RW, 0, "begun", 5);
		if (i % 2)
			scene_flush(&s);
		hand_send(&h, leaves[i / 2].op, leaves[i / 2].flags, NULL, 0);
		drive_until(&s.world, host_over(&h.host));
		ck_assert(sink_is(&h.host.in, "whole"));
		ck_assert_uint_eq(h.host.messages.count, 1);
		host_close(&h.host);
		if (leaves[i / 2].flags == SHUT_BOTH)
			hand_expect_reset(&h);
		hand_send(&h, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
		scene_flush(&s);
		gsock_close(h.g);
	}
	scene_close(&s);
}
END_TEST

/* A message that is larger than the credit, in one packet and in two. */
START_TEST(a_message_beyond_the_credit_resets)
{
	static const struct {
		uint32_t first, second;
	} rows[] = {
		{ SMALL + 1, 0 },
		{ SMALL, 0 }, /* its end cannot come any more */
		{ SMALL - 1, 2 },
	};
	char bytes[SMALL + 1] = "";
	struct hand h;
	struct scene s;

	scene_open_with_keys(&s, _i, ",tx-buffer-size=4096");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		hand_open(&h, &s);
		ck_assert_uint_eq(h.g->last.buf_alloc, SMALL);
		hand_send(&h, VIRTIO_VSOCK_OP_RW, 0, bytes, rows[i].first);
		if (rows[i].second)
			hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, bytes,
				  rows[i].second);
		hand_expect_reset(&h);
		drive_until(&s.world, host_over(&h.host));
		ck_assert_uint_eq(h.host.in.got, 0);
		host_close(&h.host);
		gsock_close(h.g);
		ck_assert_uint_eq(daemon_log_count(&s.daemon,
						   "a message is longer than"),
				  i + 1);
	}
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* The daemon promises what AF_UNIX sends at once, not what was configured. */
START_TEST(the_credit_is_no_more_than_a_host_socket_takes)
{
	struct scene s;
	struct pair p;

	scene_open_with_keys(&s, _i, ",tx-buffer-size=16777216");
	s.guest.sockets.buf_alloc = 16777216;
	pair_seqpacket_from_guest(&s, &p);
	ck_assert_uint_le(p.guest->peer_buf_alloc, 2 * 212992);
	gsock_set_write(p.guest, p.guest->peer_buf_alloc);
	pair_to_host(&p, p.guest->peer_buf_alloc);
	ck_assert_uint_eq(p.host.messages.count, 1);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(a_message_beyond_the_guests_buffer_resets)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	s.guest.sockets.buf_alloc = 5000;
	pair_seqpacket_from_host(&s, &p);
	p.host.write_size = 5000;
	pair_to_guest(&p, 5000);
	ck_assert_uint_eq(p.guest->messages.count, 1);
	p.host.write_size = 5001;
	host_send(&p.host, 9, 5001);
	drive_until(&s.world, p.guest->reset);
	drive_until(&s.world, host_over(&p.host));
	ck_assert_uint_eq(p.guest->in.got, 5000);
	ck_assert_uint_eq(
		daemon_log_count(&s.daemon, "a message of 5001 bytes"), 1);
	host_close(&p.host);
	gsock_close(p.guest);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* A guest that takes messages only whole, and counts packets. Its receive
 * buffers are so small that the packets of a message would outnumber those that
 * its buffer allows for. */
START_TEST(a_message_of_too_many_packets_resets)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct scene s;
	struct pair p;

	config.driver.rx_shape = (struct shape){
		.name = "100", .ncuts = 1, .cuts = { 100 }, .mode = RING_DIRECT
	};
	scene_open_with(&s, _i, &config);
	pair_seqpacket_from_host(&s, &p);
	gsock_read_all(p.guest);
	p.host.write_size = 100000;
	host_send(&p.host, 9, 100000);
	drive_until(&s.world, p.guest->reset);
	ck_assert_uint_eq(p.guest->messages.count, 0);
	host_close(&p.host);
	gsock_close(p.guest);
	scene_close(&s);
}
END_TEST

START_TEST(empty_messages_arrive_and_are_no_end)
{
	static const uint32_t due[] = { 0, 3, 0, 0, 2 };
	struct scene s;
	struct pair p;
	int fd;

	scene_open(&s, _i);
	pair_seqpacket_from_host(&s, &p);
	gsock_read_all(p.guest);
	fd = p.host.watch.fd;
	for (unsigned i = 0; i < ARRAY_SIZE(due); i++)
		ck_assert_int_eq(send(fd, "abc", due[i], MSG_NOSIGNAL),
				 (ssize_t)due[i]);
	drive_until(&s.world, p.guest->messages.count == ARRAY_SIZE(due));
	for (unsigned i = 0; i < ARRAY_SIZE(due); i++)
		ck_assert_uint_eq(p.guest->messages.at[i], due[i]);
	ck_assert(!gsock_eof(p.guest));
	/* one of them right before the end */
	send(fd, "", 0, MSG_NOSIGNAL);
	host_shutdown(&p.host);
	drive_until(&s.world, gsock_eof(p.guest));
	ck_assert_uint_eq(p.guest->messages.count, ARRAY_SIZE(due) + 1);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* These are read by hand: for an empty message a host program's recv(2) returns
 * 0, as at the end. */
START_TEST(empty_messages_reach_the_host)
{
	struct hand h;
	struct scene s;
	char bytes[8];

	scene_open(&s, _i);
	hand_open(&h, &s);
	host_pause(&h.host, true);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, NULL, 0);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, "abc", 3);
	hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, NULL, 0);
	scene_flush(&s);
	ck_assert_int_eq(recv(h.host.watch.fd, bytes, 8, 0), 0);
	ck_assert_int_eq(recv(h.host.watch.fd, bytes, 8, 0), 3);
	ck_assert_int_eq(recv(h.host.watch.fd, bytes, 8, 0), 0);
	ck_assert_int_eq(recv(h.host.watch.fd, bytes, 8, MSG_DONTWAIT), -1);
	host_close(&h.host);
	scene_close(&s);
}
END_TEST

/* Empty messages cost no credit, but memory for their lengths. */
START_TEST(a_flood_of_empty_messages_is_bounded)
{
	struct hand h;
	struct scene s;
	unsigned sent = 0;

	scene_open_with_keys(&s, _i, ",tx-buffer-size=4096");
	hand_open(&h, &s);
	host_pause(&h.host, true);
	while (h.g->last.op != VIRTIO_VSOCK_OP_RST) {
		hand_send(&h, VIRTIO_VSOCK_OP_RW, EOM, NULL, 0);
		ck_assert_uint_lt(++sent, 4 * SMALL);
	}
	ck_assert_uint_gt(sent, SMALL);
	host_close(&h.host);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* The guest leaves with something unread: what it has sent must still arrive.
 * */
START_TEST(the_last_words_of_a_host_program_arrive)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	host_pause(&p.host, true);
	gsock_set_write(p.guest, 100);
	pair_begin_to_host(&p, 1000);
	drive_until(&s.world, gsock_sent(p.guest));
	scene_flush(&s);
	p.host.write_size = 70000;
	for (unsigned i = 0; i < 3; i++)
		host_send(&p.host, 9, 70000);
	drive_until(&s.world, host_sent(&p.host));
	host_close(&p.host);
	sink_expect(&p.guest->in, 9);
	gsock_read_all(p.guest);
	drive_until(&s.world, p.guest->messages.count == 3);
	drive_until(&s.world, p.guest->peer_shut == SHUT_BOTH);
	ck_assert(!p.guest->reset);
	gsock_close(p.guest);
	scene_close(&s);
}
END_TEST

START_TEST(half_closed_connections_work)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	gsock_set_write(p.guest, 50000);
	gsock_shutdown(p.guest, SHUT_SEND);
	pair_to_host(&p, 500000);
	drive_until(&s.world, p.host.eof);
	p.host.write_size = 50000;
	pair_to_guest(&p, 500000);
	host_shutdown(&p.host);
	drive_until(&s.world, gsock_eof(p.guest));
	ck_assert_uint_eq(p.guest->messages.count, 10);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Messages that a guest sent before it went arrive, if they were whole. */
START_TEST(what_a_guest_left_is_delivered)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_seqpacket_from_guest(&s, &p);
	host_pause(&p.host, true);
	sink_expect(&p.host.in, 7);
	gsock_set_write(p.guest, 60000);
	gsock_send(p.guest, 7, 6 * 60000);
	drive_until(&s.world, gsock_sent(p.guest));
	scene_flush(&s);
	guest_kill(&s.guest);
	host_pause(&p.host, false);
	drive_until(&s.world, host_over(&p.host));
	ck_assert_uint_eq(p.host.messages.count, 6);
	ck_assert_uint_eq(p.host.in.got, 6 * 60000);
	host_close(&p.host);
	guest_revive(&s.guest, s.daemon.socket[0]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* Nobody keeps descriptors that come with a message, empty or not. On a kernel
 * that lets them through (before Linux 6.16) the connection ends. */
START_TEST(descriptors_that_come_along_are_refused)
{
	struct scene s;
	struct pair p;
	unsigned fds;

	scene_open(&s, _i);
	for (unsigned i = 0; i < 2; i++) {
		pair_seqpacket_from_guest(&s, &p);
		gsock_read_all(p.guest);
		fds = daemon_fds(&s.daemon);
		if (host_pass_descriptor(p.host.watch.fd, i ? "" : "x", 0)) {
			drive_until(&s.world, host_over(&p.host));
			fds--;
		} else {
			host_write(&p.host, "x");
			drive_until(&s.world, p.guest->messages.count == 1);
		}
		drive_until(&s.world, daemon_fds(&s.daemon) == fds);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		descriptors_that_come_along_are_refused,
		a_message_is_held_until_its_end_comes,
		a_message_may_have_more_segments_than_one_call_takes,
		a_message_without_end_is_dropped,
		a_message_beyond_the_credit_resets,
		the_credit_is_no_more_than_a_host_socket_takes,
		a_message_beyond_the_guests_buffer_resets,
		a_message_of_too_many_packets_resets,
		empty_messages_arrive_and_are_no_end,
		empty_messages_reach_the_host,
		a_flood_of_empty_messages_is_bounded,
		the_last_words_of_a_host_program_arrive,
		half_closed_connections_work,
		what_a_guest_left_is_delivered,
	};

	return run_tests("system/seqpacket_odd", tests, ARRAY_SIZE(tests));
}
