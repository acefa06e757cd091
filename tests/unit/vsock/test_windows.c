/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Shares of what a guest's connections have under way. */
#include <string.h>

#include "suite.h"
#include "vsock/windows.h"

#define CONNECTIONS 200
#define PACKET 65536u

static struct windows windows;
static struct window_use use[CONNECTIONS];

static void begin(void)
{
	memset(&windows, 0, sizeof(windows));
	memset(use, 0, sizeof(use));
}

/* The first N send in turn, BYTES altogether; the last window of the first. */
static uint32_t send_in_turn(unsigned n, uint32_t bytes)
{
	uint32_t window = 0;
	unsigned i;

	for (; bytes >= n * PACKET; bytes -= n * PACKET) {
		window = windows_sent(&windows, &use[0], PACKET);
		for (i = 1; i < n; i++)
			windows_sent(&windows, &use[i], PACKET);
	}
	return window;
}

START_TEST(one_has_what_it_wants)
{
	begin();
	ck_assert_uint_eq(send_in_turn(1, 5 * WINDOWS_PERIOD), UINT32_MAX);
}
END_TEST

START_TEST(the_greedy_share_and_get_no_less_than_the_least)
{
	static const struct {
		unsigned n;
		uint32_t window;
	} rows[] = {
		{ 2, WINDOWS_TOTAL / 2 },	{ 8, WINDOWS_TOTAL / 8 },
		{ 64, WINDOWS_TOTAL / 64 },	{ 65, WINDOWS_LEAST },
		{ CONNECTIONS, WINDOWS_LEAST },
	};

	begin();
	ck_assert_uint_eq(send_in_turn(rows[_i].n, 4 * WINDOWS_PERIOD),
			  rows[_i].window);
}
END_TEST

/* A connection that sends little is neither limited nor counted. */
START_TEST(the_light_have_what_they_want)
{
	unsigned round;
	uint64_t bytes = 0;

	begin();
	for (round = 0; round < 10000; round++) {
		send_in_turn(2, 4 * PACKET);
		ck_assert_uint_eq(windows_sent(&windows, &use[3], 64),
				  UINT32_MAX);
		bytes += 4 * PACKET + 64;
	}
	ck_assert_uint_gt(bytes, 10 * WINDOWS_PERIOD);
	ck_assert_uint_eq(windows_sent(&windows, &use[0], PACKET),
			  WINDOWS_TOTAL / 2);
}
END_TEST

/* Small packets make a connection as greedy as large ones do. */
START_TEST(many_small_packets_are_greedy)
{
	uint32_t sent;

	begin();
	windows_sent(&windows, &use[0], PACKET);
	for (sent = 64; sent < WINDOWS_GREEDY; sent += 64)
		ck_assert_uint_eq(windows_sent(&windows, &use[1], 64),
				  UINT32_MAX);
	ck_assert_uint_eq(windows_sent(&windows, &use[1], 64),
			  WINDOWS_TOTAL / 2);
}
END_TEST

/* Those that have stopped are forgotten after two periods, not before one. */
START_TEST(others_that_stop_are_forgotten)
{
	begin();
	send_in_turn(64, 2 * WINDOWS_PERIOD);
	ck_assert_uint_eq(send_in_turn(1, WINDOWS_PERIOD / 2),
			  WINDOWS_TOTAL / 64);
	ck_assert_uint_eq(send_in_turn(1, 3 * WINDOWS_PERIOD), UINT32_MAX);
}
END_TEST

/* A connection that was greedy in a period is so from the start of the next. */
START_TEST(periods_give_no_second_start)
{
	unsigned round, i;

	begin();
	for (round = 0; round < 4 * WINDOWS_PERIOD / (64 * 4096); round++) {
		for (i = 0; i < 64; i++) {
			uint32_t window = windows_sent(&windows, &use[i], 4096);

			if (round * 64 * 4096 > WINDOWS_PERIOD)
				ck_assert_uint_eq(window, WINDOWS_LEAST);
		}
	}
}
END_TEST

START_TEST(lengths_that_no_packet_has_do_no_harm)
{
	begin();
	windows_sent(&windows, &use[0], UINT32_MAX);
	windows_sent(&windows, &use[0], UINT32_MAX);
	windows_sent(&windows, &use[1], 0);
	send_in_turn(1, 3 * WINDOWS_PERIOD);
	ck_assert_uint_eq(windows_sent(&windows, &use[0], 1), UINT32_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("windows");
	TCase *shares = tcase_create("shares");

	tcase_add_test(shares, one_has_what_it_wants);
	tcase_add_loop_test(
		shares, the_greedy_share_and_get_no_less_than_the_least, 0, 5);
	tcase_add_test(shares, the_light_have_what_they_want);
	tcase_add_test(shares, many_small_packets_are_greedy);
	tcase_add_test(shares, others_that_stop_are_forgotten);
	tcase_add_test(shares, periods_give_no_second_start);
	tcase_add_test(shares, lengths_that_no_packet_has_do_no_harm);
	suite_add_tcase(suite, shares);
	return suite_run(suite);
}
