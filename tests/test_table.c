/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Connections are found by their ports, and their deadlines come in order. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/conn.h"
#include "vsock/table.h"

#define CONNS 4096
#define NOW 1000u

static struct table table;
static struct conn conns[CONNS];
static bool inside[CONNS];
static uint64_t seed;

static void set_up(void)
{
	table_init(&table, 0x123456789abcdef0);
	seed = 1;
}

static void tear_down(void)
{
	struct conn *conn;
	uint32_t pos;

	/* A removal may move others to slots already passed. */
	while (table.count)
		for (pos = 0; (conn = table_next(&table, &pos));)
			table_remove(&table, conn);
	table_free(&table);
}

static struct conn *fresh(unsigned i, uint32_t local, uint32_t peer)
{
	conn_init_from_host(&conns[i], local, peer, 4096);
	return &conns[i];
}

/* The simple model: all that is inside is found, nothing else is. */
static void compare(void)
{
	uint32_t pos = 0, n = 0;
	struct conn *conn;

	for (unsigned i = 0; i < CONNS; i++) {
		conn = table_find(&table, conns[i].local_port,
				  conns[i].peer_port);
		ck_assert(conn == (inside[i] ? &conns[i] : NULL));
		n += inside[i];
	}
	ck_assert_uint_eq(table.count, n);
	while ((conn = table_next(&table, &pos))) {
		ck_assert(inside[conn - conns]);
		n--;
	}
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_le(table.count, table.capacity / 4 * 3);
}

static void toggle(unsigned i)
{
	if (inside[i]) {
		table_remove(&table, &conns[i]);
	} else {
		ck_assert_int_eq(table_insert(&table, &conns[i]), 0);
		ck_assert_int_eq(table_insert(&table, &conns[i]), -EEXIST);
	}
	inside[i] = !inside[i];
}

/* Fills and empties again and again, so that it grows and shrinks. */
START_TEST(random_walk)
{
	for (unsigned i = 0; i < CONNS; i++)
		fresh(i, 1024 + i % 64, 5000 + i / 64);
	compare();
	for (unsigned round = 0; round < 6; round++) {
		unsigned bias = round % 3; /* fill, mix, empty */

		for (unsigned step = 0; step < 6000; step++) {
			unsigned i = suite_random(&seed) % CONNS;

			if (bias == 1 || inside[i] == (bias == 2))
				toggle(i);
		}
		compare();
	}
	for (unsigned i = 0; i < CONNS; i++)
		if (inside[i])
			toggle(i);
	compare();
	ck_assert_uint_le(table.capacity, 16);
}
END_TEST

START_TEST(an_empty_one)
{
	uint32_t pos = 0;

	ck_assert_ptr_null(table_find(&table, 1, 2));
	ck_assert_ptr_null(table_next(&table, &pos));
	ck_assert_ptr_null(table_take_due(&table, UINT64_MAX - 1));
	ck_assert(table_next_deadline(&table) == TIMER_NEVER);
	ck_assert_uint_ge(table_new_port(&table, 1), TABLE_PORT_MIN);
}
END_TEST

START_TEST(ports_are_a_pair)
{
	ck_assert_int_eq(table_insert(&table, fresh(0, 1, 2)), 0);
	ck_assert_ptr_null(table_find(&table, 2, 1));
	ck_assert_ptr_null(table_find(&table, 1, 1));
	ck_assert_ptr_null(table_find(&table, 2, 2));
	ck_assert_int_eq(table_insert(&table, fresh(1, 2, 1)), 0);
	ck_assert_int_eq(table_insert(&table, fresh(2, UINT32_MAX, 0)), 0);
	ck_assert_ptr_eq(table_find(&table, 2, 1), &conns[1]);
	ck_assert_ptr_eq(table_find(&table, UINT32_MAX, 0), &conns[2]);
	ck_assert_ptr_null(table_find(&table, 0, UINT32_MAX));
}
END_TEST

START_TEST(holds_no_more_than_its_bound)
{
	struct conn *many = calloc(TABLE_MAX + 1, sizeof(*many));

	ck_assert_ptr_nonnull(many);
	for (uint32_t i = 0; i <= TABLE_MAX; i++) {
		conn_init_from_host(&many[i], 1024 + i % 60000, i, 4096);
		ck_assert_int_eq(table_insert(&table, &many[i]),
				 i < TABLE_MAX ? 0 : -ENOSPC);
	}
	tear_down();
	free(many);
}
END_TEST

START_TEST(ports_come_in_turn)
{
	uint32_t ports = TABLE_PORT_MAX - TABLE_PORT_MIN + 1;
	uint8_t *seen = calloc(TABLE_PORT_MAX + 1, 1);
	uint32_t port;

	ck_assert_ptr_nonnull(seen);
	for (uint32_t i = 0; i < ports; i++) {
		port = table_new_port(&table, 7);
		ck_assert_uint_ge(port, TABLE_PORT_MIN);
		ck_assert_uint_le(port, TABLE_PORT_MAX);
		ck_assert_msg(!seen[port]++, "port %u came twice", port);
	}
	free(seen);
}
END_TEST

START_TEST(ports_in_use_are_passed_over)
{
	uint32_t first = table_new_port(&table, 7), port;

	for (unsigned i = 0; i < 100; i++) {
		port = first + 1 + i;
		if (port > TABLE_PORT_MAX)
			port -= TABLE_PORT_MAX - TABLE_PORT_MIN + 1;
		ck_assert_int_eq(table_insert(&table, fresh(i, port, 7)), 0);
	}
	port = table_new_port(&table, 7);
	ck_assert_ptr_null(table_find(&table, port, 7));
	ck_assert_uint_ne(port, first);
	/* Towards another port of the guest they are free. */
	table.next_port = first + 1;
	ck_assert_uint_eq(table_new_port(&table, 8), first + 1);
}
END_TEST

