/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which available indexes show, after the receive ring was stopped, that the
 * driver has gone, and which do not. The test is the loop, and says what time it
 * is. The guest has one connection, the fixture's.
 */
#include <endian.h>

#include "base/check.h"
#include "base/fd.h"
#include "session/departure.h"
#include "session/ends.h"
#include "suite.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"

#define LOOKS 10
#define ENTRIES ((uint16_t)SIZE)

static int front_end;

static void stand_at(uint16_t index)
{
	avail_of(GUEST_RX)[1] = htole16(index);
}

/* The device has taken the buffers before BASE, the driver made those before
 * INDEX available, and the front end stops the rings. */
static void stop_rings(uint16_t base, uint16_t index, bool connected)
{
	session_open(0);
	front_end = session_connect();
	negotiate(front_end, true);
	start_queues(front_end, base);
	stand_at(index);
	if (!connected)
		ends_kill_connections(facts.guest);
	ck_assert_uint_eq(stop_queue(front_end, GUEST_RX), base);
}

static void end(void)
{
	fd_close(&front_end);
	session_close();
}

/* Lets the time for one look come. False: no look is due any more. */
static bool look_once(void)
{
	struct timer *timer = &facts.guest->session.departure.timer;

	if (!timer_armed(timer))
		return false;
	timer->due_ms = 1;
	departure_look(facts.guest->loop, 1);
	return true;
}

static unsigned look_to_the_end(void)
{
	unsigned looks = 0;

	while (look_once())
		looks++;
	return looks;
}

static const struct {
	const char *what;
	uint16_t base, before, after;
	bool gone;
} rows[] = {
	{ "a paused guest, its ring full", 0, ENTRIES, ENTRIES, false },
	{ "a paused guest, its ring empty", 40, 40, 40, false },
	{ "a paused guest, its ring half full", 300, 364, 364, false },
	{ "it offers one more", 300, 364, 365, false },
	{ "it fills its ring", 300, 364, 300 + ENTRIES, false },
	{ "more than the ring has room for", 300, 364, 301 + ENTRIES, true },
	{ "more, and the ring was full", 0, ENTRIES, ENTRIES + 1, true },
	{ "one step back", 0, ENTRIES, ENTRIES - 1, true },
	{ "back to where the device was", 300, 364, 300, true },
	{ "back beyond it", 300, 364, 299, true },
	{ "cleared", 300, 364, 0, true },
	{ "others' bytes", 300, 364, 0xaaaa, true },
	{ "a paused guest across the wrap", 65500, 92, 92, false },
	{ "it offers more across the wrap", 65500, 65530, 20, false },
	{ "it fills its ring across the wrap", 65500, 65530, 92, false },
	{ "more than that across the wrap", 65500, 65530, 93, true },
	{ "back across the wrap", 65500, 92, 65530, true },
	{ "one step back to before the wrap", 65500, 0, 65535, true },
	{ "half way round", 0, 0, 0x8000, true },
	{ "all the way round but for one", 0, 0, 0xffff, true },
};

START_TEST(where_the_index_tells_that_the_driver_went)
{
	unsigned looks;

	stop_rings(rows[_i].base, rows[_i].before, true);
	stand_at(rows[_i].after);
	looks = look_to_the_end();
	ck_assert_msg(facts.guest->ending.session == rows[_i].gone, "%s",
		      rows[_i].what);
	ck_assert_uint_eq(looks, rows[_i].gone ? 1 : LOOKS);
	end();
}
END_TEST

/* As Linux does after the rings were stopped: one step back for each buffer. */
START_TEST(a_driver_is_seen_to_go_within_the_time)
{
	stop_rings(0, ENTRIES, true);
	for (unsigned i = 1; i < LOOKS; i++)
		ck_assert(look_once());
	ck_assert(!facts.guest->ending.session);
	stand_at(ENTRIES - 1);
	ck_assert_uint_eq(look_to_the_end(), 1);
	ck_assert(facts.guest->ending.session);
	end();
}
END_TEST

START_TEST(nobody_is_looked_at_before_the_time)
{
	struct loop *loop;

	stop_rings(0, ENTRIES, true);
	loop = facts.guest->loop;
	stand_at(0);
	departure_look(loop, timer_next(&loop->departing) - 1);
	ck_assert(!facts.guest->ending.session);
	end();
}
END_TEST

START_TEST(a_guest_without_connections_is_not_looked_at)
{
	stop_rings(0, ENTRIES, false);
	ck_assert_uint_eq(look_to_the_end(), 0);
	end();
}
END_TEST

/* The ring goes on before the first look, and its index moves. */
START_TEST(a_ring_that_runs_again_is_not_looked_at)
{
	stop_rings(0, ENTRIES, true);
	set_up_queue(front_end, GUEST_RX, 0);
	session_pump();
	stand_at(0);
	ck_assert_uint_eq(look_to_the_end(), 0);
	ck_assert(!facts.guest->ending.session);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("departure");
	TCase *tcase = tcase_create("departure");

	tcase_add_loop_test(tcase, where_the_index_tells_that_the_driver_went,
			    0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, a_driver_is_seen_to_go_within_the_time);
	tcase_add_test(tcase, nobody_is_looked_at_before_the_time);
	tcase_add_test(tcase, a_guest_without_connections_is_not_looked_at);
	tcase_add_test(tcase, a_ring_that_runs_again_is_not_looked_at);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
