/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Connections that ended: remembered for a while, and never too many. */
#include "base/check.h"
#include "suite.h"
#include "vsock/conn.h"
#include "vsock/ended.h"
#include "vsock/packet.h"

#define NOW 123456u
#define WHILE (ENDED_S * 1000u)

static struct ended ended;
static struct conn conn;

static void set_up(void)
{
	ended_init(&ended);
}

static void tear_down(void)
{
	ended_free(&ended);
}

/* The guest's port is 1023 as a notifier's would be. */
static struct packet packet_to(uint32_t cid, uint32_t port, uint32_t from)
{
	return (struct packet){
		.op = PACKET_SHUTDOWN,
		.type = PACKET_STREAM,
		.src_cid = 9,
		.dst_cid = cid,
		.src_port = from,
		.dst_port = port,
	};
}

static const struct conn *conn_to(uint32_t cid, uint32_t port, uint32_t from)
{
	struct packet request = packet_to(cid, port, from);

	conn_init_from_guest(&conn, &request, 4096);
	return &conn;
}

static bool has(uint32_t cid, uint32_t port, uint32_t from, uint64_t now)
{
	struct packet p = packet_to(cid, port, from);

	return ended_has(&ended, &p, now);
}

/* One that a program's tables would show: what happens, when, what is so. */
static const struct {
	enum { NOTHING, ENDS, BEGINS, FREED } what;
	uint32_t cid, port, from;
	uint32_t at;
	bool known; /* (2, 8888, 1023) */
} steps[] = {
	{ NOTHING, 0, 0, 0, 0, false },
	{ BEGINS, 2, 8888, 1023, 0, false },
	{ ENDS, 3, 8888, 1023, 0, false },
	{ ENDS, 2, 8889, 1023, 0, false },
	{ ENDS, 2, 8888, 1024, 0, false },
	{ ENDS, 2, 8888, 1023, 0, true },
	{ NOTHING, 0, 0, 0, WHILE - 1000, true },
	{ NOTHING, 0, 0, 0, WHILE + 1000, false },
	{ ENDS, 2, 8888, 1023, WHILE, true },
	{ ENDS, 2, 8888, 1023, WHILE * 3 / 2, true }, /* once more */
	{ NOTHING, 0, 0, 0, WHILE * 2 + 5000, true },
	{ BEGINS, 3, 8888, 1023, WHILE * 2 + 5000, true },
	{ BEGINS, 2, 8888, 1023, WHILE * 2 + 5000, false },
	{ BEGINS, 2, 8888, 1023, WHILE * 2 + 5000, false },
	{ ENDS, 2, 8888, 1023, WHILE * 2 + 6000, true },
	{ FREED, 0, 0, 0, WHILE * 2 + 6000, false },
	{ ENDS, 2, 8888, 1023, WHILE * 2 + 6000, true },
};

START_TEST(remembered_until_it_begins_anew_or_for_a_while)
{
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t now = NOW + steps[i].at;

		conn_to(steps[i].cid, steps[i].port, steps[i].from);
		switch (steps[i].what) {
		case ENDS:
			ended_add(&ended, &conn, now);
			break;
		case BEGINS:
			ended_forget(&ended, &conn);
			ck_assert(!ended_forget(&ended, &conn));
			break;
		case FREED:
			ended_free(&ended);
			break;
		case NOTHING:
			break;
		}
		ck_assert_msg(has(2, 8888, 1023, now) == steps[i].known,
			      "step %u", i);
	}
}
END_TEST

START_TEST(who_begins_anew_is_told_that_one_had_ended)
{
	conn_to(2, 8888, 1023);
	ck_assert(!ended_forget(&ended, &conn));
	ended_add(&ended, &conn, NOW);
	conn_to(3, 8888, 1023);
	ck_assert(!ended_forget(&ended, &conn));
	conn_to(2, 8888, 1023);
	ck_assert(ended_forget(&ended, &conn));
	ck_assert(!ended_forget(&ended, &conn));
}
END_TEST

static unsigned known(uint32_t n, uint64_t now)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += has(2, 8888, i, now);
	return found;
}

/* However many end at once, memory is bounded; the newest are in it. */
START_TEST(what_ended_first_is_forgotten_first)
{
	enum { MANY = 100 * ENDED_MAX };

	for (uint32_t i = 0; i < MANY; i++)
		ended_add(&ended, conn_to(2, 8888, i), NOW + i);
	ck_assert_uint_le(known(MANY, NOW + MANY), ENDED_MAX);
	ck_assert_uint_ge(known(MANY, NOW + MANY), ENDED_MAX / 2);
	ck_assert(has(2, 8888, MANY - 1, NOW + MANY));
	ck_assert_uint_le(ended.nsets, ENDED_MAX / 4);
}
END_TEST

/* Their time is the same, so that it does not say which ended first. */
START_TEST(of_many_in_a_second_the_newest_are_known)
{
	enum { MANY = 4 * ENDED_MAX, NEWEST = ENDED_MAX / 4 };
	unsigned missing = 0;

	for (uint32_t i = 0; i < MANY; i++)
		ended_add(&ended, conn_to(2, 8888, i * i), NOW);
	for (uint32_t i = MANY - NEWEST; i < MANY; i++)
		missing += !has(2, 8888, i * i, NOW);
	ck_assert_uint_le(missing, NEWEST / 16);
}
END_TEST

/* A few at a time need little memory, however long that goes on. */
START_TEST(it_is_as_large_as_what_counts)
{
	for (uint32_t i = 0; i < 10000; i++) {
		uint64_t now = NOW + i * WHILE / 2;

		ended_add(&ended, conn_to(2, 8888, i), now);
		ck_assert(has(2, 8888, i, now));
	}
	ck_assert_uint_le(ended.nsets, 16);
	for (uint32_t i = 0; i < 32; i++)
		ended_add(&ended, conn_to(2, 8888, i), UINT32_MAX);
	ck_assert_uint_eq(known(32, UINT32_MAX), 32);
}
END_TEST

START_TEST(one_place_for_each_however_often_it_ends)
{
	for (unsigned i = 0; i < 1000; i++) {
		ended_add(&ended, conn_to(2, 8888, 1023), NOW + i);
		ended_add(&ended, conn_to(2, 8888, i), NOW + i);
		ck_assert(has(2, 8888, 1023, NOW + i));
	}
	ended_forget(&ended, conn_to(2, 8888, 1023));
	ck_assert(!has(2, 8888, 1023, NOW + 1000));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ended");
	TCase *c = tcase_create("ended");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, remembered_until_it_begins_anew_or_for_a_while);
	tcase_add_test(c, who_begins_anew_is_told_that_one_had_ended);
	tcase_add_test(c, what_ended_first_is_forgotten_first);
	tcase_add_test(c, of_many_in_a_second_the_newest_are_known);
	tcase_add_test(c, it_is_as_large_as_what_counts);
	tcase_add_test(c, one_place_for_each_however_often_it_ends);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
