/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Somebody stands still: a reader on either side, or a server that does not
 * accept. Nothing is lost, waiting costs no processor time, and the others do
 * not notice.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "system/system.h"

/* Processor time is counted in ticks of 10 ms; waiting costs none, or one. */
static void expect_no_cpu(struct scene *s, unsigned ms)
{
	struct daemon_usage before = daemon_usage(&s->daemon), after;

	world_rest(&s->world, ms);
	after = daemon_usage(&s->daemon);
	ck_assert_uint_le(after.cpu_ticks - before.cpu_ticks, 2);
	ck_assert_uint_le(after.wakeups - before.wakeups, 10);
}

START_TEST(a_host_that_does_not_read_stops_nobody_else)
{
	struct pair slow, quick;
	struct scene s;

	scene_open(&s, _i);
	pair_from_guest(&s, &slow);
	pair_from_host(&s, &quick);
	host_pause(&slow.host, true);
	pair_begin_to_host(&slow, 16 * MIB);
	pair_both_ways(&quick, 32 * MIB);
	ck_assert_uint_lt(slow.guest->out.sent, 2 * MIB);
	pair_to_guest(&slow, MIB); /* the other direction goes on */
	expect_no_cpu(&s, 1000);
	host_pause(&slow.host, false);
	drive_until(&s.world, slow.host.in.got == 16 * MIB);
	pair_close(&slow);
	pair_close(&quick);
	scene_close(&s);
}
END_TEST

START_TEST(a_guest_that_does_not_read_stops_nobody_else)
{
	struct pair slow, quick;
	struct scene s;

	scene_open(&s, _i);
	pair_from_guest(&s, &slow);
	pair_from_host(&s, &quick);
	pair_begin_to_guest(&slow, 16 * MIB);
	pair_both_ways(&quick, 32 * MIB);
	ck_assert_uint_le(slow.guest->rx_bytes, GSOCK_BUFFER);
	pair_to_host(&slow, MIB);
	world_rest(&s.world, 200);
	expect_no_cpu(&s, 1000);
	gsock_read_all(slow.guest);
	drive_until(&s.world, slow.guest->in.got == 16 * MIB);
	pair_close(&slow);
	pair_close(&quick);
	scene_close(&s);
}
END_TEST

/* The reader takes a byte now and then: the backlog moves in the smallest
 * steps. */
START_TEST(a_host_that_reads_in_drops_gets_everything)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	p.host.read_size = 1777;
	pair_to_host(&p, 4 * MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* A server at PORT + 1 accepts nobody, and its backlog is full. */
static unsigned fill_backlog(struct scene *s, int clients[], unsigned max)
{
	return host_fill_backlog(s->daemon.uds[0], PORT + 1, clients, max);
}

START_TEST(a_full_backlog_is_refused_after_two_seconds_and_stops_nobody)
{
	struct gsock *waiting[20];
	int clients[8], listener;
	struct pair quick;
	uint64_t start;
	struct scene s;
	unsigned n;

	scene_open(&s, _i);
	pair_from_guest(&s, &quick);
	listener = host_listen(s.daemon.uds[0], PORT + 1, 0);
	n = fill_backlog(&s, clients, 8);
	start = clock_ms();
	for (unsigned i = 0; i < ARRAY_SIZE(waiting); i++)
		waiting[i] = gsock_connect(&s.guest.sockets, PORT + 1);
	pair_both_ways(&quick, 32 * MIB);
	for (unsigned i = 0; i < ARRAY_SIZE(waiting); i++) {
		drive_until(&s.world, waiting[i]->refused);
		gsock_close(waiting[i]);
	}
	ck_assert_uint_ge(clock_ms() - start, 1900);
	/* by that deadline and by no other one */
	ck_assert_uint_ge(daemon_log_count(&s.daemon, "no answer in 2000 ms"),
			  1);
	while (n)
		close(clients[--n]);
	host_unlisten(s.daemon.uds[0], PORT + 1, listener);
	pair_close(&quick);
	scene_close(&s);
}
END_TEST

START_TEST(a_backlog_that_gets_room_in_time_is_used)
{
	int clients[8], listener, fd;
	struct gsock *g;
	struct scene s;
	unsigned n;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT + 1, 0);
	n = fill_backlog(&s, clients, 8);
	g = gsock_connect(&s.guest.sockets, PORT + 1);
	world_rest(&s.world, 300);
	ck_assert(g->state == GSOCK_CONNECTING);
	for (unsigned i = 0; i < n; i++) {
		fd = accept(listener, NULL, NULL);
		ck_assert_int_ge(fd, 0);
		close(fd);
		close(clients[i]);
	}
	drive_until(&s.world, g->state == GSOCK_OPEN);
	gsock_close(g);
	host_unlisten(s.daemon.uds[0], PORT + 1, listener);
	scene_close(&s);
}
END_TEST

