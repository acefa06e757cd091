/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Clients of the hybrid socket that are refused, leave early or stay silent. */
#include <stdlib.h>

#include "system/client.h"

#define AT_ONCE_MS 1000
#define SILENT_MAX 1024

static int compare_ports(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* A guest that is slow to forget a pair of ports must not see it again soon. */
START_TEST(host_ports_are_not_used_again_soon)
{
	enum { TIMES = 5000 };
	static int ports[TIMES];
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < TIMES; i++) {
		struct pair p;

		pair_from_host(&s, &p);
		ports[i] = (int)host_port(&p.host);
		pair_close(&p);
	}
	qsort(ports, TIMES, sizeof(int), compare_ports);
	for (unsigned i = 1; i < TIMES; i++)
		ck_assert_int_ne(ports[i - 1], ports[i]);
	scene_close(&s);
}
END_TEST

/* Each takes 50 ms on average: far below the two seconds after which a guest is
 * taken for mute. */
START_TEST(refusals_close_at_once_without_a_byte)
{
	struct host_conn c;
	struct scene s;
	uint64_t start;

	scene_open(&s, _i);
	start = clock_ms();
	for (unsigned i = 0; i < 50; i++) {
		host_connect(&c, &s.world, s.daemon.uds[0], 77);
		client_expect_end(&s, &c);
	}
	ck_assert_uint_lt(clock_ms() - start, 50 * 50);
	ck_assert_uint_ge(daemon_log_count(&s.daemon,
					   "port 77 refused: nobody listens"),
			  1);
	scene_close(&s);
}
END_TEST

START_TEST(without_a_hypervisor_clients_are_closed)
{
	struct host_conn c;
	struct scene s;
	uint64_t start;

	scene_daemon(&s, _i, NULL);
	start = clock_ms();
	host_connect(&c, &s.world, s.daemon.uds[0], 77);
	client_expect_end(&s, &c);
	ck_assert_uint_lt(clock_ms() - start, AT_ONCE_MS);
	scene_close(&s);
}
END_TEST

/* The guest is told too, by an RST: it may be about to answer. */
START_TEST(a_guest_that_does_not_answer_is_given_two_seconds)
{
	struct gsock *listener;
	struct host_conn c;
	struct scene s;
	uint64_t start;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 5000);
	listener->mute = true;
	start = clock_ms();
	host_connect(&c, &s.world, s.daemon.uds[0], 5000);
	client_expect_end(&s, &c);
	ck_assert_uint_ge(clock_ms() - start, 1900);
	ck_assert_uint_lt(clock_ms() - start, 4000);
	drive_until(&s.world, listener->last.op == VIRTIO_VSOCK_OP_RST);
	ck_assert_uint_eq(daemon_log_count(&s.daemon,
					   "port 5000 refused: no answer in"),
			  1);
	scene_close(&s);
}
END_TEST

/* Nobody waits for these clients any more: the guest is told, and nothing is
 * left over. */
START_TEST(clients_that_leave_before_ok_are_forgotten)
{
	struct gsock *listener, *g;
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, 5000);
	fds = daemon_fds(&s.daemon);
	for (unsigned i = 0; i < 300; i++) {
		struct host_conn c;

		client_dial(&s, &c);
		if (i % 3)
			client_say(&s, &c, "CONNECT 5000\n",
				   i % 3 == 1 ? 13 : 7, 64);
		if (i % 2)
			world_rest(&s.world, 1);
		host_close(&c);
		while ((g = gsock_accept(listener)) != NULL)
			gsock_close(g);
	}
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	while ((g = gsock_accept(listener)) != NULL)
		gsock_close(g);
	drive_until(&s.world, s.guest.sockets.count == 1);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* The client that has been silent longest is dropped first. */
START_TEST(silent_clients_are_bounded)
{
	static struct host_conn c[SILENT_MAX + 8];
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		client_dial(&s, &c[i]);
		if (i % 64 == 0)
			world_rest(&s.world, 1);
	}
	for (unsigned i = 0; i < 8; i++)
		drive_until(&s.world, host_over(&c[i]));
	scene_check_works(&s);
	/* the check needed room too: one or two more were dropped for it */
	for (unsigned i = 10; i < ARRAY_SIZE(c); i++)
		ck_assert(!host_over(&c[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		host_close(&c[i]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		host_ports_are_not_used_again_soon,
		refusals_close_at_once_without_a_byte,
		without_a_hypervisor_clients_are_closed,
		a_guest_that_does_not_answer_is_given_two_seconds,
		clients_that_leave_before_ok_are_forgotten,
		silent_clients_are_bounded,
	};

	return run_tests("system/clients", tests, ARRAY_SIZE(tests));
}
