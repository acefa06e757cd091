/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How connections end: one direction or both, gently or abruptly, from either
 * side or from both at once. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/system.h"

#define UNREAD 262144u /* bytes that a closed side may still have under way */

/* The K-th pair: the guest opens the even ones, the host the odd ones. */
static void pair_of(struct scene *s, struct pair *p, unsigned k)
{
	if (k % 2)
		pair_from_host(s, p);
	else
		pair_from_guest(s, p);
}

START_TEST(guest_shuts_its_half_and_still_receives)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned k = 0; k < 2; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		pair_begin_to_host(&p, MIB);
		gsock_shutdown(p.guest, SHUT_SEND);
		drive_until(&s.world, p.host.eof);
		ck_assert_uint_eq(p.host.in.got, MIB);
		pair_to_guest(&p, MIB);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

START_TEST(host_shuts_its_half_and_still_receives)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned k = 0; k < 2; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		pair_begin_to_guest(&p, MIB);
		gsock_read_all(p.guest);
		host_shutdown(&p.host);
		drive_until(&s.world, gsock_eof(p.guest));
		ck_assert_uint_eq(p.guest->in.got, MIB);
		ck_assert_uint_eq(p.guest->peer_shut, SHUT_SEND);
		pair_to_host(&p, MIB);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

/* The two directions are shut one after the other. The connection is then over,
 * and the guest does not have to wait for an RST. */
START_TEST(both_halves_are_shut_one_after_the_other)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned k = 0; k < 4; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		if (k / 2) {
			host_shutdown(&p.host);
			drive_until(&s.world, gsock_eof(p.guest));
			gsock_shutdown(p.guest, SHUT_SEND);
			drive_until(&s.world, p.host.eof);
		} else {
			gsock_shutdown(p.guest, SHUT_SEND);
			drive_until(&s.world, p.host.eof);
			host_shutdown(&p.host);
			drive_until(&s.world, gsock_eof(p.guest));
		}
		pair_close(&p);
	}
	ck_assert_uint_eq(s.guest.sockets.close_timeouts, 0);
	scene_close(&s);
}
END_TEST

START_TEST(guest_that_stops_reading_breaks_the_hosts_pipe)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	gsock_shutdown(p.guest, SHUT_RCV);
	drive_until(&s.world, gsock_sent(p.guest));
	pair_to_host(&p, 100000);
	pair_begin_to_guest(&p, 64 * MIB);
	drive_until(&s.world,
		    p.host.error == EPIPE || p.host.error == ECONNRESET);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(guest_closes_and_unread_bytes_reach_the_host)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned k = 0; k < 4; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		host_pause(&p.host, true);
		pair_begin_to_host(&p, UNREAD);
		drive_until(&s.world, gsock_sent(p.guest));
		gsock_close(p.guest);
		if (k / 2) /* let the daemon see all of it first */
			world_rest(&s.world, 50);
		host_pause(&p.host, false);
		drive_until(&s.world, p.host.eof);
		ck_assert_uint_eq(p.host.in.got, UNREAD);
		host_close(&p.host);
		drive_until(&s.world, s.guest.sockets.count == 0);
	}
	ck_assert_uint_eq(s.guest.sockets.close_timeouts, 0);
	scene_close(&s);
}
END_TEST

/* A guest that has not read yet gets all that was sent before close(), as from
 * a network: much, which fills its buffer, or little, which does not. */
START_TEST(host_closes_and_unread_bytes_reach_the_guest)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned k = 0; k < 4; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		pair_begin_to_guest(&p, k / 2 ? 1000 : UNREAD);
		drive_until(&s.world, host_sent(&p.host));
		host_close(&p.host);
		world_rest(&s.world, 50);
		gsock_read_all(p.guest);
		drive_until(&s.world, gsock_eof(p.guest));
		ck_assert_uint_eq(p.guest->in.got, k / 2 ? 1000 : UNREAD);
		gsock_close(p.guest);
		drive_until(&s.world, s.guest.sockets.count == 0);
	}
	scene_close(&s);
}
END_TEST

