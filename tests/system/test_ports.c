/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Which ports may be used, and where they lead: allow-guest, allow-host, map.
 * */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/client.h"

static void open_with_keys(struct scene *s, int engine, const char *keys)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct daemon_config d = { .vm_keys = keys };

	scene_daemon(s, engine, &d);
	guest_boot(&s->guest, &c, &s->world, s->daemon.socket[0]);
}

/* A server at PATH, or at the abstract address "@NAME". */
static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket");
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (path[0] == '@') {
		at.sun_path[0] = '\0';
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  strlen(path));
	}
	need(!bind(fd, (struct sockaddr *)&at, len), path);
	need(!listen(fd, 8), "listen");
	return fd;
}

static void expect_refusal(struct scene *s, uint32_t port)
{
	struct gsock *g = gsock_connect(&s->guest.sockets, port);

	drive_until(&s->world, g->refused);
	gsock_close(g);
}

/* The guest connects to PORT and talks with LISTENER's program. */
static void expect_reached(struct scene *s, uint32_t port, int listener)
{
	struct gsock *g = gsock_connect(&s->guest.sockets, port);
	struct host_conn c;

	drive_until(&s->world, host_accept(&c, &s->world, listener));
	gsock_write(g, "question");
	drive_until(&s->world, sink_is(&c.in, "question"));
	host_write(&c, "answer");
	gsock_read_all(g);
	drive_until(&s->world, sink_is(&g->in, "answer"));
	host_close(&c);
	drive_until(&s->world, gsock_eof(g));
	gsock_close(g);
}

START_TEST(a_guest_reaches_the_ports_that_it_may)
{
	static const uint32_t allowed[] = { 22, 1024, 1025, 2047 };
	static const uint32_t forbidden[] = {
		0, 21, 23, 1023, 2048, 4294967294u
	};
	struct scene s;
	int listener;

	open_with_keys(&s, _i, ",allow-guest=1024-2047+22");
	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++) {
		listener = host_listen(s.daemon.uds[0], allowed[i], 8);
		expect_reached(&s, allowed[i], listener);
		host_unlisten(s.daemon.uds[0], allowed[i], listener);
	}
	ck_assert_uint_eq(daemon_log_count(&s.daemon, "allow-guest"), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(forbidden); i++) {
		listener = host_listen(s.daemon.uds[0], forbidden[i], 8);
		expect_refusal(&s, forbidden[i]);
		ck_assert_int_lt(accept(listener, NULL, NULL), 0);
		host_unlisten(s.daemon.uds[0], forbidden[i], listener);
	}
	ck_assert_uint_eq(daemon_log_count(&s.daemon, "allow-guest"),
			  ARRAY_SIZE(forbidden));
	scene_close(&s);
}
END_TEST

/* A guest cannot fill the log with attempts that are not allowed. */
START_TEST(refusals_are_logged_a_few_times)
{
	struct scene s;

	open_with_keys(&s, _i, ",allow-guest=none");
	for (unsigned i = 0; i < 300; i++)
		expect_refusal(&s, 1000 + i);
	ck_assert_uint_ge(daemon_log_count(&s.daemon, "allow-guest"), 1);
	ck_assert_uint_le(daemon_log_count(&s.daemon, "allow-guest"), 100);
	scene_close(&s);
}
END_TEST

static void ask(struct scene *s, struct host_conn *c, uint32_t port)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);

	client_dial(s, c);
	client_say(s, c, line, (size_t)n, (size_t)n);
}

START_TEST(a_guest_that_asks_for_nobody_is_logged)
{
	struct scene s;
	struct gsock *g;

	scene_open(&s, _i);
	g = gsock_connect_from(&s.guest.sockets, 3000, 99, 5000);
	drive_until(&s.world, g->refused);
	gsock_close(g);
	ck_assert_uint_eq(
		daemon_log_count(&s.daemon, "CID 99, port 5000 refused"), 1);
	scene_close(&s);
}
END_TEST

