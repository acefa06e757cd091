/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Host programs that speak AF_VSOCK: forward-cid and forward-listen. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/system.h"
#include "system/vsock_host.h"

#define LISTEN_PORT 9001u
#define FOREIGN_CID 77u

static void open_daemon(struct scene *s, int engine, const char *keys,
			bool no_uds)
{
	struct daemon_config d = { .vm_keys = keys, .no_uds = no_uds };

	vsock_host_prepare();
	scene_daemon(s, engine, &d);
	vsock_host_done();
}

static void open_guest(struct scene *s, int engine, const char *keys,
		       bool no_uds)
{
	struct guest_config c = guest_defaults(DAEMON_CID);

	open_daemon(s, engine, keys, no_uds);
	guest_boot(&s->guest, &c, &s->world, s->daemon.socket[0]);
}

/* G, which is connecting, reaches the program of LISTENER: they are pair P. */
static void meet(struct scene *s, struct pair *p, struct gsock *g, int listener)
{
	p->world = &s->world;
	p->guest = g;
	drive_until(&s->world, g->state != GSOCK_CONNECTING);
	ck_assert(g->state == GSOCK_OPEN);
	drive_until(&s->world, host_accept(&p->host, &s->world, listener));
}

static void reach(struct scene *s, struct pair *p, uint32_t cid, int listener)
{
	static uint32_t port = 3000;

	meet(s, p, gsock_connect_from(&s->guest.sockets, port++, cid, PORT),
	     listener);
}

static void expect_refusal(struct scene *s, uint32_t cid)
{
	static uint32_t port = 2000;
	struct gsock *g =
		gsock_connect_from(&s->guest.sockets, port++, cid, PORT);

	drive_until(&s->world, g->refused);
	gsock_close(g);
}

/* The guest's driver checks that each packet comes from the CID that it
 * addressed. */
START_TEST(a_guest_reaches_af_vsock_by_each_name_of_the_host)
{
	static const uint32_t cids[] = { 2, VSOCK_HOST_CID };
	int listener;
	struct scene s;
	struct pair p;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(cids); i++) {
		reach(&s, &p, cids[i], listener);
		pair_both_ways(&p, 3 * MIB);
		pair_close(&p);
	}
	expect_refusal(&s, FOREIGN_CID);
	close(listener);
	scene_close(&s);
}
END_TEST

/* This is vhost-device-vsock's command line. In a Nitro enclave the host has
 * CID 3. */
START_TEST(without_a_uds_path_every_cid_is_af_vsock)
{
	static const uint32_t cids[] = { 2, VSOCK_HOST_CID, FOREIGN_CID };
	int listener;
	struct scene s;
	struct pair p;

	open_guest(&s, _i, ",forward-cid=1,forward-listen=9001+9002", true);
	listener = vsock_host_listen(PORT, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(cids); i++) {
		reach(&s, &p, cids[i], listener);
		pair_both_ways(&p, 100000);
		pair_close(&p);
	}
	close(listener);
	scene_close(&s);
}
END_TEST

START_TEST(a_unix_socket_goes_first)
{
	int listener, unix_listener;
	struct scene s;
	struct pair p, q;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 8);
	unix_listener = host_listen(s.daemon.uds[0], PORT, 8);
	reach(&s, &p, 2, unix_listener);
	reach(&s, &q, VSOCK_HOST_CID, listener);
	pair_both_ways(&p, 100000);
	pair_both_ways(&q, 100000);
	pair_close(&p);
	pair_close(&q);
	close(unix_listener); /* and leaves its socket's file behind */
	reach(&s, &p, 2, listener);
	pair_close(&p);
	host_unlisten(s.daemon.uds[0], PORT, -1);
	close(listener);
	scene_close(&s);
}
END_TEST

START_TEST(where_nobody_listens_the_guest_is_refused)
{
	struct scene s;

	open_guest(&s, _i, ",forward-cid=1", false);
	expect_refusal(&s, 2);
	expect_refusal(&s, VSOCK_HOST_CID);
	ck_assert_uint_eq(
		daemon_log_count(&s.daemon, "AF_VSOCK CID 1 port 5000: "), 2);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(messages_do_not_go_to_af_vsock)
{
	int listener;
	struct scene s;
	struct gsock *g;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 8);
	g = gsock_connect_seqpacket(&s.guest.sockets, PORT);
	drive_until(&s.world, g->refused);
	gsock_close(g);
	ck_assert_int_lt(accept(listener, NULL, NULL), 0);
	close(listener);
	scene_close(&s);
}
END_TEST