/* The host reads nothing for longer than the guest waits after close(). */
START_TEST(a_reader_stalled_past_eight_seconds_loses_nothing)
{
	struct scene s;
	struct pair p;
	uint64_t sent;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	host_pause(&p.host, true);
	pair_begin_to_host(&p, 16 * MIB);
	drive_until(&s.world, p.guest->out.sent >= UNREAD);
	/* until neither the socket nor the credit takes more */
	world_rest(&s.world, 200);
	sent = p.guest->out.sent;
	p.guest->out.total = sent;
	gsock_close(p.guest);
	drive_until(&s.world, s.guest.sockets.close_timeouts == 1);
	world_rest(&s.world, 500);
	host_pause(&p.host, false);
	drive_until(&s.world, p.host.eof);
	ck_assert_uint_eq(p.host.in.got, sent);
	host_close(&p.host);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* An RST ends both directions at once; what is under way is lost on purpose. */
START_TEST(rst_from_the_guest_ends_the_hosts_side_at_once)
{
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	for (unsigned k = 0; k < 10; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		pair_begin_to_host(&p, 64 * MIB);
		pair_begin_to_guest(&p, 64 * MIB);
		gsock_read_all(p.guest);
		drive_until(&s.world,
			    p.host.in.got > 100000 && p.guest->in.got > 100000);
		gsock_emit(p.guest, VIRTIO_VSOCK_OP_RST, 0, false);
		p.guest->done =
			true; /* what comes from now on is answered by RST */
		drive_until(&s.world, host_over(&p.host));
		host_close(&p.host);
		gsock_close(p.guest);
	}
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(host_that_closes_in_mid_stream_resets_the_guest)
{
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	for (unsigned k = 0; k < 10; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		pair_begin_to_host(&p, 64 * MIB);
		gsock_read_all(p.guest);
		drive_until(&s.world, p.host.in.got > 100000);
		host_close(&p.host);
		drive_until(&s.world, p.guest->done || p.guest->broken_pipe);
		gsock_close(p.guest);
		drive_until(&s.world, s.guest.sockets.count == 0);
	}
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(both_sides_close_at_once)
{
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	for (unsigned k = 0; k < 200; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		if (k % 3)
			pair_both_ways(&p, 1 + k * 100);
		host_close(&p.host);
		gsock_close(p.guest);
		drive_until(&s.world, s.guest.sockets.count == 0);
	}
	ck_assert_uint_eq(s.guest.sockets.close_timeouts, 0);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_close(&s);
}
END_TEST

/* Connections with a request and an answer: no port stays taken, and none
 * lingers. */
START_TEST(a_thousand_short_connections_each_way)
{
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	for (unsigned k = 0; k < 2000; k++) {
		struct pair p;

		pair_of(&s, &p, k);
		gsock_read_all(p.guest);
		host_write(&p.host, "ping");
		drive_until(&s.world, sink_is(&p.guest->in, "ping"));
		gsock_write(p.guest, "pong");
		gsock_close(p.guest);
		drive_until(&s.world, p.host.eof);
		ck_assert(sink_is(&p.host.in, "pong"));
		host_close(&p.host);
		drive_until(&s.world, s.guest.sockets.count == 0);
	}
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		guest_shuts_its_half_and_still_receives,
		host_shuts_its_half_and_still_receives,
		both_halves_are_shut_one_after_the_other,
		guest_that_stops_reading_breaks_the_hosts_pipe,
		guest_closes_and_unread_bytes_reach_the_host,
		host_closes_and_unread_bytes_reach_the_guest,
		a_reader_stalled_past_eight_seconds_loses_nothing,
		rst_from_the_guest_ends_the_hosts_side_at_once,
		host_that_closes_in_mid_stream_resets_the_guest,
		both_sides_close_at_once,
		a_thousand_short_connections_each_way,
	};

	return run_tests("system/close", tests, ARRAY_SIZE(tests));
}
