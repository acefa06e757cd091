/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* "CONNECT <port>\n" on the hybrid socket, and "OK <port>\n" from it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/client.h"

START_TEST(line_may_come_in_any_pieces)
{
	static const char *const lines[] = { "CONNECT 1024\n", "connect 1024\n",
					     "CoNnEcT 1024\n" };
	struct gsock *listener, *g;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 1024);
	for (size_t chunk = 1; chunk <= 13; chunk++) {
		for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
			struct host_conn c;

			client_dial(&s, &c);
			ck_assert(client_say(&s, &c, lines[i], 13, chunk));
			drive_until(&s.world, !c.wants_line);
			ck_assert(host_ready(&c));
			ck_assert((g = gsock_accept(listener)) != NULL);
			host_close(&c);
			gsock_close(g);
		}
	}
	scene_close(&s);
}
END_TEST

#define LINE(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}

/* The guest listens at port 0, which a bad line that is read as a number all
 * the same would reach. */
START_TEST(malformed_lines_end_that_client_only)
{
	static const struct {
		const char *text;
		size_t size;
	} lines[] = {
		LINE("CONNECT\n"),
		LINE("CONNECT \n"),
		LINE("\n"),
		LINE("CONNECT x\n"),
		LINE("CONNECT -1\n"),
		LINE("CONNECT +1\n"),
		LINE("CONNECT 0x400\n"),
		LINE("CONNECT 4294967295\n"),
		LINE("CONNECT 4294967296\n"),
		LINE("CONNECT 18446744073709552640\n"),
		LINE("CONNECT 1024.\n"),
		LINE("CONNECT 1024 5\n"),
		LINE("HELLO 1024\n"),
		LINE("GET / HTTP/1.1\r\n"),
		LINE("CONNECT\t1024\n"),
		LINE("CONNECT 10\00024\n"),
		LINE("\0\0\0\0\0\0\0\0\n"),
		LINE("CONNECT 00000000000000000000000000001024\n"),
		LINE("012345678901234567890123456789012345678901234567"),
	};
	struct scene s;
	struct pair healthy;
	unsigned fds;

	scene_open(&s, _i);
	gsock_listen(&s.guest.sockets, 0);
	pair_from_host(&s, &healthy);
	fds = daemon_fds(&s.daemon);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		struct host_conn c;

		client_dial(&s, &c);
		client_say(&s, &c, lines[i].text, lines[i].size, 4096);
		s.world.context = lines[i].text;
		client_expect_end(&s, &c);
		pair_both_ways(&healthy, 10000);
	}
	s.world.context = NULL;
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	pair_close(&healthy);
	scene_close(&s);
}
END_TEST

/* The client sees the end of file and no error, however much of what it sent
 * was wrong or was not read. */
START_TEST(a_refusal_is_an_end_whatever_stands_behind_the_line)
{
	static const char *const beginnings[] = { "CONNECT 9\n", "GET /\n", "",
						  "CONNECT 00000000000000000" };
	char bytes[8192];
	struct host_conn c;
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(beginnings); i++) {
		memset(bytes, '1', sizeof(bytes));
		memcpy(bytes, beginnings[i], strlen(beginnings[i]));
		s.world.context = beginnings[i];
		client_dial(&s, &c);
		client_say(&s, &c, bytes, sizeof(bytes), sizeof(bytes));
		client_expect_end(&s, &c);
	}
	s.world.context = NULL;
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* As with bytes, messages behind the first one do not stay unread when the
 * client is refused. */
START_TEST(a_refused_message_is_an_end)
{
	static const char *const firsts[] = { "CONNECT 9", "HELLO",
					      "CONNECT 9\nx" };
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(firsts); i++) {
		char path[128];
		char byte;
		int fd;

		snprintf(path, sizeof(path), "%s_seqpacket", s.daemon.uds[0]);
		fd = host_dial_seqpacket(path);
		need(fd >= 0, "dial");
		need(send(fd, firsts[i], strlen(firsts[i]), 0) > 0, "send");
		send(fd, "more", 4, MSG_NOSIGNAL);
		while (recv(fd, &byte, 1, MSG_DONTWAIT) < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			world_rest(&s.world, 1);
		}
		close(fd);
	}
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(a_megabyte_without_a_newline_is_cut_short)
{
	char *bytes = malloc(MIB);
	struct host_conn c;
	struct scene s;

	need(bytes != NULL, "malloc");
	memset(bytes, 'C', MIB);
	scene_open(&s, _i);
	client_dial(&s, &c);
	client_say(&s, &c, bytes, MIB, MIB);
	client_expect_refusal(&s, &c);
	scene_check_works(&s);
	scene_close(&s);
	free(bytes);
}
END_TEST

START_TEST(ports_from_0_to_the_last_are_taken)
{
	static const uint32_t ports[] = { 0, 1, 65536, 4294967294u };
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
		struct gsock *listener =
			gsock_listen(&s.guest.sockets, ports[i]);
		struct host_conn c;
		struct gsock *g;

		host_connect(&c, &s.world, s.daemon.uds[0], ports[i]);
		drive_until(&s.world, !c.wants_line);
		ck_assert(host_ready(&c));
		ck_assert((g = gsock_accept(listener)) != NULL);
		ck_assert_uint_eq(g->peer_port, host_port(&c));
		host_close(&c);
		gsock_close(g);
		gsock_close(listener);
	}
	scene_close(&s);
}
END_TEST

