/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Which connections are light, how long turns are, and how much may be under
 * way. */
#include <string.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/share.h"

#define START 1000000ull
#define MANY 200
#define PACKET 65536u

static struct share share;
static struct share_use light;
static struct share_use greedy[MANY];

static void begin(void)
{
	memset(&share, 0, sizeof(share));
	memset(&light, 0, sizeof(light));
	memset(greedy, 0, sizeof(greedy));
	share_begin(&share, START);
}

/* The first N move a packet each, until all have moved BYTES or more. */
static void move(unsigned n, uint32_t bytes)
{
	uint32_t moved;

	for (moved = 0; moved < bytes; moved += n * PACKET)
		for (unsigned i = 0; i < n; i++)
			share_count(&share, &greedy[i], PACKET);
}

/* A turn at NOW: the first N of the greedy ones move a lot, and a light
 * connection has a packet if ONE_IS_LIGHT. */
static void turn(uint64_t now, unsigned n, bool one_is_light)
{
	share_begin(&share, now);
	if (n)
		move(n, SHARE_PERIOD);
	share.light_ms = 0; /* the greedy ones' first packets do not count */
	if (one_is_light)
		share_count(&share, &light, 64);
}

static void expect_long(uint64_t now)
{
	share_begin(&share, now);
	ck_assert(!share.hasten && !share.light_only);
	ck_assert_uint_eq(share.left_out, UINT32_MAX);
	ck_assert_uint_eq(share.left_in, UINT32_MAX);
	ck_assert_uint_eq(share_in(&share, &greedy[0]), UINT32_MAX);
}

START_TEST(greedy_ones_alone_have_long_turns)
{
	begin();
	for (unsigned i = 0; i < 10; i++)
		turn(START + i, 64, false);
	expect_long(START + 10);
}
END_TEST

/* However much many light connections move together. */
START_TEST(light_ones_alone_have_long_turns)
{
	struct share_use uses[2 * SHARE_SHORT / 1024] = { 0 };

	begin();
	for (unsigned i = 0; i < 10; i++) {
		turn(START + i, 0, true);
		for (unsigned j = 0; j < ARRAY_SIZE(uses); j++)
			share_count(&share, &uses[j], 1024);
	}
	expect_long(START + 10);
}
END_TEST

START_TEST(together_they_have_short_turns_by_turns)
{
	begin();
	turn(START, 2, true);
	for (unsigned i = 0; i < 6; i++) {
		uint32_t left = i % 2 ? SHARE_SHORT : 0;

		share_begin(&share, START);
		ck_assert(share.hasten);
		ck_assert_int_eq(share.light_only, i % 2 == 0);
		ck_assert_uint_eq(share.left_out, left);
		ck_assert_uint_eq(share.left_in, left);
		ck_assert_uint_eq(share_in(&share, &greedy[0]), left);
		ck_assert_uint_eq(share_in(&share, &light), UINT32_MAX);
	}
}
END_TEST

/* Each direction has bytes of its own, and only greedy ones use up what may be
 * offered to guests. */
START_TEST(bytes_are_taken_from_what_is_left)
{
	begin();
	turn(START, 2, true);
	share_begin(&share, START);
	share_begin(&share, START);
	share_out(&share, &greedy[0], SHARE_SHORT / 4);
	ck_assert_uint_eq(share.left_out, SHARE_SHORT / 4 * 3);
	ck_assert_uint_eq(share.left_in, SHARE_SHORT);
	share_offer(&share, &light, SHARE_SHORT);
	ck_assert_uint_eq(share.left_in, SHARE_SHORT);
	share_offer(&share, &greedy[0], SHARE_SHORT / 2);
	ck_assert_uint_eq(share.left_in, SHARE_SHORT / 2);
	share_offer(&share, &greedy[0], SHARE_SHORT);
	share_out(&share, &greedy[0], UINT32_MAX);
	ck_assert_uint_eq(share.left_in, 0);
	ck_assert_uint_eq(share.left_out, 0);
}
END_TEST

