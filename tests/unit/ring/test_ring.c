/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Reports of what happened to which descriptor, with each engine. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "suite.h"
#include "unit/ring/ring_fixture.h"

static int pair[2] = { -1, -1 };
static struct eye eye;

static bool begin(int engine)
{
	make_pair(pair);
	return ring_start(engine);
}

static void finish(void)
{
	eye_close(&eye);
	ring_stop();
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

START_TEST(unknown_engine)
{
	const char *why = NULL;

	errno = 0;
	ck_assert_ptr_null(ring_open("kqueue", &why));
	ck_assert_ptr_nonnull(why);
	ck_assert_int_ne(errno, 0);
	ring_close(NULL);
}
END_TEST

/* However far it comes before none is left, that is the reason it gives. */
START_TEST(lack_of_descriptors_is_called_so)
{
	struct rlimit before, limit;
	const char *engine, *why = "";
	unsigned failed = 0;
	int first;

	if (!ring_start(_i))
		return;
	engine = ring_engine(ring);
	ring_stop();
	first = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	close(first);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	for (limit.rlim_cur = (rlim_t)first; !ring; limit.rlim_cur++) {
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ring = ring_open(engine, &why);
		ck_assert_msg(ring || errno == EMFILE, "%s", why);
		ck_assert_msg(ring || !strstr(why, "kernel"), "%s", why);
		failed += !ring;
	}
	ck_assert_uint_gt(failed, 0);
	ring_stop();
	setrlimit(RLIMIT_NOFILE, &before);
}
END_TEST

START_TEST(readable_edges)
{
	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	settle();
	ck_assert_uint_eq(eye.reports, 0);
	for (unsigned i = 1; i <= 5; i++) {
		eye.reports = 0;
		put(pair[1], "abc", 3);
		wait_reports(&eye, 1);
		ck_assert(eye.last & POLLIN);
		ck_assert_int_eq(drain(pair[0]), 3);
		settle();
	}
	/* Nothing new, nothing to say, even if something is left. */
	put(pair[1], "abc", 3);
	wait_reports(&eye, 1);
	settle();
	eye.reports = 0;
	ck_assert_uint_eq(ring_wait(ring, 20), 0);
	put(pair[1], "d", 1);
	wait_reports(&eye, 1);
	finish();
}
END_TEST

START_TEST(what_was_there_before)
{
	if (!begin(_i))
		return;
	put(pair[1], "abc", 3);
	eye_open(&eye, pair[0]);
	wait_bits(&eye, POLLIN);
	finish();
}
END_TEST

/* What is left is reported as often as that is asked for. */
START_TEST(levels_are_reported_again)
{
	char byte;

	if (!begin(_i))
		return;
	eye_init(&eye);
	put(pair[1], "abc", 3);
	ck_assert(!ring_watch_level(ring, &eye.watch, pair[0], eye_sees));
	for (unsigned i = 0; i < 3; i++) {
		wait_reports(&eye, 1);
		ck_assert(eye.last & POLLIN);
		ck_assert_int_eq(read(pair[0], &byte, 1), 1);
		eye.reports = 0;
		ring_watch_again(ring, &eye.watch);
		ring_watch_again(ring, &eye.watch);
	}
	settle();
	ck_assert_uint_eq(eye.reports, 0);
	put(pair[1], "d", 1);
	wait_reports(&eye, 1);
	finish();
}
END_TEST

/* An owner that leaves something can sleep once the watch is stopped. */
START_TEST(levels_are_left_in_peace)
{
	if (!begin(_i))
		return;
	eye_init(&eye);
	put(pair[1], "abc", 3);
	ck_assert(!ring_watch_level(ring, &eye.watch, pair[0], eye_sees));
	wait_reports(&eye, 1);
	ring_unwatch(ring, &eye.watch);
	settle();
	eye.reports = 0;
	ck_assert_uint_eq(ring_wait(ring, 20), 0);
	ck_assert(!ring_watch_level(ring, &eye.watch, pair[0], eye_sees));
	wait_reports(&eye, 1);
	finish();
}
END_TEST

/* A peer that sends no more is POLLRDHUP; POLLHUP is the end of both
 * directions. */
START_TEST(end_of_stream)
{
	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	settle();
	ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
	wait_bits(&eye, POLLRDHUP);
	ck_assert(!(eye.all & POLLHUP));
	ck_assert_int_eq(drain(pair[0]), -1);
	settle();
	fd_close(&pair[1]);
	wait_bits(&eye, POLLHUP);
	finish();
}
END_TEST

START_TEST(writable_again)
{
	if (!begin(_i))
		return;
	fill(pair[0]);
	eye_open(&eye, pair[0]);
	for (unsigned i = 0; i < 3; i++) {
		ring_watch_writable(ring, &eye.watch);
		ring_watch_writable(ring, &eye.watch); /* freely */
		settle();
		ck_assert(!(eye.all & POLLOUT));
		ck_assert_int_gt(drain(pair[1]), 0);
		wait_bits(&eye, POLLOUT);
		settle();
		eye.all = 0;
		/* Once only. */
		fill(pair[0]);
		ck_assert_int_gt(drain(pair[1]), 0);
		settle();
		ck_assert(!(eye.all & POLLOUT));
		fill(pair[0]);
	}
	finish();
}
END_TEST

START_TEST(writable_at_once)
{
	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	ring_watch_writable(ring, &eye.watch);
	wait_bits(&eye, POLLOUT);
	/* The reader's report comes beside it. */
	put(pair[1], "a", 1);
	wait_bits(&eye, POLLIN);
	finish();
}
END_TEST

START_TEST(readable_while_not_writable)
{
	if (!begin(_i))
		return;
	fill(pair[0]);
	eye_open(&eye, pair[0]);
	ring_watch_writable(ring, &eye.watch);
	settle();
	for (unsigned i = 0; i < 3; i++) {
		eye.reports = 0;
		put(pair[1], "a", 1);
		wait_reports(&eye, 1);
		ck_assert(eye.last & POLLIN);
		settle();
		/* Told once, though it is still there. */
		eye.reports = 0;
		ck_assert_uint_eq(ring_wait(ring, 20), 0);
	}
	ck_assert(!(eye.all & POLLOUT));
	ck_assert_int_gt(drain(pair[1]), 0);
	wait_bits(&eye, POLLOUT);
	finish();
}
END_TEST

START_TEST(writable_because_nobody_reads)
{
	if (!begin(_i))
		return;
	fill(pair[0]);
	eye_open(&eye, pair[0]);
	settle();
	eye.all = 0;
	ring_watch_writable(ring, &eye.watch);
	fd_close(&pair[1]);
	wait_bits(&eye, POLLHUP);
	wait_bits(&eye, POLLOUT | POLLERR | POLLHUP);
	finish();
}
END_TEST

/* A front end's kicks are never read off. */
START_TEST(eventfd_that_nobody_reads)
{
	int fd = eventfd(0, EFD_CLOEXEC | (_i ? EFD_NONBLOCK : 0));

	if (!begin(_i))
		return;
	eye_open(&eye, fd);
	settle();
	ck_assert_uint_eq(eye.reports, 0);
	for (unsigned i = 0; i < 100; i++) {
		eye.reports = 0;
		eventfd_signal(fd);
		wait_reports(&eye, 1);
		settle();
	}
	eye.reports = 0;
	ck_assert_uint_eq(ring_wait(ring, 20), 0);
	finish();
	fd_close(&fd);
}
END_TEST

/* The 1 is what two readings of a clock in milliseconds may differ by. */
START_TEST(time_outs)
{
	uint64_t begun;

	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	settle();
	begun = clock_ms();
	ck_assert_uint_eq(ring_wait(ring, 0), 0);
	ck_assert_uint_eq(ring_wait(ring, 30), 0);
	ck_assert_uint_ge(clock_ms() - begun + 1, 30);
	ck_assert_uint_eq(ring_wait(ring, 1), 0);
	ck_assert_uint_eq(ring_wait(ring, 1100), 0); /* with whole seconds */
	ck_assert_uint_ge(clock_ms() - begun + 1, 1130);
	put(pair[1], "a", 1);
	ck_assert_uint_eq(ring_wait(ring, -1), 1);
	finish();
}
END_TEST

START_TEST(a_look_ahead)
{
	uint64_t until = clock_ms() + PATIENCE_MS;

	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	settle();
	ck_assert(!ring_has_events(ring));
	put(pair[1], "a", 1);
	while (!ring_has_events(ring))
		ck_assert_uint_lt(clock_ms(), until);
	ck_assert_uint_eq(eye.reports, 0);
	ck_assert(ring_has_events(ring));
	ck_assert_uint_eq(ring_wait(ring, 0), 1);
	ck_assert_uint_eq(eye.reports, 1);
	ck_assert(!ring_has_events(ring));
	finish();
}
END_TEST

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(closes_what_it_opened)
{
	unsigned before = open_descriptors();

	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	settle();
	ck_assert_uint_ge(open_descriptors(), before + 3);
	finish();
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

/* One engine refuses it at once, the other reports what the kernel says
 * later. */
START_TEST(not_a_descriptor)
{
	if (!begin(_i))
		return;
	eye_init(&eye);
	if (ring_watch(ring, &eye.watch, 9999, eye_sees)) {
		ck_assert(!ring_watch_started(&eye.watch));
		ck_assert_int_eq(eye.watch.fd, -1);
	} else {
		wait_bits(&eye, POLLERR);
	}
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *c = tcase_create("ring");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, unknown_engine);
	tcase_add_loop_test(c, lack_of_descriptors_is_called_so, 0, ENGINES);
	tcase_add_loop_test(c, readable_edges, 0, ENGINES);
	tcase_add_loop_test(c, what_was_there_before, 0, ENGINES);
	tcase_add_loop_test(c, levels_are_reported_again, 0, ENGINES);
	tcase_add_loop_test(c, levels_are_left_in_peace, 0, ENGINES);
	tcase_add_loop_test(c, end_of_stream, 0, ENGINES);
	tcase_add_loop_test(c, writable_again, 0, ENGINES);
	tcase_add_loop_test(c, writable_at_once, 0, ENGINES);
	tcase_add_loop_test(c, readable_while_not_writable, 0, ENGINES);
	tcase_add_loop_test(c, writable_because_nobody_reads, 0, ENGINES);
	tcase_add_loop_test(c, eventfd_that_nobody_reads, 0, ENGINES);
	tcase_add_loop_test(c, time_outs, 0, ENGINES);
	tcase_add_loop_test(c, a_look_ahead, 0, ENGINES);
	tcase_add_loop_test(c, closes_what_it_opened, 0, ENGINES);
	tcase_add_loop_test(c, not_a_descriptor, 0, ENGINES);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