/* A program connects to PORT of the host, which leads into the guest. */
static void lead_in(struct scene *s, struct pair *p, uint32_t port)
{
	struct gsock *listener = gsock_listen(&s->guest.sockets, port);
	int fd = vsock_host_dial(port);

	ck_assert_int_ge(fd, 0);
	p->world = &s->world;
	host_adopt(&p->host, &s->world, fd);
	drive_until(&s->world, (p->guest = gsock_accept(listener)) != NULL);
	gsock_close(listener);
}

START_TEST(host_programs_reach_the_guest_without_a_line)
{
	struct scene s;
	struct pair p, q;

	open_guest(&s, _i, ",forward-cid=1,forward-listen=9001+9002", true);
	lead_in(&s, &p, LISTEN_PORT);
	lead_in(&s, &q, LISTEN_PORT + 1);
	ck_assert_uint_eq(p.guest->peer_cid, 2);
	gsock_write(p.guest, "first");
	drive_until(&s.world, sink_is(&p.host.in, "first"));
	pair_both_ways(&p, 3 * MIB);
	pair_both_ways(&q, 100000);
	pair_close(&p);
	pair_close(&q);
	scene_close(&s);
}
END_TEST

/* The kernel's loopback may refuse where TCP accepts and closes at once. */
static void expect_closed(struct scene *s, uint32_t port)
{
	int fd = vsock_host_dial(port);
	struct host_conn c;

	if (fd <
	    0) /* closed so soon that there was no connection for the program */
		return;
	host_adopt(&c, &s->world, fd);
	drive_until(&s->world, host_over(&c));
	ck_assert_uint_eq(c.in.got, 0);
	host_close(&c);
}

START_TEST(host_programs_are_closed_where_there_is_nothing)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct gsock *listener;
	struct scene s;

	open_daemon(&s, _i,
		    ",forward-cid=1,forward-listen=9001+9002,allow-host=9001",
		    true);
	expect_closed(&s, LISTEN_PORT);
	ck_assert_uint_eq(
		daemon_log_count(&s.daemon, "AF_VSOCK port 9001: a host "), 1);
	guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
	expect_closed(&s, LISTEN_PORT);
	listener = gsock_listen(&s.guest.sockets, LISTEN_PORT + 1);
	expect_closed(&s, LISTEN_PORT + 1);
	ck_assert_ptr_null(gsock_accept(listener));
	ck_assert_uint_eq(daemon_log_count(&s.daemon, "allow-host"), 1);
	scene_close(&s);
}
END_TEST

START_TEST(each_direction_ends_by_itself)
{
	int listener;
	struct scene s;
	struct pair p;

	open_guest(&s, _i, ",forward-cid=1,forward-listen=9001", false);
	listener = vsock_host_listen(PORT, 8);
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			lead_in(&s, &p, LISTEN_PORT);
		else
			reach(&s, &p, 2, listener);
		gsock_write(p.guest, "question");
		gsock_shutdown(p.guest, SHUT_SEND);
		drive_until(&s.world, p.host.eof);
		ck_assert(sink_is(&p.host.in, "question"));
		host_write(&p.host, "answer");
		gsock_read_all(p.guest);
		drive_until(&s.world, sink_is(&p.guest->in, "answer"));
		ck_assert(!gsock_eof(p.guest));
		host_close(&p.host);
		drive_until(&s.world, gsock_eof(p.guest));
		gsock_close(p.guest);

		reach(&s, &p, 2, listener);
		host_write(&p.host, "question");
		host_shutdown(&p.host);
		gsock_read_all(p.guest);
		drive_until(&s.world, gsock_eof(p.guest));
		ck_assert(sink_is(&p.guest->in, "question"));
		gsock_write(p.guest, "answer");
		gsock_close(p.guest);
		drive_until(&s.world, p.host.eof);
		ck_assert(sink_is(&p.host.in, "answer"));
		host_close(&p.host);
	}
	close(listener);
	scene_close(&s);
}
END_TEST

START_TEST(a_slow_program_gets_every_byte)
{
	int listener;
	struct scene s;
	struct pair p;
	uint64_t total;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 8);
	reach(&s, &p, 2, listener);
	host_pause(&p.host, true);
	total = pair_begin_to_host(&p, 32 * MIB);
	scene_check_works(&s);
	ck_assert(!gsock_sent(p.guest));
	host_pause(&p.host, false);
	drive_until(&s.world, p.host.in.got == total);
	pair_close(&p);
	close(listener);
	scene_close(&s);
}
END_TEST

