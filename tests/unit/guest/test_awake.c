/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests in a busy loop. One of them has real rings, set up by a front end; the
 * test is the loop, and counts its turns.
 */
#include <endian.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fd.h"
#include "guest/awake.h"
#include "suite.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"

#define PLENTY 64  /* turns without a part after which a guest sleeps */
#define PATIENCE 8 /* turns that sent packets wait */
#define A_TURN 16  /* guests that are looked at */
#define CROWD 40
#define NO_INDEX 0x7777

static struct awake awake;
static struct guest *guest;
static int front_end;

static void begin(void)
{
	session_open(0);
	front_end = session_connect();
	negotiate(front_end, true);
	start_queues(front_end, 0);
	guest = facts.guest;
	list_remove(&guest->active);
	awake_init(&awake);
	awake.turns = 1000;
	awake_begin(&awake, guest);
}

static void end(void)
{
	list_remove(&guest->active);
	list_remove(&guest->awake.node);
	fd_close(&front_end);
	session_close();
}

/* Makes so many turns in which the guest has no part. */
static void pass(unsigned turns)
{
	while (turns--) {
		awake_next_turn(&awake);
		awake_go_round(&awake);
	}
}

/* Where the device asks for a kick: virtio 1.3, 2.7.10. */
static uint16_t *avail_event(uint32_t queue)
{
	return used_of(queue) + 2 + 4 * SIZE;
}

static void send_something(void)
{
	desc_of(GUEST_TX)[0] = (struct vring_desc){ .len = htole32(64) };
	avail_of(GUEST_TX)[1] = htole16(1);
}

START_TEST(who_has_something_is_woken_without_a_kick)
{
	begin();
	pass(3);
	ck_assert(list_empty(&guest->active));
	send_something();
	pass(1);
	ck_assert(!list_empty(&guest->active));
	end();
}
END_TEST

/* Receive buffers matter only if something waits for them. */
START_TEST(buffers_wake_whom_they_help)
{
	begin();
	avail_of(GUEST_RX)[1] = htole16(1);
	pass(1);
	ck_assert(list_empty(&guest->active));
	guest->rx.short_of_buffers = true;
	pass(1);
	ck_assert(!list_empty(&guest->active));
	end();
}
END_TEST

START_TEST(who_has_no_part_for_long_kicks_again)
{
	begin();
	*avail_event(GUEST_TX) = htole16(NO_INDEX);
	pass(PLENTY - 1);
	ck_assert(!list_empty(&guest->awake.node));
	ck_assert_uint_eq(le16toh(*avail_event(GUEST_TX)), NO_INDEX);
	pass(1);
	ck_assert(list_empty(&guest->awake.node));
	ck_assert_uint_eq(le16toh(*avail_event(GUEST_TX)), 0);
	end();
}
END_TEST

/* A guest with something in its ring is woken, as it would not kick. */
START_TEST(who_falls_asleep_is_looked_at_once_more)
{
	begin();
	awake.turns += PLENTY;
	send_something();
	awake_go_round(&awake);
	ck_assert(!list_empty(&guest->active));
	end();
}
END_TEST

START_TEST(sent_packets_go_back_after_a_few_turns)
{
	struct virtq *tx;
	struct iovec iov[VIRTQ_CHAIN_MAX];
	struct chain chain;

	begin();
	tx = &guest->queue[GUEST_TX].vq;
	send_something();
	ck_assert_int_eq(virtq_take(tx, iov, VIRTQ_CHAIN_MAX, &chain), 1);
	virtq_give(tx, &chain, 0);
	pass(PATIENCE - 1);
	ck_assert_uint_eq(le16toh(used_of(GUEST_TX)[1]), 0);
	pass(1);
	ck_assert_uint_eq(le16toh(used_of(GUEST_TX)[1]), 1);
	end();
}
END_TEST

/* The guest has just had its part of the turn: the next turn looks at it. */
START_TEST(who_has_a_part_is_left_alone)
{
	begin();
	send_something();
	awake_go_round(&awake);
	ck_assert(list_empty(&guest->active));
	end();
}
END_TEST

/* However many guests there are, a turn looks at a few, and all have their
 * turn. */
START_TEST(guests_are_looked_at_by_turns)
{
	struct guest *crowd = calloc(CROWD, sizeof(*crowd));
	unsigned left = 0;

	ck_assert_ptr_nonnull(crowd);
	awake_init(&awake);
	awake.turns = PLENTY;
	for (unsigned i = 0; i < CROWD; i++) {
		list_init(&crowd[i].active);
		list_init(&crowd[i].awake.node);
		list_append(&awake.guests, &crowd[i].awake.node);
	}
	for (unsigned turns = 1; turns <= 3; turns++) {
		awake_go_round(&awake);
		left = 0;
		for (unsigned i = 0; i < CROWD; i++)
			left += !list_empty(&crowd[i].awake.node);
		ck_assert_uint_eq(left, turns * A_TURN < CROWD
						? CROWD - turns * A_TURN
						: 0);
	}
	awake_go_round(&awake);
	free(crowd);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		who_has_something_is_woken_without_a_kick,
		buffers_wake_whom_they_help,
		who_has_no_part_for_long_kicks_again,
		who_falls_asleep_is_looked_at_once_more,
		sent_packets_go_back_after_a_few_turns,
		who_has_a_part_is_left_alone,
		guests_are_looked_at_by_turns,
	};
	Suite *suite = suite_create("awake");
	TCase *tc = tcase_create("busy");

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
