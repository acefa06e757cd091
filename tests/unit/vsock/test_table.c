/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Connections are found by CID and ports, and new ports are fresh. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/conn.h"
#include "vsock/packet.h"
#include "vsock/table.h"

#define CONNS 4096

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
	conn_init_from_host(&conns[i], PACKET_STREAM, local, peer, 4096);
	return &conns[i];
}

static void check_found(unsigned i)
{
	struct conn *conn = table_find(&table, conns[i].local_cid,
				       conns[i].local_port, conns[i].peer_port);

	ck_assert(conn == (inside[i] ? &conns[i] : NULL));
}

/* The simple model: all that is inside is found, nothing else is. */
static void compare(void)
{
	uint32_t pos = 0, n = 0;
	struct conn *conn;

	for (unsigned i = 0; i < CONNS; i++) {
		check_found(i);
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

/* What was found last is found no more once it is gone, and where it then is. */
static void toggle(unsigned i)
{
	check_found(i);
	if (inside[i]) {
		table_remove(&table, &conns[i]);
	} else {
		ck_assert_int_eq(table_insert(&table, &conns[i]), 0);
		ck_assert_int_eq(table_insert(&table, &conns[i]), -EEXIST);
	}
	inside[i] = !inside[i];
	check_found(i);
}

/* Fills and empties again and again, so that it grows and shrinks. */
START_TEST(random_walk)
{
	for (unsigned i = 0; i < CONNS; i++)
		fresh(i, 1024 + i % 64, 5000 + i / 64 % 16)->local_cid =
			2 + i / 1024;
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

	ck_assert_ptr_null(table_find(&table, 2, 1, 2));
	ck_assert_ptr_null(table_next(&table, &pos));
	ck_assert_uint_ge(table_new_port(&table, 1), PORTS_MIN);
}
END_TEST

START_TEST(all_three_numbers_count)
{
	ck_assert_int_eq(table_insert(&table, fresh(0, 1, 2)), 0);
	ck_assert_ptr_null(table_find(&table, 2, 2, 1));
	ck_assert_ptr_null(table_find(&table, 2, 1, 1));
	ck_assert_ptr_null(table_find(&table, 2, 2, 2));
	ck_assert_ptr_null(table_find(&table, 3, 1, 2));
	ck_assert_int_eq(table_insert(&table, fresh(1, 2, 1)), 0);
	ck_assert_int_eq(table_insert(&table, fresh(2, UINT32_MAX, 0)), 0);
	fresh(3, 1, 2)->local_cid = 3;
	ck_assert_int_eq(table_insert(&table, &conns[3]), 0);
	ck_assert_ptr_eq(table_find(&table, 2, 2, 1), &conns[1]);
	ck_assert_ptr_eq(table_find(&table, 2, UINT32_MAX, 0), &conns[2]);
	ck_assert_ptr_eq(table_find(&table, 3, 1, 2), &conns[3]);
	ck_assert_ptr_eq(table_find(&table, 2, 1, 2), &conns[0]);
	ck_assert_ptr_null(table_find(&table, 2, 0, UINT32_MAX));
}
END_TEST

START_TEST(holds_no_more_than_its_bound)
{
	struct conn *many = calloc(TABLE_MAX + 1, sizeof(*many));

	ck_assert_ptr_nonnull(many);
	for (uint32_t i = 0; i <= TABLE_MAX; i++) {
		conn_init_from_host(&many[i], PACKET_STREAM, 1024 + i % 60000,
				    i, 4096);
		ck_assert_int_eq(table_insert(&table, &many[i]),
				 i < TABLE_MAX ? 0 : -ENOSPC);
	}
	tear_down();
	free(many);
}
END_TEST

START_TEST(ports_come_in_turn)
{
	uint32_t ports = PORTS_COUNT;
	uint8_t *seen = calloc(PORTS_MAX + 1, 1);
	uint32_t port;

	ck_assert_ptr_nonnull(seen);
	for (uint32_t i = 0; i < ports; i++) {
		port = table_new_port(&table, 7);
		ck_assert_uint_ge(port, PORTS_MIN);
		ck_assert_uint_le(port, PORTS_MAX);
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
		if (port > PORTS_MAX)
			port -= PORTS_COUNT;
		ck_assert_int_eq(table_insert(&table, fresh(i, port, 7)), 0);
	}
	port = table_new_port(&table, 7);
	ck_assert_ptr_null(table_find(&table, 2, port, 7));
	ck_assert_uint_ne(port, first);
	/* Towards another port of the guest they are free. */
	table.ports.next = first + 1;
	ck_assert_uint_eq(table_new_port(&table, 8), first + 1);
}
END_TEST

START_TEST(no_port_is_left)
{
	uint32_t ports = PORTS_COUNT;
	struct conn *many = calloc(ports, sizeof(*many));

	ck_assert_ptr_nonnull(many);
	for (uint32_t i = 0; i < ports; i++) {
		uint32_t port = table_new_port(&table, 9);

		ck_assert_uint_ne(port, 0);
		conn_init_from_host(&many[i], PACKET_STREAM, port, 9, 4096);
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

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *c = tcase_create("table");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, random_walk);
	tcase_add_test(c, an_empty_one);
	tcase_add_test(c, all_three_numbers_count);
	tcase_add_test(c, holds_no_more_than_its_bound);
	tcase_add_test(c, ports_come_in_turn);
	tcase_add_test(c, ports_in_use_are_passed_over);
	tcase_add_test(c, no_port_is_left);
	tcase_add_test(c, first_ports_differ);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
