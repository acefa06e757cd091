/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Lists, and the deadlines that are built of them. */
#include "base/check.h"
#include "base/timer.h"
#include "suite.h"

#define NODES 5

struct item {
	struct list node;
	unsigned number;
};

static struct item items[NODES];
static struct list head;

static void set_up(void)
{
	list_init(&head);
	for (unsigned i = 0; i < NODES; i++) {
		items[i].number = i;
		list_init(&items[i].node);
	}
}

static void append_all(void)
{
	for (unsigned i = 0; i < NODES; i++)
		list_append(&head, &items[i].node);
}

/* What is on the list, as decimal digits behind a 1; both ways round. */
static unsigned digits(struct list *l)
{
	unsigned forward = 1, backward = 0, scale = 1;

	for (struct list *at = l->next; at != l; at = at->next)
		forward = forward * 10 +
			  container_of(at, struct item, node)->number;
	for (struct list *at = l->prev; at != l; at = at->prev) {
		backward += scale * container_of(at, struct item, node)->number;
		scale *= 10;
	}
	ck_assert_uint_eq(forward, backward + scale);
	return forward;
}

START_TEST(lists_keep_order)
{
	ck_assert(list_empty(&head));
	append_all();
	ck_assert_uint_eq(digits(&head), 101234);
	ck_assert_uint_eq(list_first(&head, struct item, node)->number, 0);
	list_remove(&items[0].node);
	list_remove(&items[2].node);
	list_remove(&items[4].node);
	ck_assert(list_empty(&items[2].node));
	list_remove(&items[2].node); /* again */
	ck_assert_uint_eq(digits(&head), 113);
	list_append(&head, &items[2].node);
	ck_assert_uint_eq(digits(&head), 1132);
}
END_TEST

START_TEST(lists_move)
{
	struct list other;

	list_init(&other);
	list_move_all(&other, &head);
	ck_assert(list_empty(&other));
	append_all();
	list_move_all(&other, &head);
	ck_assert(list_empty(&head));
	ck_assert_uint_eq(digits(&other), 101234);
}
END_TEST

static struct timer_queue queue, other;
static uint64_t soonest;
static struct timer timers[NODES];

static void set_up_timers(void)
{
	soonest = TIMER_NEVER;
	timer_queue_init(&queue, 100, &soonest);
	timer_queue_init(&other, 50, &soonest);
	for (unsigned i = 0; i < NODES; i++)
		timer_init(&timers[i]);
}

START_TEST(timers_are_due_in_order)
{
	ck_assert(timer_next(&queue) == TIMER_NEVER);
	ck_assert_ptr_null(timer_take_due(&queue, TIMER_NEVER - 1));
	for (unsigned i = 0; i < NODES; i++)
		timer_arm(&queue, &timers[i], 1000 + i / 2);
	for (unsigned i = 0; i < NODES; i++) {
		ck_assert_uint_eq(timer_next(&queue), 1100 + i / 2);
		ck_assert_ptr_null(timer_take_due(&queue, 1099 + i / 2));
		ck_assert(timer_armed(&timers[i]));
		ck_assert_ptr_eq(timer_take_due(&queue, 1100 + i / 2),
				 &timers[i]);
		ck_assert(!timer_armed(&timers[i]));
	}
	ck_assert(timer_next(&queue) == TIMER_NEVER);
}
END_TEST

START_TEST(timers_are_disarmed_and_armed_anew)
{
	for (unsigned i = 0; i < 3; i++)
		timer_arm(&queue, &timers[i], 1000);
	timer_disarm(&timers[1]);
	timer_disarm(&timers[1]);
	timer_arm(&queue, &timers[0], 1050); /* later than before */
	ck_assert_ptr_eq(timer_take_due(&queue, 5000), &timers[2]);
	ck_assert_uint_eq(timer_next(&queue), 1150);
	ck_assert_ptr_eq(timer_take_due(&queue, 5000), &timers[0]);
	ck_assert_ptr_null(timer_take_due(&queue, 5000));
}
END_TEST

START_TEST(queues_share_the_time_before_which_none_is_due)
{
	timer_arm(&queue, &timers[0], 1000);
	ck_assert_uint_eq(soonest, 1100);
	timer_arm(&other, &timers[1], 1040);
	ck_assert_uint_eq(soonest, 1090);
	timer_arm(&queue, &timers[2], 1050);
	ck_assert_uint_eq(soonest, 1090);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timer");
	TCase *lists = tcase_create("list");
	TCase *c = tcase_create("timer");

	tcase_add_checked_fixture(lists, set_up, NULL);
	tcase_add_test(lists, lists_keep_order);
	tcase_add_test(lists, lists_move);
	suite_add_tcase(suite, lists);
	tcase_add_checked_fixture(c, set_up_timers, NULL);
	tcase_add_test(c, timers_are_due_in_order);
	tcase_add_test(c, timers_are_disarmed_and_armed_anew);
	tcase_add_test(c, queues_share_the_time_before_which_none_is_due);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
