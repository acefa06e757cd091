/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A front end while descriptors that it sent before are being closed. The
 * closer here is the test's. It says at which of the questions of a turn there
 * are too many, since the threads of a real one may close some between any two.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/closer.h"
#include "base/fd.h"
#include "ring/ring.h"
#include "session/frontends.h"
#include "suite.h"
#include "turn/bell.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"

#define QUESTIONS 12 /* more than a turn asks */

static unsigned asked;
static unsigned full_at; /* the question, from 1 on, that finds too many */
static bool full;	 /* every question does */
static void (*tell)(void *user); /* closer_await()'s, or NULL */
static void *whom;

struct closer *closer_new(void)
{
	return NULL;
}

void closer_free(struct closer *c)
{
	(void)c;
}

void closer_close(struct closer *c, const int *fds, unsigned n)
{
	(void)c;
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void closer_close_one(struct closer *c, int *fd)
{
	(void)c;
	fd_close(fd);
}

static bool is_full(void)
{
	return full || ++asked == full_at;
}

unsigned closer_pending(const struct closer *c)
{
	(void)c;
	return is_full() ? UINT16_MAX : 0;
}

bool closer_await(struct closer *c, unsigned limit, void (*done)(void *user),
		  void *user)
{
	(void)c;
	(void)limit;
	tell = is_full() ? done : NULL;
	whom = user;
	return tell;
}

void closer_await_no_more(struct closer *c)
{
	(void)c;
	tell = NULL;
}

/* The pause of a guest that is choked ends. */
static bool end_pause(struct timer_queue *pauses)
{
	struct timer *timer = timer_take_due(pauses, UINT64_MAX - 1);
	struct loop_pause *pause;

	if (!timer)
		return false;
	pause = container_of(timer, struct loop_pause, timer);
	pause->over(pause);
	return true;
}

/* The front end is served in the next turn, or when the pause is over. */
static bool goes_on(void)
{
	return frontends_run(facts.frontends) == STEP_MORE ||
	       timer_next(&facts.guest->loop->pauses.timers) != TIMER_NEVER;
}

START_TEST(a_front_end_that_was_not_heard_is_heard_later)
{
	for (unsigned i = 0; i < QUESTIONS; i++) {
		bool more;
		int fd;

		session_open(_i);
		fd = session_connect();
		negotiate(fd, true);
		say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
		ring_wait(facts.guest->loop->ring, 0);
		asked = 0;
		full_at = i + 1;
		more = goes_on();
		full_at = 0;
		ck_assert(more || !frontends_waiting(facts.frontends));
		ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
		close(fd);
		session_close();
	}
}
END_TEST

/* The bell is the worker's reason for a turn, and its mark ends the pauses. */
START_TEST(a_front_end_is_heard_when_the_closer_has_closed_enough)
{
	struct guest *guest;
	struct loop *loop;
	int fd;

	session_open(_i);
	guest = facts.guest;
	loop = guest->loop;
	fd = session_connect();
	negotiate(fd, true);
	loop->pauses.descriptor_freed = false;
	full = true;
	say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
	ring_wait(loop->ring, 0);
	ck_assert_int_eq(frontends_run(facts.frontends), STEP_DONE);
	ck_assert_int_eq(frontends_run(facts.frontends), STEP_DONE);
	ck_assert(frontends_waiting(facts.frontends));
	ck_assert(!bell_rung(loop->bell) && !loop->pauses.descriptor_freed);
	full = false;
	ck_assert(tell);
	tell(whom);
	ck_assert(bell_rung(loop->bell) && loop->pauses.descriptor_freed);
	list_remove(&guest->active);
	ck_assert(end_pause(&loop->pauses.timers));
	ck_assert(!list_empty(&guest->active));
	ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
	ck_assert(!end_pause(&loop->pauses.timers));
	close(fd);
	session_close();
	ck_assert(!tell);
}
END_TEST

/* A closer without a thread closes nothing before it is asked again. */
START_TEST(a_choked_front_end_is_looked_at_now_and_then)
{
	struct loop *loop;
	int fd;

	session_open(_i);
	loop = facts.guest->loop;
	fd = session_connect();
	negotiate(fd, true);
	full = true;
	say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
	ring_wait(loop->ring, 0);
	for (unsigned i = 0; i < 3; i++) {
		tell = NULL;
		frontends_run(facts.frontends);
		ck_assert(tell);
		ck_assert(end_pause(&loop->pauses.timers));
	}
	full = false;
	close(fd);
	session_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("choked");
	TCase *tcase = tcase_create("choked");

	tcase_add_loop_test(tcase,
			    a_front_end_that_was_not_heard_is_heard_later, 0,
			    ENGINES_TESTED);
	tcase_add_loop_test(
		tcase, a_front_end_is_heard_when_the_closer_has_closed_enough,
		0, ENGINES_TESTED);
	tcase_add_loop_test(tcase, a_choked_front_end_is_looked_at_now_and_then,
			    0, ENGINES_TESTED);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
