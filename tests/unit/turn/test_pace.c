/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How long turns are, and which connections they are for. */
#include "base/check.h"
#include "suite.h"
#include "turn/pace.h"

#define START 1000000ull

static struct pace pace;
static struct pace_use some;

/* A turn at NOW, in which so many bytes came from guests. */
static void turn(uint64_t now, uint32_t bytes, bool light)
{
	pace_begin(&pace, now);
	pace_out(&pace, &some, bytes);
	if (light)
		pace_light(&pace);
}

static void begin(void)
{
	pace = (struct pace){ .moved = 0 };
	turn(START, 0, false);
}

static void expect_long(uint64_t now)
{
	pace_begin(&pace, now);
	ck_assert(!pace.hasten && !pace.light_only);
	ck_assert_uint_eq(pace.left_out, UINT32_MAX);
	ck_assert_uint_eq(pace.left_in, UINT32_MAX);
}

START_TEST(greedy_ones_alone_have_long_turns)
{
	begin();
	for (unsigned i = 0; i < 10; i++)
		turn(START + i, 10 * PACE_SHORT, false);
	expect_long(START + 10);
}
END_TEST

/* However much many light connections move together. */
START_TEST(light_ones_alone_have_long_turns)
{
	struct pace_use uses[2 * PACE_SHORT / 1024] = { 0 };

	begin();
	for (unsigned i = 0; i < 10; i++) {
		turn(START + i, 0, true);
		for (unsigned j = 0; j < ARRAY_SIZE(uses); j++)
			pace_in(&pace, &uses[j], 1024);
	}
	expect_long(START + 10);
}
END_TEST

START_TEST(together_they_have_short_turns_by_turns)
{
	begin();
	turn(START, PACE_SHORT, true);
	for (unsigned i = 0; i < 10; i++) {
		pace_begin(&pace, START);
		ck_assert(pace.hasten);
		ck_assert_int_eq(pace.light_only, i % 2 == 0);
		ck_assert_uint_eq(pace.left_out, PACE_SHORT);
		ck_assert_uint_eq(pace.left_in, PACE_SHORT);
	}
}
END_TEST

/* Each direction has its own share in a short turn. */
START_TEST(each_way_has_its_share)
{
	begin();
	turn(START, 0, true);
	pace_in(&pace, &some, 2 * PACE_SHORT);
	pace_begin(&pace, START);
	ck_assert(pace.hasten);
	pace_out(&pace, &some, PACE_SHORT / 4);
	ck_assert_uint_eq(pace.left_out, PACE_SHORT / 4 * 3);
	ck_assert_uint_eq(pace.left_in, PACE_SHORT);
	pace_offer(&pace, PACE_SHORT / 2);
	ck_assert_uint_eq(pace.left_in, PACE_SHORT / 2);
	pace_offer(&pace, PACE_SHORT);
	pace_out(&pace, &some, UINT32_MAX);
	ck_assert_uint_eq(pace.left_in, 0);
	ck_assert_uint_eq(pace.left_out, 0);
}
END_TEST

START_TEST(turns_stay_short_for_a_while_after_either)
{
	uint64_t last = START + PACE_LINGER_MS - 1;

	begin();
	turn(START, PACE_SHORT, true);
	pace_begin(&pace, last);
	ck_assert(pace.hasten);
	turn(last, 2 * PACE_SHORT, false);
	expect_long(last + 1);
	turn(last + 1, 0, true);
	pace_begin(&pace, last + 1);
	ck_assert(pace.hasten);
	pace_light(&pace);
	expect_long(last + PACE_LINGER_MS);
}
END_TEST

START_TEST(who_moves_much_in_a_period_is_greedy_in_the_next)
{
	struct pace_use use = { .units = 0 };

	begin();
	ck_assert(pace_is_light(&pace, &use));
	pace_out(&pace, &use, PACE_LIGHT / 2);
	ck_assert(pace_is_light(&pace, &use));
	pace_in(&pace, &use, PACE_LIGHT / 2);
	ck_assert(!pace_is_light(&pace, &use));
	pace_begin(&pace, START + PACE_PERIOD_MS);
	ck_assert(!pace_is_light(&pace, &use));
	pace_out(&pace, &use, 1);
	ck_assert(!pace_is_light(&pace, &use));
	pace_begin(&pace, START + 2 * PACE_PERIOD_MS);
	ck_assert(pace_is_light(&pace, &use));
}
END_TEST

/* Bytes end a period, as time does. */
START_TEST(little_of_much_is_light)
{
	struct pace_use little = { .units = 0 }, much = { .units = 0 };

	begin();
	for (unsigned i = 0; i < 100000; i++) {
		turn(START, PACE_PERIOD / 256, false);
		pace_out(&pace, &little, 64);
		pace_in(&pace, &much, 1024);
		ck_assert(pace_is_light(&pace, &little));
		ck_assert(i < 128 || !pace_is_light(&pace, &much));
	}
}
END_TEST

/* Small packets count more than their bytes, and no counter wraps. */
START_TEST(any_number_of_packets_is_counted)
{
	struct pace_use use = { .units = 0 };

	begin();
	for (unsigned i = 1; i < PACE_LIGHT / PACE_UNIT; i++) {
		pace_count(&pace, &use, 1);
		ck_assert(pace_is_light(&pace, &use));
	}
	for (unsigned i = 0; i < 3; i++) {
		pace_count(&pace, &use, UINT32_MAX);
		ck_assert(!pace_is_light(&pace, &use));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		greedy_ones_alone_have_long_turns,
		light_ones_alone_have_long_turns,
		together_they_have_short_turns_by_turns,
		each_way_has_its_share,
		turns_stay_short_for_a_while_after_either,
		who_moves_much_in_a_period_is_greedy_in_the_next,
		little_of_much_is_light,
		any_number_of_packets_is_counted,
	};
	Suite *suite = suite_create("pace");
	TCase *tc = tcase_create("turns");

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
