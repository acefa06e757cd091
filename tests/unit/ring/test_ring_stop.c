/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Watches that are stopped, at any time, and started again. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

START_TEST(nothing_after_unwatch)
{
	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	ring_watch_writable(ring, &eye.watch);
	settle();
	/* Something is on its way to be reported, and then is not wanted. */
	put(pair[1], "abc", 3);
	ring_has_events(ring);
	ring_unwatch(ring, &eye.watch);
	ring_unwatch(ring, &eye.watch); /* harmless */
	eye.reports = 0;
	fd_close(&pair[0]);
	settle();
	ck_assert_uint_eq(eye.reports, 0);
	ck_assert_int_eq(eye.watch.fd, -1);
	finish();
	ck_assert_uint_eq(eye.reports, 0);
}
END_TEST

START_TEST(unwatched_before_it_began)
{
	if (!begin(_i))
		return;
	for (unsigned i = 0; i < 3; i++) {
		eye_open(&eye, pair[0]);
		ring_watch_writable(ring, &eye.watch);
		eye_close(&eye);
		ck_assert_uint_eq(eye.reports, 0);
	}
	finish();
}
END_TEST

/*
 * What was fetched by a look ahead must not reach a watch whose memory was
 * freed meanwhile, as it may be once it is not busy.
 */
START_TEST(freed_between_look_and_report)
{
	struct eye *gone;

	if (!begin(_i))
		return;
	gone = malloc(sizeof(*gone));
	ck_assert_ptr_nonnull(gone);
	eye_open(&eye, pair[1]);
	eye_open(gone, pair[0]);
	settle();
	put(pair[1], "abc", 3);
	ring_has_events(ring);
	ring_unwatch(ring, &gone->watch);
	while (ring_watch_busy(&gone->watch))
		ring_wait(ring, 10);
	memset(gone, 0xee, sizeof(*gone));
	free(gone);
	settle();
	finish();
}
END_TEST

/* The same memory for another descriptor, while the ring still holds on to
 * the first. */
START_TEST(started_again_at_once)
{
	int other[2];

	if (!begin(_i))
		return;
	make_pair(other);
	eye_open(&eye, pair[0]);
	settle();
	for (unsigned i = 0; i < 20; i++) {
		int *from = i & 1 ? pair : other;

		ring_unwatch(ring, &eye.watch);
		ck_assert_int_eq(
			ring_watch(ring, &eye.watch, from[0], eye_sees), 0);
		settle();
		eye.all = 0;
		put(i & 1 ? other[1] : pair[1], "old", 3);
		settle();
		ck_assert_int_eq(eye.all, 0);
		put(from[1], "new", 3);
		wait_bits(&eye, POLLIN);
		drain(pair[0]);
		drain(other[0]);
		settle();
	}
	finish();
	ck_assert_uint_eq(eye.watch.in_flight, 0);
	fd_close(&other[0]);
	fd_close(&other[1]);
}
END_TEST

/* Interest in room ends with the watch. */
START_TEST(started_again_without_room)
{
	if (!begin(_i))
		return;
	fill(pair[0]);
	eye_open(&eye, pair[0]);
	ring_watch_writable(ring, &eye.watch);
	settle();
	eye_close(&eye);
	ck_assert_int_eq(ring_watch(ring, &eye.watch, pair[0], eye_sees), 0);
	settle();
	ck_assert_int_gt(drain(pair[1]), 0);
	settle();
	ck_assert(!(eye.all & POLLOUT));
	ring_watch_writable(ring, &eye.watch);
	wait_bits(&eye, POLLOUT);
	finish();
}
END_TEST

/* More often than any queue of the engine holds requests, without a wait. */
START_TEST(started_again_and_again)
{
	if (!begin(_i))
		return;
	eye_open(&eye, pair[0]);
	for (unsigned i = 0; i < 1000; i++) {
		ring_watch_writable(ring, &eye.watch);
		ring_unwatch(ring, &eye.watch);
		ck_assert(ring_watch_busy(&eye.watch) == !_i);
		ck_assert_int_eq(
			ring_watch(ring, &eye.watch, pair[0], eye_sees), 0);
	}
	settle();
	eye.all = 0;
	put(pair[1], "abc", 3);
	wait_bits(&eye, POLLIN);
	finish();
	ck_assert_uint_eq(eye.watch.in_flight, 0);
}
END_TEST

/* A report may stop any watch, its own as well. */
static struct eye *victim;

static void stops_victim(struct ring_watch *watch, int what)
{
	eye_sees(watch, what);
	ring_unwatch(ring, &victim->watch);
}

START_TEST(stopped_by_a_report)
{
	struct eye other = { 0 };

	if (!begin(_i))
		return;
	for (unsigned own = 0; own < 2; own++) {
		victim = own ? &eye : &other;
		eye_open(&eye, pair[0]);
		eye_open(&other, pair[1]);
		eye.watch.done = stops_victim;
		settle();
		put(pair[1], "a", 1);
		wait_reports(&eye, 1);
		put(pair[0], "a", 1);
		put(pair[1], "a", 1);
		settle();
		ck_assert_uint_eq(own ? eye.reports : other.reports, own);
		drain(pair[0]);
		drain(pair[1]);
		eye_close(&other);
		eye_close(&eye);
	}
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring_stop");
	TCase *c = tcase_create("ring_stop");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, nothing_after_unwatch, 0, ENGINES);
	tcase_add_loop_test(c, unwatched_before_it_began, 0, ENGINES);
	tcase_add_loop_test(c, freed_between_look_and_report, 0, ENGINES);
	tcase_add_loop_test(c, started_again_at_once, 0, ENGINES);
	tcase_add_loop_test(c, started_again_without_room, 0, ENGINES);
	tcase_add_loop_test(c, started_again_and_again, 0, ENGINES);
	tcase_add_loop_test(c, stopped_by_a_report, 0, ENGINES);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
