/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* When a thread with nothing to do spins, and what its trials change. */
#include "base/check.h"
#include "suite.h"
#include "turn/spin.h"

#define LIMIT_US 50
#define GAP_NS 20000ull
#define PERIOD (SPIN_PERIOD_NS / GAP_NS) /* events in one */

static struct spin spin;
static uint64_t now_ns;

/* How much an event moves while the thread spins, and while it sleeps. */
struct speed {
	uint32_t spinning, sleeping;
};

/* Events in a row; returns in how many of them the thread spun. */
static unsigned run(unsigned events, struct speed speed)
{
	unsigned spun = 0;

	while (events--) {
		bool spins = spin_chance(&spin, now_ns);

		now_ns += GAP_NS;
		spin_event(&spin, now_ns);
		spin_moved(&spin, spins ? speed.spinning : speed.sleeping);
		spun += spins;
	}
	return spun;
}

static unsigned run_periods(unsigned periods, struct speed speed)
{
	return run(periods * PERIOD, speed);
}

static void begin(void)
{
	spin_init(&spin, LIMIT_US);
	now_ns = 1000000000;
}

START_TEST(it_spins_while_events_are_near)
{
	const struct speed speed = { 1, 1 };

	begin();
	run(50, speed);
	ck_assert(spin_chance(&spin, now_ns));
	ck_assert(!spin_chance(&spin, now_ns + LIMIT_US * 1000));
}
END_TEST

START_TEST(it_sleeps_while_events_are_far)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		now_ns += 2 * LIMIT_US * 1000;
		spin_event(&spin, now_ns);
	}
	ck_assert(!spin_chance(&spin, now_ns));
}
END_TEST

START_TEST(it_never_spins_with_a_limit_of_nothing)
{
	const struct speed speed = { 1, 1 };

	spin_init(&spin, 0);
	ck_assert_uint_eq(run_periods(20, speed), 0);
}
END_TEST

/* Where sleeping moves more, a few periods find it out, and the other way
 * around. */
START_TEST(it_goes_over_to_what_moves_more)
{
	const struct speed sleeping_wins = { 10, 20 },
			   spinning_wins = { 20, 10 };

	begin();
	run_periods(5, sleeping_wins);
	ck_assert(spin.sleeps);
	ck_assert_uint_eq(run(PERIOD / 2, sleeping_wins), 0);
	run_periods(SPIN_REST_LEAST + 5, spinning_wins);
	ck_assert(!spin.sleeps);
	ck_assert_uint_eq(run(PERIOD / 2, spinning_wins), PERIOD / 2);
}
END_TEST

/* A trial that moves a little more, as by chance, changes nothing. */
START_TEST(it_stays_where_the_difference_is_small)
{
	const struct speed speed = { 100, 110 };

	begin();
	run_periods(10 * SPIN_REST_MOST, speed);
	ck_assert(!spin.sleeps);
}
END_TEST

/* Load that comes and goes looks like a trial that wins, if it is compared with
 * one side alone. */
START_TEST(load_that_grows_decides_nothing)
{
	struct speed speed = { 8, 8 };

	begin();
	for (unsigned i = 0; i < 400; i++) {
		speed.spinning = speed.sleeping = 8 + 4 * i;
		run_periods(1, speed);
	}
	ck_assert(!spin.sleeps);
}
END_TEST

/* Trials that lose become rare: one period in SPIN_REST_MOST. */
START_TEST(trials_become_rare)
{
	const struct speed speed = { 20, 10 };
	const unsigned periods = 4 * SPIN_REST_MOST;
	unsigned spun;

	begin();
	run_periods(3 * SPIN_REST_MOST, speed);
	spun = run_periods(periods, speed);
	ck_assert_uint_lt(spun, periods * PERIOD);
	ck_assert_uint_ge(spun, (periods - 5) * PERIOD);
}
END_TEST

/* In a period with a long pause less is moved whatever the thread does. */
START_TEST(a_pause_begins_the_trial_anew)
{
	const struct speed speed = { 10, 20 };

	begin();
	for (unsigned i = 0; i < 50; i++) {
		run(PERIOD / 2, speed);
		now_ns += 2 * SPIN_PERIOD_NS;
	}
	ck_assert(!spin.sleeps);
	ck_assert_int_eq(spin.phase, SPIN_BEFORE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		it_spins_while_events_are_near,
		it_sleeps_while_events_are_far,
		it_never_spins_with_a_limit_of_nothing,
		it_goes_over_to_what_moves_more,
		it_stays_where_the_difference_is_small,
		load_that_grows_decides_nothing,
		trials_become_rare,
		a_pause_begins_the_trial_anew,
	};
	Suite *suite = suite_create("spin");
	TCase *tc = tcase_create("trials");

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
