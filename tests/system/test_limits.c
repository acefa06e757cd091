/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Very many connections, and too few descriptors. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system/system.h"

#define MANY 10000u
#define BATCH 200u
#define BYTES 1000u
#define SCARCE 80u /* descriptors */

/* As many connections as this machine's descriptors allow, at most MANY. */
static unsigned how_many(void)
{
	struct rlimit limit;
	unsigned n = MANY;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < MANY + 500)
		n = (unsigned)limit.rlim_max - 500;
	if (n < MANY)
		printf("only %u connections: RLIMIT_NOFILE is %lu\n", n,
		       (unsigned long)limit.rlim_max);
	return n / (2 * BATCH) * (2 * BATCH);
}

/* The guest opens BATCH connections at once. */
static void open_from_guest(struct scene *s, struct pair *p, int listener)
{
	for (unsigned i = 0; i < BATCH; i++) {
		p[i].world = &s->world;
		p[i].guest = gsock_connect(&s->guest.sockets, PORT);
	}
	/* The servers accept in the guest's order: there is one ring and one
	 * listener. */
	for (unsigned i = 0; i < BATCH; i++)
		drive_until(&s->world,
			    host_accept(&p[i].host, &s->world, listener));
	for (unsigned i = 0; i < BATCH; i++)
		drive_until(&s->world, p[i].guest->state == GSOCK_OPEN);
}

/* The daemon asks the guest in an order of its own. The port in the OK line
 * tells which of the guest's sockets belongs to the program's. */
static void open_from_host(struct scene *s, struct pair *p,
			   struct gsock *listener)
{
	for (unsigned i = 0; i < BATCH; i++) {
		p[i].world = &s->world;
		host_connect(&p[i].host, &s->world, s->daemon.uds[0], 1024);
	}
	for (unsigned i = 0; i < BATCH; i++)
		drive_until(&s->world, !p[i].host.wants_line);
	for (unsigned i = 0; i < BATCH; i++) {
		struct gsock *g = gsock_accept(listener);

		ck_assert(g != NULL);
		for (unsigned k = 0; k < BATCH; k++)
			if (host_port(&p[k].host) == g->peer_port)
				p[k].guest = g;
	}
}

static void open_many(struct scene *s, struct pair *p, unsigned n)
{
	int listener = host_listen(s->daemon.uds[0], PORT, 4096);
	struct gsock *acceptor = gsock_listen(&s->guest.sockets, 1024);

	for (unsigned i = 0; i < n; i += 2 * BATCH) {
		open_from_guest(s, p + i, listener);
		open_from_host(s, p + i + BATCH, acceptor);
	}
	host_unlisten(s->daemon.uds[0], PORT, listener);
	gsock_close(acceptor);
}

static void move_bytes(struct scene *s, struct pair *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		sink_expect(&p[i].host.in, 1 + i % 1000);
		sink_expect(&p[i].guest->in, 2000 + i % 1000);
		gsock_read_all(p[i].guest);
		gsock_send(p[i].guest, 1 + i % 1000, BYTES);
		host_send(&p[i].host, 2000 + i % 1000, BYTES);
	}
	for (unsigned i = 0; i < n; i++)
		drive_until(&s->world, p[i].host.in.got == BYTES &&
					       p[i].guest->in.got == BYTES);
}

/* Both sides close in turn: of an even connection the host program closes
 * first. */
static void close_many(struct scene *s, struct pair *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i % 2)
			gsock_close(p[i].guest);
		else
			host_close(&p[i].host);
	}
	for (unsigned i = 0; i < n; i++) {
		if (i % 2) {
			drive_until(&s->world, host_over(&p[i].host));
			host_close(&p[i].host);
		} else {
			drive_until(&s->world, p[i].guest->done);
			gsock_close(p[i].guest);
		}
	}
	drive_until(&s->world, s->guest.sockets.count == 0);
}

/* A few connections' worth of memory may be kept. */
static bool memory_is_back(const struct daemon *daemon,
			   const struct daemon_usage *before)
{
	return memory_within(daemon_usage(daemon).anonymous_kib,
			     before->anonymous_kib + 1536);
}

START_TEST(ten_thousand_connections_move_bytes_and_leave_nothing)
{
	unsigned n = how_many();
	struct pair *p = need_zeroed(n, sizeof(*p));
	struct daemon_usage before, opened;
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	scene_check_works(&s);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	before = daemon_usage(&s.daemon);
	for (unsigned round = 0; round < 2; round++) {
		open_many(&s, p, n);
		opened = daemon_usage(&s.daemon);
		ck_assert_uint_eq(opened.fds, before.fds + n);
		/* 1 KiB for each idle connection, and a little for all of them
		 * */
		expect_memory(opened.anonymous_kib,
			      before.anonymous_kib + n + 2048);
		move_bytes(&s, p, n);
		close_many(&s, p, n);
		drive_until(&s.world, daemon_fds(&s.daemon) == before.fds);
	}
	drive_until(&s.world, memory_is_back(&s.daemon, &before));
	scene_check_works(&s);
	scene_close(&s);
	free(p);
}
END_TEST

