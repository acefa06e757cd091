/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Host ports: which comes next, and how many are asked about until it does. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/ports.h"

#define PEER 7u

static struct ports ports;
static uint8_t *used; /* towards PEER, by number */
static unsigned asked;

static bool is_used(const void *owner, uint32_t peer_port, uint32_t port)
{
	ck_assert_ptr_eq(owner, &ports);
	ck_assert_uint_ge(port, PORTS_MIN);
	ck_assert_uint_le(port, PORTS_MAX);
	asked++;
	return peer_port == PEER && used[port];
}

static void setup(void)
{
	used = calloc(PORTS_MAX + 1, 1);
	ck_assert_ptr_nonnull(used);
	ports_init(&ports, 12345);
}

static void teardown(void)
{
	ports_keep_map(&ports, false);
	free(used);
}

static uint32_t next(uint32_t peer_port)
{
	asked = 0;
	return ports_next(&ports, is_used, &ports, peer_port);
}

static void take(uint32_t port)
{
	used[port] = 1;
	ports_use(&ports, port);
}

static void leave(uint32_t port)
{
	used[port] = 0;
	ports_leave(&ports, port);
}

static void take_all(void)
{
	for (uint32_t port = PORTS_MIN; port <= PORTS_MAX; port++)
		take(port);
}

START_TEST(each_comes_once_in_a_round)
{
	ports_keep_map(&ports, _i);
	for (uint32_t i = 0; i < PORTS_COUNT; i++) {
		uint32_t port = next(PEER);

		ck_assert_uint_eq(asked, 1);
		ck_assert_msg(port && !used[port], "port %u, try %u", port, i);
		used[port] = 1;
	}
}
END_TEST

/* Wherever the search begins, and with the only one anywhere in a word. */
START_TEST(the_only_free_one_is_found_at_once)
{
	static const uint32_t free_ones[] = {
		0,
		1,
		62,
		63,
		64,
		65,
		127,
		128,
		30000,
		PORTS_COUNT - 49,
		PORTS_COUNT - 48,
		PORTS_COUNT - 2,
		PORTS_COUNT - 1,
	};

	ports_keep_map(&ports, true);
	take_all();
	for (size_t i = 0; i < ARRAY_SIZE(free_ones); i++) {
		uint32_t port = PORTS_MIN + free_ones[i];

		leave(port);
		for (size_t k = 0; k < ARRAY_SIZE(free_ones); k++) {
			ports.next = PORTS_MIN + free_ones[k];
			ck_assert_uint_eq(next(PEER), port);
			ck_assert_uint_eq(asked, 1);
		}
		take(port);
	}
}
END_TEST

/* It was 55,536 in each refused CONNECT. */
START_TEST(a_refusal_asks_about_few)
{
	ports_keep_map(&ports, true);
	take_all();
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_uint_eq(next(PEER), 0);
		ck_assert_uint_eq(asked, PORTS_TRIES_MAPPED);
	}
	ck_assert_uint_ne(next(PEER + 1), 0);
	ck_assert_uint_eq(asked, 1);
}
END_TEST

/* Half a round of them, side by side, and the search comes to the first. */
START_TEST(a_crowd_is_passed_at_once)
{
	ports_keep_map(&ports, true);
	for (uint32_t i = 0; i < PORTS_COUNT / 2; i++)
		take(PORTS_MIN + 100 + i);
	ports.next = PORTS_MIN + 100;
	ck_assert_uint_eq(next(PEER), PORTS_MIN + 100 + PORTS_COUNT / 2);
	ck_assert_uint_eq(asked, 1);
}
END_TEST

/* A guest may ask for the pair that would have been given next. */
START_TEST(pairs_that_a_guest_asked_for_are_passed_over)
{
	uint32_t first;

	ports_keep_map(&ports, _i);
	first = ports.next;
	for (uint32_t i = 0; i < 100; i++)
		used[first + i] = 1;
	ck_assert_uint_eq(next(PEER), first + 100);
	ck_assert_uint_eq(asked, 101);
}
END_TEST

/* When all are in use, other ports of the guest still have nearly all. */
START_TEST(a_port_in_use_is_given_towards_another_port)
{
	ports_keep_map(&ports, true);
	take_all();
	memset(used, 0, PORTS_MAX + 1);
	for (uint32_t i = 0; i < PORTS_COUNT; i++) {
		uint32_t port = next(PEER);

		ck_assert_msg(port && !used[port], "port %u, try %u", port, i);
		if (i < PORTS_COUNT / 2)
			ck_assert_uint_eq(asked, 1);
		used[port] = 1;
	}
	ck_assert_uint_eq(next(PEER), 0);
	ck_assert_uint_eq(asked, PORTS_TRIES_MAPPED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ports");
	TCase *tcase = tcase_create("ports");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, each_comes_once_in_a_round, 0, 2);
	tcase_add_test(tcase, the_only_free_one_is_found_at_once);
	tcase_add_test(tcase, a_refusal_asks_about_few);
	tcase_add_test(tcase, a_crowd_is_passed_at_once);
	tcase_add_loop_test(tcase, pairs_that_a_guest_asked_for_are_passed_over,
			    0, 2);
	tcase_add_test(tcase, a_port_in_use_is_given_towards_another_port);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