START_TEST(no_port_is_left)
{
	uint32_t ports = TABLE_PORT_MAX - TABLE_PORT_MIN + 1;
	struct conn *many = calloc(ports, sizeof(*many));

	ck_assert_ptr_nonnull(many);
	for (uint32_t i = 0; i < ports; i++) {
		uint32_t port = table_new_port(&table, 9);

		ck_assert_uint_ne(port, 0);
		conn_init_from_host(&many[i], port, 9, 4096);
		ck_assert_int_eq(table_insert(&table, &many[i]), 0);
	}
	ck_assert_uint_eq(table_new_port(&table, 9), 0);
	ck_assert_uint_ne(table_new_port(&table, 10), 0);
	table_remove(&table, &many[777]);
	ck_assert_uint_eq(table_new_port(&table, 9), many[777].local_port);
	tear_down();
	free(many);
}
END_TEST

START_TEST(first_ports_differ)
{
	struct table other;
	uint32_t port = table_new_port(&table, 1);

	table_init(&other, 4711);
	ck_assert_uint_ne(table_new_port(&other, 1), port);
	table_free(&other);
}
END_TEST

static void set_deadline(unsigned i, enum conn_state state, bool starving,
			 uint64_t now)
{
	conns[i].state = (uint8_t)state;
	conns[i].starving = starving;
	table_set_deadline(&table, &conns[i], now);
}

/* Who is due when: state, armed at, due at. */
static const struct {
	enum conn_state state;
	bool starving;
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
};

static void arm_all(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(timed); i++) {
		ck_assert_int_eq(table_insert(&table, fresh(i, 1024 + i, 1)),
				 0);
		set_deadline(i, timed[i].state, timed[i].starving, timed[i].at);
		ck_assert_int_eq(conns[i].deadline, timed[i].deadline);
	}
}

START_TEST(deadlines_pass_in_order)
{
	static const unsigned order[] = { 0, 3, 4, 1, 6 };
	struct conn *conn;

	arm_all();
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		uint64_t due = timed[order[i]].due;

		ck_assert_uint_eq(table_next_deadline(&table), due);
		ck_assert_ptr_null(table_take_due(&table, due - 1));
		conn = table_take_due(&table, due);
		ck_assert_ptr_eq(conn, &conns[order[i]]);
		ck_assert(!timer_armed(&conn->timer));
		ck_assert_int_eq(conn->deadline, timed[order[i]].deadline);
	}
	ck_assert(table_next_deadline(&table) == TIMER_NEVER);
}
END_TEST

START_TEST(each_passes_once_however_late)
{
	unsigned n = 0;

	arm_all();
	while (table_take_due(&table, NOW + 1000000))
		n++;
	ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(deadlines_follow_the_state)
{
	arm_all();
	/* The same state again is not more time. */
	set_deadline(0, CONN_HOST_PENDING, false, NOW + 1500);
	ck_assert_uint_eq(table_next_deadline(&table), NOW + 2000);
	set_deadline(0, CONN_OPEN, false, NOW + 1500);
	ck_assert_uint_eq(table_next_deadline(&table), NOW + 2003);
	set_deadline(4, CONN_CLOSING, false, NOW + 1700);
	ck_assert_uint_eq(table_next_deadline(&table), NOW + 2003);
	set_deadline(3, CONN_OPEN, true, NOW + 1600);
	ck_assert_uint_eq(table_next_deadline(&table), NOW + 1620);
	table_remove(&table, &conns[3]);
	ck_assert_int_eq(conns[3].deadline, CONN_NO_DEADLINE);
	ck_assert(!timer_armed(&conns[3].timer));
	ck_assert_uint_eq(table_next_deadline(&table), NOW + 8001);
}
END_TEST

/* A probe that passed is armed anew while data still waits, for longer. */
START_TEST(probes_become_seldom)
{
	static const unsigned gaps[] = { 80,	320,   1280,  5120,
					 20480, 60000, 60000, 60000 };
	uint64_t now = NOW + 2004;

	arm_all();
	while (table_take_due(&table, now - 1))
		continue;
	for (unsigned i = 0; i < ARRAY_SIZE(gaps); i++) {
		ck_assert_ptr_eq(table_take_due(&table, now), &conns[4]);
		ck_assert_uint_eq(conn_timed_out(&conns[4]), 0);
		table_set_deadline(&table, &conns[4], now);
		while (table_take_due(&table, now + gaps[i] - 1))
			continue;
		now += gaps[i];
		ck_assert_uint_eq(conn_due(&conns[4]), CONN_PROBE_DEADLINE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *c = tcase_create("table");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, random_walk);
	tcase_add_test(c, an_empty_one);
	tcase_add_test(c, ports_are_a_pair);
	tcase_add_test(c, holds_no_more_than_its_bound);
	tcase_add_test(c, ports_come_in_turn);
	tcase_add_test(c, ports_in_use_are_passed_over);
	tcase_add_test(c, no_port_is_left);
	tcase_add_test(c, first_ports_differ);
	tcase_add_test(c, deadlines_pass_in_order);
	tcase_add_test(c, each_passes_once_however_late);
	tcase_add_test(c, deadlines_follow_the_state);
	tcase_add_test(c, probes_become_seldom);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