START_TEST(ten_thousand_dials_two_hundred_at_a_time)
{
	static struct pair p[BATCH];
	struct gsock *listener;
	struct scene s;
	unsigned fds;

	how_many();
	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	for (unsigned i = 0; i < MANY; i += BATCH) {
		listener = gsock_listen(&s.guest.sockets, 1024);
		open_from_host(&s, p, listener);
		gsock_close(listener);
		close_many(&s, p, BATCH);
	}
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_close(&s);
}
END_TEST

/* A daemon that may have few descriptors only. */
static void open_scarce(struct scene *s, int engine, unsigned nofile)
{
	struct daemon_config d = { .nofile = nofile };
	struct guest_config c = guest_defaults(DAEMON_CID);

	scene_daemon(s, engine, &d);
	guest_boot(&s->guest, &c, &s->world, s->daemon.socket[0]);
}

/* Of the descriptors some are the daemon's own and some are set aside, while
 * the guest wants 100. The log is bounded too: a guest cannot fill it by
 * asking. */
START_TEST(without_descriptors_guests_are_refused)
{
	struct gsock *g[100];
	struct host_conn c[100];
	struct scene s;
	unsigned opened = 0, refused = 0, accepted = 0, fds;
	int listener;

	open_scarce(&s, _i, SCARCE);
	fds = daemon_fds(&s.daemon);
	listener = host_listen(s.daemon.uds[0], PORT, 200);
	for (unsigned i = 0; i < ARRAY_SIZE(g); i++)
		g[i] = gsock_connect(&s.guest.sockets, PORT);
	for (unsigned i = 0; i < ARRAY_SIZE(g); i++) {
		drive_until(&s.world, g[i]->state != GSOCK_CONNECTING);
		opened += g[i]->state == GSOCK_OPEN;
		refused += g[i]->refused;
	}
	ck_assert_uint_gt(opened, 20);
	ck_assert_uint_gt(refused, 30);
	while (accepted < opened &&
	       host_accept(&c[accepted], &s.world, listener))
		accepted++;
	for (unsigned i = 0; i < ARRAY_SIZE(g); i++)
		gsock_close(g[i]);
	for (unsigned i = 0; i < accepted; i++) {
		drive_until(&s.world, host_over(&c[i]));
		host_close(&c[i]);
	}
	host_unlisten(s.daemon.uds[0], PORT, listener);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_check_works(&s);
	ck_assert_uint_le(daemon_log_lines(&s.daemon), 30);
	scene_close(&s);
}
END_TEST

/* Clients wait in the socket's backlog; the daemon does not spin, and no client
 * is lost. */
START_TEST(without_descriptors_clients_wait)
{
	struct daemon_usage before, after;
	struct gsock *listener;
	struct host_conn c[100];
	struct scene s;
	unsigned ready = 0, fds;

	open_scarce(&s, _i, SCARCE);
	fds = daemon_fds(&s.daemon);
	listener = gsock_listen(&s.guest.sockets, 1024);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		host_connect(&c[i], &s.world, s.daemon.uds[0], 1024);
	drive_until(&s.world, !c[20].wants_line);
	world_rest(&s.world, 300);
	before = daemon_usage(&s.daemon);
	world_rest(&s.world, 1000);
	after = daemon_usage(&s.daemon);
	ck_assert_uint_le(after.cpu_ticks - before.cpu_ticks, 2);
	ck_assert_uint_le(after.wakeups - before.wakeups, 50);
	ck_assert(c[ARRAY_SIZE(c) - 1].wants_line);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		struct gsock *g;

		drive_until(&s.world, !c[i].wants_line);
		ready += host_ready(&c[i]);
		drive_until(&s.world, (g = gsock_accept(listener)) != NULL);
		host_close(&c[i]);
		gsock_close(g);
	}
	ck_assert_uint_eq(ready, ARRAY_SIZE(c));
	gsock_close(listener);
	ck_assert_uint_le(daemon_log_lines(&s.daemon), 30);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ten_thousand_connections_move_bytes_and_leave_nothing,
		ten_thousand_dials_two_hundred_at_a_time,
		without_descriptors_guests_are_refused,
		without_descriptors_clients_wait,
	};

	return run_tests("system/limits", tests, ARRAY_SIZE(tests));
}
