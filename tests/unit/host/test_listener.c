/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How many host programs a turn accepts, and by how many calls. Each accept(2) and
 * each look for a CONNECT line is a chore. */
#include <check.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "guest/guest.h"
#include "host/listener.h"
#include "ring/ring.h"
#include "session/ends.h"
#include "suite.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "unit/host/host_fixture.h"

#define PROGRAMS 64
#define PATIENCE_MS 20000

static const char *const engines[] = { "io_uring", "epoll" };

static struct loop loop;
static struct guest *guest;
static struct listener *listener;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static int server;
static int programs[PROGRAMS];
static unsigned nprograms;

/* False: this machine forbids the engine. */
static bool begin(int engine)
{
	guest = host_begin(&loop, engines[engine]);
	if (!guest)
		return false;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		 guest->config->uds_path);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert(!bind(server, (struct sockaddr *)&addr, sizeof(addr)));
	ck_assert(!listen(server, PROGRAMS));
	listener = listener_new(guest, server, PACKET_STREAM);
	ck_assert_ptr_nonnull(listener);
	return true;
}

static void finish(void)
{
	listener_stop(listener);
	ends_kill_connections(guest);
	while (listener_busy(listener))
		ring_wait(loop.ring, PATIENCE_MS);
	listener_free(listener);
	host_finish(guest);
	while (nprograms)
		fd_close(&programs[--nprograms]);
	fd_close(&server);
	unlink(addr.sun_path);
}

static void come(unsigned n)
{
	while (n--) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		ck_assert(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
		programs[nprograms++] = fd;
	}
}

static void wait_until_called(void)
{
	while (list_empty(&guest->greeters.calling))
		ck_assert_uint_gt(ring_wait(loop.ring, PATIENCE_MS), 0);
}

/* Returns the chores of a turn. */
static unsigned turn(void)
{
	loop.chores = 0;
	listener_serve(guest);
	return loop.chores;
}

/* One program after the other: one accept(2) for each, and a look, but for a try
 * now and then whether two have come. */
START_TEST(a_program_that_comes_alone_costs_one_accept)
{
	unsigned calls = 0;

	if (!begin(_i))
		return;
	for (unsigned i = 0; i < PROGRAMS; i++) {
		come(1);
		wait_until_called();
		calls += turn();
		ck_assert_uint_eq(guest->greeters.count, i + 1);
	}
	ck_assert_uint_le(calls, 2 * PROGRAMS + PROGRAMS / 8);
	finish();
}
END_TEST

/* All at once: no turn accepts more than the chores of a kind, but it does not
 * take a turn for each. */
START_TEST(a_crowd_is_accepted_in_few_turns)
{
	unsigned turns = 0;

	if (!begin(_i))
		return;
	/* The first ones are accepted one by one. */
	for (unsigned i = 0; i < 8; i++) {
		come(1);
		wait_until_called();
		turn();
	}
	come(PROGRAMS - 8);
	while (guest->greeters.count < PROGRAMS) {
		wait_until_called();
		ck_assert_uint_le(turn(), 2 * LOOP_CHORES_OF_A_KIND);
		turns++;
	}
	ck_assert_uint_le(turns, 16);
	finish();
}
END_TEST

/* Two at a time are accepted together, as soon as that has been tried. */
START_TEST(a_pair_is_accepted_in_one_turn)
{
	unsigned turns = 0;

	if (!begin(_i))
		return;
	for (unsigned i = 1; i <= PROGRAMS / 2; i++) {
		come(2);
		while (guest->greeters.count < 2 * i) {
			wait_until_called();
			turn();
			turns++;
		}
	}
	ck_assert_uint_le(turns, PROGRAMS / 2 + 8);
	finish();
}
END_TEST

/* While the VM may have no further descriptor, a program that waits does not keep
 * the loop from sleeping. */
START_TEST(a_pause_is_quiet)
{
	struct descriptors none = { .share = 0, .common = 0 };

	if (!begin(_i))
		return;
	loop.descriptors = &none;
	come(1);
	wait_until_called();
	turn();
	ck_assert_uint_eq(guest->greeters.count, 0);
	while (ring_wait(loop.ring, 0))
		;
	ck_assert_uint_eq(ring_wait(loop.ring, 20), 0);
	ck_assert(list_empty(&guest->greeters.calling));
	none.share = 1;
	container_of(loop.pauses.timers.armed.next, struct loop_pause,
		     timer.node)
		->over(container_of(loop.pauses.timers.armed.next,
				    struct loop_pause, timer.node));
	turn();
	ck_assert_uint_eq(guest->greeters.count, 1);
	finish();
}
END_TEST

/* A line that has come with its program is read in the same turn. */
START_TEST(a_line_that_is_there_is_read_at_once)
{
	char byte;

	if (!begin(_i))
		return;
	come(1);
	ck_assert_int_eq(write(programs[0], "HELLO\n", 6), 6);
	wait_until_called();
	turn();
	/* It was wrong. */
	ck_assert_uint_eq(guest->greeters.count, 0);
	ck_assert_int_eq(read(programs[0], &byte, 1), 0);
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("listener");
	TCase *c = tcase_create("listener");
	int n = ARRAY_SIZE(engines);

	tcase_add_loop_test(c, a_program_that_comes_alone_costs_one_accept, 0,
			    n);
	tcase_add_loop_test(c, a_crowd_is_accepted_in_few_turns, 0, n);
	tcase_add_loop_test(c, a_pair_is_accepted_in_one_turn, 0, n);
	tcase_add_loop_test(c, a_pause_is_quiet, 0, n);
	tcase_add_loop_test(c, a_line_that_is_there_is_read_at_once, 0, n);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