/* The kernel has made the connection, but nobody will ever read. */
START_TEST(a_server_that_never_accepts_stops_nobody)
{
	struct gsock *g;
	struct pair quick;
	struct scene s;
	int listener;

	scene_open(&s, _i);
	pair_from_guest(&s, &quick);
	listener = host_listen(s.daemon.uds[0], PORT + 1, 16);
	g = gsock_connect(&s.guest.sockets, PORT + 1);
	drive_until(&s.world, g->state == GSOCK_OPEN);
	gsock_send(g, 1, 16 * MIB);
	pair_both_ways(&quick, 32 * MIB);
	ck_assert_uint_lt(g->out.sent, 2 * MIB);
	host_unlisten(s.daemon.uds[0], PORT + 1, listener);
	drive_until(&s.world, g->done || g->broken_pipe);
	gsock_close(g);
	pair_close(&quick);
	scene_close(&s);
}
END_TEST

/* The guest's RX ring stays full: its TX ring must be served all the same. */
START_TEST(a_guest_that_takes_no_packets_can_still_send)
{
	struct scene s;
	struct pair p, q;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_from_guest(&s, &q);
	driver_pause_rx(&s.guest.sockets.driver, true);
	pair_begin_to_guest(&q, 4 * MIB);
	gsock_read_all(q.guest);
	pair_begin_to_host(&p, GSOCK_BUFFER);
	drive_until(&s.world, p.host.in.got == GSOCK_BUFFER);
	expect_no_cpu(&s, 1000);
	driver_pause_rx(&s.guest.sockets.driver, false);
	drive_until(&s.world, q.guest->in.got == 4 * MIB);
	pair_both_ways(&p, MIB);
	pair_close(&p);
	pair_close(&q);
	scene_close(&s);
}
END_TEST

/* The guest offers buffers and does nothing else: it reads nothing, and sends
 * nothing. */
START_TEST(buffers_that_come_later_are_found)
{
	static const uint64_t features[] = { 0, VU_F_EVENT_IDX };

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);
		struct scene s;
		struct pair p;

		c.driver.rx_size = 4;
		c.driver.features = features[i];
		c.driver.tx_shape.mode = RING_DIRECT;
		scene_open_with(&s, _i, &c);
		pair_from_guest(&s, &p);
		for (uint64_t sum = 50000; sum <= 200000; sum += 50000) {
			pair_begin_to_guest(&p, 50000);
			drive_until(&s.world, p.guest->rx_total == sum);
		}
		gsock_read_all(p.guest);
		pair_close(&p);
		scene_close(&s);
	}
}
END_TEST

/* Replies pile up on both sides; neither waits for the other one for ever. */
START_TEST(owed_replies_do_not_lock_both_sides_up)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;
	struct pair p;

	c.driver.rx_size = 4;
	c.driver.tx_size = 4;
	scene_open_with(&s, _i, &c);
	pair_from_guest(&s, &p);
	pair_begin_to_guest(&p, 4 * MIB);
	pair_begin_to_host(&p, 4 * MIB);
	gsock_read_all(p.guest);
	for (unsigned i = 0; i < 2000; i++) {
		struct packet stray = gsock_packet(p.guest, VIRTIO_VSOCK_OP_RW);

		stray.src_port = 50000 + i;
		driver_send(&s.guest.sockets.driver, &stray, false);
		gsock_emit(p.guest, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, false);
	}
	drive_until(&s.world,
		    p.host.in.got == 4 * MIB && p.guest->in.got == 4 * MIB);
	drive_until(&s.world, s.guest.sockets.resets == 2000);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_host_that_does_not_read_stops_nobody_else,
		a_guest_that_does_not_read_stops_nobody_else,
		a_host_that_reads_in_drops_gets_everything,
		a_full_backlog_is_refused_after_two_seconds_and_stops_nobody,
		a_backlog_that_gets_room_in_time_is_used,
		a_server_that_never_accepts_stops_nobody,
		a_guest_that_takes_no_packets_can_still_send,
		buffers_that_come_later_are_found,
		owed_replies_do_not_lock_both_sides_up,
	};

	return run_tests("system/slow", tests, ARRAY_SIZE(tests));
}