START_TEST(turns_are_long_again_after_a_while)
{
	uint64_t last = START + SHARE_LINGER_MS - 1;

	begin();
	turn(START, 2, true);
	share_begin(&share, last);
	ck_assert(share.hasten);
	expect_long(last + 1);
	/* a light one alone */
	turn(last + 1, 2, false);
	share_begin(&share, last + 1);
	ck_assert(!share.hasten);
	share_count(&share, &light, 64);
	share_begin(&share, last + 2);
	ck_assert(share.hasten);
	share_begin(&share, last + 2);
	share_count(&share, &light, 64);
	share_begin(&share, last + 1 + SHARE_LINGER_MS);
	expect_long(last + 2 * SHARE_LINGER_MS);
}
END_TEST

/* What greedy ones moved before counts by half as much with each period. */
START_TEST(a_greedy_one_becomes_light_slowly)
{
	static const struct {
		uint32_t bytes;	  /* in one period */
		unsigned periods; /* until it is light */
	} rows[] = {
		{ SHARE_LIGHT - SHARE_UNIT, 0 }, { SHARE_LIGHT, 2 },
		{ 2 * SHARE_LIGHT, 3 },		 { 4 * SHARE_LIGHT, 4 },
		{ UINT32_MAX / 2, 4 },
	};
	struct share_use busy = { .units = 0 }, idle = { .units = 0 };
	unsigned periods = 0;

	begin();
	share_count(&share, &busy, rows[_i].bytes);
	share_count(&share, &idle, rows[_i].bytes);
	while (!share_is_light(&share, &busy)) {
		ck_assert(!share_is_light(&share, &idle));
		periods++;
		share_begin(&share, START + periods * SHARE_PERIOD_MS);
		share_count(&share, &busy, 1);
	}
	ck_assert(share_is_light(&share, &idle));
	ck_assert_uint_eq(periods, rows[_i].periods);
}
END_TEST

START_TEST(little_of_much_is_light)
{
	struct share_use little = { .units = 0 }, much = { .units = 0 };
	uint32_t i;

	begin();
	for (i = 0; i < 200000; i++) {
		share_begin(&share, START);
		share_count(&share, &little, 64);
		share_count(&share, &much, 32768);
		ck_assert(share_is_light(&share, &little));
		ck_assert(i < 4 || !share_is_light(&share, &much));
	}
}
END_TEST

START_TEST(a_count_does_not_overflow)
{
	struct share_use use = { .units = 0 };
	unsigned i;

	begin();
	for (i = 0; i < SHARE_UNITS_LIGHT - 1; i++) {
		share_count(&share, &use, 1);
		ck_assert(share_is_light(&share, &use));
	}
	for (i = 0; i < 4; i++) {
		share_count(&share, &use, UINT32_MAX);
		ck_assert(!share_is_light(&share, &use));
	}
}
END_TEST

START_TEST(greedy_ones_share_windows)
{
	static const struct {
		unsigned n;
		uint32_t window;
	} rows[] = {
		{ 1, UINT32_MAX },	    { 2, SHARE_WINDOWS / 2 },
		{ 8, SHARE_WINDOWS / 8 },   { 64, SHARE_WINDOWS / 64 },
		{ 65, SHARE_WINDOW_LEAST }, { MANY, SHARE_WINDOW_LEAST },
	};
	uint64_t now = START;

	begin();
	for (unsigned i = 0; i < 4; i++)
		turn(++now, rows[_i].n, true);
	ck_assert_uint_eq(share_window(&share, &greedy[0]), rows[_i].window);
	ck_assert_uint_eq(share_window(&share, &light), UINT32_MAX);
	/* The period that has just begun has no sharers yet. */
	share_begin(&share, now);
	ck_assert_uint_eq(share_window(&share, &greedy[0]), rows[_i].window);
	/* Those that stop are forgotten. */
	share_begin(&share, now + SHARE_PERIOD_MS);
	share_begin(&share, now + 2 * SHARE_PERIOD_MS);
	ck_assert_uint_eq(share_window(&share, &greedy[0]), UINT32_MAX);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		greedy_ones_alone_have_long_turns,
		light_ones_alone_have_long_turns,
		together_they_have_short_turns_by_turns,
		bytes_are_taken_from_what_is_left,
		turns_are_long_again_after_a_while,
		little_of_much_is_light,
		a_count_does_not_overflow,
	};
	Suite *suite = suite_create("share");
	TCase *tcase = tcase_create("share");

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, a_greedy_one_becomes_light_slowly, 0, 5);
	tcase_add_loop_test(tcase, greedy_ones_share_windows, 0, 6);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