START_TEST(a_hundred_connections_do_not_mix)
{
	static struct pair p[100];
	int listener;
	struct scene s;

	open_guest(&s, _i, ",forward-cid=1,forward-listen=9001", false);
	listener = vsock_host_listen(PORT, 128);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		if (i % 2)
			lead_in(&s, &p[i], LISTEN_PORT);
		else
			reach(&s, &p[i], 2, listener);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		pair_both_ways(&p[i], 10000 + i);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		pair_close(&p[i]);
	close(listener);
	scene_close(&s);
}
END_TEST

START_TEST(programs_see_the_end_when_the_guest_is_killed)
{
	int listener;
	struct scene s;
	struct pair p, q;

	open_guest(&s, _i, ",forward-cid=1,forward-listen=9001", false);
	listener = vsock_host_listen(PORT, 8);
	reach(&s, &p, 2, listener);
	lead_in(&s, &q, LISTEN_PORT);
	guest_kill(&s.guest);
	drive_until(&s.world, host_over(&p.host) && host_over(&q.host));
	host_close(&p.host);
	host_close(&q.host);
	guest_revive(&s.guest, s.daemon.socket[0]);
	reach(&s, &p, 2, listener);
	pair_both_ways(&p, 100000);
	pair_close(&p);
	close(listener);
	scene_close(&s);
}
END_TEST

/* TCP reports the end only when something is sent. */
START_TEST(a_guest_sees_that_a_program_is_gone)
{
	int listener;
	struct scene s;
	struct pair p;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 8);
	reach(&s, &p, 2, listener);
	gsock_read_all(p.guest);
	host_close(&p.host);
	drive_until(&s.world, gsock_eof(p.guest));
	if (!vsock_host_is_real())
		gsock_write(p.guest, "x");
	if (!vsock_host_is_real())
		drive_until(&s.world, gsock_acknowledged(p.guest));
	if (!vsock_host_is_real())
		gsock_write(p.guest, "y");
	drive_until(&s.world,
		    p.guest->reset || p.guest->done || p.guest->peer_shut == 3);
	gsock_close(p.guest);
	close(listener);
	scene_close(&s);
}
END_TEST

/* A full backlog is silent with TCP; with AF_VSOCK it refuses. */
START_TEST(no_answer_in_two_seconds_is_a_refusal_and_stops_nobody)
{
	struct gsock *g[8];
	unsigned open = 0;
	int listener;
	struct scene s;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(g); i++)
		g[i] = gsock_connect(&s.guest.sockets, PORT);
	drive_until(&s.world, g[0]->state == GSOCK_OPEN);
	scene_check_works(&s);
	for (unsigned i = 0; i < ARRAY_SIZE(g); i++) {
		drive_until(&s.world, g[i]->state != GSOCK_CONNECTING);
		open += g[i]->state == GSOCK_OPEN;
		ck_assert(g[i]->state == GSOCK_OPEN || g[i]->refused);
		gsock_close(g[i]);
	}
	ck_assert_uint_lt(open, ARRAY_SIZE(g));
	close(listener);
	scene_close(&s);
}
END_TEST

/* The VM's dials close their descriptors, and answers to them reach nobody. */
START_TEST(a_guest_may_die_before_af_vsock_answers)
{
	unsigned fds;
	int listener;
	struct scene s;

	open_guest(&s, _i, ",forward-cid=1", false);
	listener = vsock_host_listen(PORT, 0);
	fds = daemon_fds(&s.daemon);
	for (unsigned i = 0; i < 8; i++)
		gsock_connect(&s.guest.sockets, PORT);
	drive_until(&s.world, daemon_fds(&s.daemon) > fds);
	guest_kill(&s.guest);
	guest_revive(&s.guest, s.daemon.socket[0]);
	drive_until(&s.world, daemon_fds(&s.daemon) <= fds);
	close(listener);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_guest_reaches_af_vsock_by_each_name_of_the_host,
		without_a_uds_path_every_cid_is_af_vsock,
		a_unix_socket_goes_first,
		where_nobody_listens_the_guest_is_refused,
		messages_do_not_go_to_af_vsock,
		host_programs_reach_the_guest_without_a_line,
		host_programs_are_closed_where_there_is_nothing,
		each_direction_ends_by_itself,
		a_slow_program_gets_every_byte,
		a_hundred_connections_do_not_mix,
		programs_see_the_end_when_the_guest_is_killed,
		a_guest_sees_that_a_program_is_gone,
		no_answer_in_two_seconds_is_a_refusal_and_stops_nobody,
		a_guest_may_die_before_af_vsock_answers,
	};

	printf("AF_VSOCK: %s\n",
	       vsock_host_is_real() ? "the kernel's" : "played by TCP");
	return run_tests("system/forward", tests, ARRAY_SIZE(tests));
}