/* printf 'CONNECT 5000\nreq' | socat - UNIX-CONNECT:... */
START_TEST(bytes_behind_the_line_then_shutdown_get_an_answer)
{
	struct gsock *listener, *g;
	struct host_conn c;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 5000);
	client_dial(&s, &c);
	client_say(&s, &c, "CONNECT 5000\nreq", 16, 16);
	host_shutdown(&c);
	drive_until(&s.world, (g = gsock_accept(listener)) != NULL);
	gsock_read_all(g);
	drive_until(&s.world, gsock_eof(g));
	ck_assert(sink_is(&g->in, "req"));
	gsock_write(g, "answer");
	gsock_close(g);
	drive_until(&s.world, c.eof);
	ck_assert(sink_is(&c.in, "answer"));
	host_close(&c);
	scene_close(&s);
}
END_TEST

START_TEST(a_megabyte_behind_the_line_arrives)
{
	static const char line[] = "CONNECT 5000\n";
	struct gsock *listener, *g;
	struct host_conn c;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 5000);
	client_dial(&s, &c);
	client_say(&s, &c, line, strlen(line), 64);
	host_send(&c, 3, MIB);
	drive_until(&s.world, (g = gsock_accept(listener)) != NULL);
	sink_expect(&g->in, 3);
	gsock_read_all(g);
	drive_until(&s.world, g->in.got == MIB);
	host_close(&c);
	gsock_close(g);
	scene_close(&s);
}
END_TEST

/*
 * systemd's ssh proxy reads nine bytes: the line must be complete at its first
 * byte, no longer than that, and ahead of what the guest says.
 */
START_TEST(ok_line_is_one_write_before_the_guests_bytes)
{
	struct gsock *listener;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 5000);
	for (unsigned i = 0; i < 200; i++) {
		struct host_conn c;
		struct gsock *g;
		char line[64];
		ssize_t n;
		int fd;

		client_dial(&s, &c);
		host_pause(&c, true);
		client_say(&s, &c, "CONNECT 5000\n", 13, 64);
		drive_until(&s.world, (g = gsock_accept(listener)) != NULL);
		gsock_write(g, "hello");
		fd = c.watch.fd;
		while ((n = recv(fd, line, 10, MSG_DONTWAIT)) < 0)
			world_rest(&s.world, 1);
		ck_assert_int_ge(n, 8);
		ck_assert(!memcmp(line, "OK ", 3));
		ck_assert(line[8] == '\n' || line[7] == '\n');
		host_close(&c);
		gsock_close(g);
	}
	scene_close(&s);
}
END_TEST

/* Sends TEXT with a descriptor or, if the kernel refuses that, without. False:
 * with it. */
static bool say_without(int fd, const char *text, int passed)
{
	if (host_pass_descriptor(fd, text, passed))
		return false;
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 (int)strlen(text));
	return true;
}

/* Nobody keeps the descriptors. On a kernel that lets them through (before
 * Linux 6.16) sending them costs the program its connection. */
START_TEST(descriptors_within_the_line_are_refused)
{
	static const char *const pieces[][3] = {
		{ "CONNECT 5000\nreq" },
		{ "C", "ONNECT 5000\nreq" },
		{ "CONNECT 5000", "\n", "req" },
	};
	struct gsock *listener, *g;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 5000);
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct pollfd end = { .events = POLLIN };
		struct host_conn c;
		bool without = true;
		int ends[2];

		s.world.context = pieces[i][0];
		need(!pipe2(ends, O_CLOEXEC), "pipe2");
		client_dial(&s, &c);
		for (unsigned k = 0; without && k < 3 && pieces[i][k]; k++)
			without =
				say_without(c.watch.fd, pieces[i][k], ends[1]);
		close(ends[1]);
		if (without) {
			drive_until(&s.world,
				    (g = gsock_accept(listener)) != NULL);
			gsock_read_all(g);
			drive_until(&s.world, sink_is(&g->in, "req"));
			host_close(&c);
			gsock_close(g);
		} else {
			client_expect_refusal(&s, &c);
		}
		end.fd = ends[0];
		drive_until(&s.world, poll(&end, 1, 0) == 1);
		ck_assert_int_eq(end.revents, POLLHUP);
		close(ends[0]);
	}
	s.world.context = NULL;
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		line_may_come_in_any_pieces,
		malformed_lines_end_that_client_only,
		a_refusal_is_an_end_whatever_stands_behind_the_line,
		a_refused_message_is_an_end,
		a_megabyte_without_a_newline_is_cut_short,
		ports_from_0_to_the_last_are_taken,
		bytes_behind_the_line_then_shutdown_get_an_answer,
		a_megabyte_behind_the_line_arrives,
		ok_line_is_one_write_before_the_guests_bytes,
		descriptors_within_the_line_are_refused,
	};

	return run_tests("system/handshake", tests, ARRAY_SIZE(tests));
}
