/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A front end while descriptors that it sent before are being closed. The
 * closer here is the test's, which says when there are too many of them, for
 * one of the questions that are asked in a turn: its threads may answer any two
 * otherwise.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/closer.h"
#include "base/fd.h"
#include "ring/ring.h"
#include "session/frontends.h"
#include "suite.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"

#define QUESTIONS 12 /* more than a turn asks */

static unsigned asked;
static unsigned full_at; /* question, from 1 on; 0: none */
static bool full;	 /* whichever question */

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

unsigned closer_pending(const struct closer *c)
{
	(void)c;
	return full || ++asked == full_at ? UINT16_MAX : 0;
}

/* It is served on in the next turn, by itself or when the pause is over. */
static bool goes_on(void)
{
	return frontends_run(facts.frontends) == STEP_MORE ||
	       timer_next(&facts.guest->loop->choking) != TIMER_NEVER;
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

static bool paused(struct timer_queue *pauses)
{
	struct timer *timer = timer_take_due(pauses, UINT64_MAX - 1);
	struct loop_pause *pause;

	if (!timer)
		return false;
	pause = container_of(timer, struct loop_pause, timer);
	pause->over(pause);
	return true;
}

/* The end of a session has its descriptors closed in an instant; only who
 * delays that for long is looked at seldom. */
START_TEST(a_front_end_waits_for_a_moment_first)
{
	unsigned moments = 0;
	struct loop *loop;
	int fd;

	session_open(_i);
	loop = facts.guest->loop;
	fd = session_connect();
	negotiate(fd, true);
	full = true;
	do {
		say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
		ring_wait(loop->ring, 0);
		frontends_run(facts.frontends);
		frontends_run(facts.frontends); /* the guest kicks meanwhile */
		moments++;
	} while (paused(&loop->choking));
	ck_assert_uint_gt(moments * LOOP_CHOKING_MS, LOOP_RESUMING_MS / 4);
	ck_assert(paused(&loop->pauses.timers));
	frontends_run(facts.frontends);
	ck_assert(paused(&loop->pauses.timers));
	full = false;
	frontends_run(facts.frontends);
	full = true;
	say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
	ring_wait(loop->ring, 0);
	frontends_run(facts.frontends);
	ck_assert(paused(&loop->choking));
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
	tcase_add_loop_test(tcase, a_front_end_waits_for_a_moment_first, 0,
			    ENGINES_TESTED);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
