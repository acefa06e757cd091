/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Deadlines follow the state of their connection, and come in order. */
#include "base/check.h"
#include "suite.h"
#include "vsock/deadlines.h"
#include "vsock/packet.h"

#define NOW 1000u

static struct deadlines deadlines;
static uint64_t soonest;
static struct conn conns[16];

static void set_up(void)
{
	soonest = TIMER_NEVER;
	deadlines_init(&deadlines, &soonest);
}

START_TEST(nothing_is_due)
{
	ck_assert_ptr_null(deadlines_take_due(&deadlines, UINT64_MAX - 1));
	ck_assert(deadlines_next(&deadlines) == TIMER_NEVER);
}
END_TEST

static void set_deadline(unsigned i, enum conn_state state, bool starving,
			 uint64_t now)
{
	conns[i].state = (uint8_t)state;
	conns[i].starving = starving;
	if (state == CONN_CLOSING)
		conns[i].guest_shut = starving ? PACKET_NO_MORE : 0;
	deadlines_follow(&deadlines, &conns[i], now);
}

/* When a connection is due: its state, when it was armed, when it is due. */
static const struct {
	enum conn_state state;
	bool starving; /* CLOSING: the guest closes as well */
	uint64_t at, due;
	enum conn_deadline deadline;
} timed[] = {
	{ CONN_HOST_PENDING, false, NOW, NOW + 2000, CONN_CONNECT_DEADLINE },
	{ CONN_CLOSING, false, NOW + 1, NOW + 8001, CONN_CLOSE_DEADLINE },
	{ CONN_OPEN, false, NOW + 2, TIMER_NEVER, CONN_NO_DEADLINE },
	{ CONN_GUEST_PENDING, false, NOW + 3, NOW + 2003,
	  CONN_RESPONSE_DEADLINE },
	{ CONN_OPEN, true, NOW + 1984, NOW + 2004, CONN_PROBE_DEADLINE },
	{ CONN_CLOSED, false, NOW + 5, TIMER_NEVER, CONN_NO_DEADLINE },
	{ CONN_CLOSING, false, NOW + 7000, NOW + 15000, CONN_CLOSE_DEADLINE },
	{ CONN_CLOSING, true, NOW + 14950, NOW + 15050, CONN_CROSSED_DEADLINE },
};

static void arm_all(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(timed); i++) {
		conn_init_from_host(&conns[i], PACKET_STREAM, 1024 + i, 1,
				    4096);
		set_deadline(i, timed[i].state, timed[i].starving, timed[i].at);
		ck_assert_int_eq(conns[i].deadline, timed[i].deadline);
	}
}

START_TEST(deadlines_pass_in_order)
{
	static const unsigned order[] = { 0, 3, 4, 1, 6, 7 };
	struct conn *conn;

	arm_all();
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		uint64_t due = timed[order[i]].due;

		ck_assert_uint_eq(deadlines_next(&deadlines), due);
		ck_assert_ptr_null(deadlines_take_due(&deadlines, due - 1));
		conn = deadlines_take_due(&deadlines, due);
		ck_assert_ptr_eq(conn, &conns[order[i]]);
		ck_assert(!timer_armed(&conn->timer));
		ck_assert_int_eq(conn->deadline, timed[order[i]].deadline);
	}
	ck_assert(deadlines_next(&deadlines) == TIMER_NEVER);
}
END_TEST

START_TEST(each_passes_once_however_late)
{
	unsigned n = 0;

	arm_all();
	while (deadlines_take_due(&deadlines, NOW + 1000000))
		n++;
	ck_assert_uint_eq(n, ARRAY_SIZE(timed) - 2);
}
END_TEST

START_TEST(deadlines_follow_the_state)
{
	arm_all();
	/* The same state again is not more time. */
	set_deadline(0, CONN_HOST_PENDING, false, NOW + 1500);
	ck_assert_uint_eq(deadlines_next(&deadlines), NOW + 2000);
	set_deadline(0, CONN_OPEN, false, NOW + 1500);
	ck_assert_uint_eq(deadlines_next(&deadlines), NOW + 2003);
	set_deadline(4, CONN_CLOSING, false, NOW + 1700);
	ck_assert_uint_eq(deadlines_next(&deadlines), NOW + 2003);
	set_deadline(3, CONN_OPEN, true, NOW + 1600);
	ck_assert_uint_eq(deadlines_next(&deadlines), NOW + 1620);
	set_deadline(3, CONN_CLOSED, false, NOW + 1600);
	ck_assert(!timer_armed(&conns[3].timer));
	ck_assert_uint_eq(deadlines_next(&deadlines), NOW + 8001);
}
END_TEST

/* A probe that passed is armed anew while data still waits, for longer. */
START_TEST(probes_become_seldom)
{
	static const unsigned gaps[] = { 80,	320,   1280,  5120,
					 20480, 60000, 60000, 60000 };
	uint64_t now = NOW + 2004;

	arm_all();
	while (deadlines_take_due(&deadlines, now - 1))
		continue;
	for (unsigned i = 0; i < ARRAY_SIZE(gaps); i++) {
		ck_assert_ptr_eq(deadlines_take_due(&deadlines, now),
				 &conns[4]);
		ck_assert_uint_eq(conn_timed_out(&conns[4]), 0);
		deadlines_follow(&deadlines, &conns[4], now);
		while (deadlines_take_due(&deadlines, now + gaps[i] - 1))
			continue;
		now += gaps[i];
		ck_assert_uint_eq(conn_due(&conns[4]), CONN_PROBE_DEADLINE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadlines");
	TCase *c = tcase_create("deadlines");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, NULL);
	tcase_add_test(c, nothing_is_due);
	tcase_add_test(c, deadlines_pass_in_order);
	tcase_add_test(c, each_passes_once_however_late);
	tcase_add_test(c, deadlines_follow_the_state);
	tcase_add_test(c, probes_become_seldom);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