START_TEST(host_programs_reach_the_ports_that_they_may)
{
	static const uint32_t forbidden[] = { 0, 79, 81, 4294967294u };
	struct gsock *listener, *g;
	struct host_conn c;
	struct scene s;

	open_with_keys(&s, _i, ",allow-host=80");
	listener = gsock_listen(&s.guest.sockets, 80);
	ask(&s, &c, 80);
	drive_until(&s.world, !c.wants_line);
	ck_assert(host_ready(&c));
	ck_assert((g = gsock_accept(listener)) != NULL);
	host_close(&c);
	gsock_close(g);
	for (unsigned i = 0; i < ARRAY_SIZE(forbidden); i++) {
		listener = gsock_listen(&s.guest.sockets, forbidden[i]);
		ask(&s, &c, forbidden[i]);
		client_expect_refusal(&s, &c);
		ck_assert_ptr_null(gsock_accept(listener));
		gsock_close(listener);
	}
	ck_assert_uint_eq(daemon_log_count(&s.daemon, "allow-host"),
			  ARRAY_SIZE(forbidden));
	scene_close(&s);
}
END_TEST

START_TEST(a_mapped_port_is_elsewhere)
{
	char dir[] = "/tmp/uv-map-XXXXXX";
	char path[64], name[64], keys[256];
	int mapped, abstract, usual;
	struct scene s;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/app.sock", dir);
	snprintf(name, sizeof(name), "@uv-test-%d-%d", getpid(), _i);
	snprintf(keys, sizeof(keys), ",map=1024:%s,map=7:%s", path, name);
	open_with_keys(&s, _i, keys);
	expect_refusal(&s, 1024);
	expect_refusal(&s, 7);
	ck_assert_uint_eq(daemon_log_count(&s.daemon, path), 1);
	ck_assert_uint_eq(daemon_log_count(&s.daemon, name), 1);
	/* a program where the port would lead without the map is not reached */
	usual = host_listen(s.daemon.uds[0], 1024, 8);
	expect_refusal(&s, 1024);
	host_unlisten(s.daemon.uds[0], 1024, usual);
	mapped = listen_at(path);
	abstract = listen_at(name);
	usual = host_listen(s.daemon.uds[0], 1025, 8);
	expect_reached(&s, 1024, mapped);
	expect_reached(&s, 7, abstract);
	expect_reached(&s, 1025, usual);
	host_unlisten(s.daemon.uds[0], 1025, usual);
	close(mapped);
	close(abstract);
	scene_close(&s);
	unlink(path);
	rmdir(dir);
}
END_TEST

/* The first programs fill the backlog of two; the guest's third connection
 * waits. */
START_TEST(a_mapped_ports_full_backlog_is_waited_for)
{
	char dir[] = "/tmp/uv-map-XXXXXX";
	char path[64], keys[128];
	struct host_conn c[3];
	struct gsock *g[3];
	struct scene s;
	int listener;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/app.sock", dir);
	snprintf(keys, sizeof(keys), ",map=1024:%s", path);
	open_with_keys(&s, _i, keys);
	listener = listen_at(path);
	ck_assert_int_eq(listen(listener, 1), 0);
	for (unsigned i = 0; i < 3; i++)
		g[i] = gsock_connect(&s.guest.sockets, 1024);
	drive_until(&s.world,
		    g[0]->state == GSOCK_OPEN && g[1]->state == GSOCK_OPEN);
	for (unsigned i = 0; i < 3; i++)
		drive_until(&s.world, host_accept(&c[i], &s.world, listener));
	drive_until(&s.world, g[2]->state == GSOCK_OPEN);
	for (unsigned i = 0; i < 3; i++) {
		host_close(&c[i]);
		gsock_close(g[i]);
	}
	close(listener);
	scene_close(&s);
	unlink(path);
	rmdir(dir);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_guest_reaches_the_ports_that_it_may,
		refusals_are_logged_a_few_times,
		a_guest_that_asks_for_nobody_is_logged,
		host_programs_reach_the_ports_that_they_may,
		a_mapped_port_is_elsewhere,
		a_mapped_ports_full_backlog_is_waited_for,
	};

	return run_tests("system/ports", tests, ARRAY_SIZE(tests));
}
