/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The turn:
 *
 *	collect		take active guests' TX packets, serve ready connections
 *	run		make all their sends and receives, in one system call
 *	finish		note what was moved, what must wait, what is owed
 *	conclude	tell the guests, and see which have more to do
 *	sweep		free what ended
 *
 * Between turns the loop sleeps. Guests that were served stay awake (their
 * kicks suppressed) until it does.
 */
#include "daemon/service.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "funnel/from_guest.h"
#include "funnel/to_guest.h"
#include "guest/awake.h"
#include "guest/events.h"
#include "guest/guest.h"
#include "host/dial.h"
#include "host/listener.h"
#include "host/sends.h"
#include "link/half.h"
#include "link/link.h"
#include "link/rights.h"
#include "ring/ring.h"
#include "session/departure.h"
#include "session/device.h"
#include "session/ends.h"
#include "session/frontends.h"
#include "sibling/refuse.h"
#include "sibling/sibling.h"
#include "sibling/switchboard.h"
#include "turn/bell.h"
#include "turn/loop.h"
#include "turn/spin.h"
#include "turn/step.h"
#include "turn/turn.h"
#include "turn/watchdog.h"

/* How often a guest whose driver never kicks is looked at when all is quiet. */
#define POLLED_MS 1

/* Memory is given back when so many links were freed, and a sleep of more than
 * QUIET_MS lies ahead. */
#define KEPT_LINKS 512
#define QUIET_MS 1000

struct service {
	struct loop loop;
	struct guest **served; /* in this turn, room for all */
	unsigned nserved;
	struct awake awake;
	struct spin spin;
	struct watchdog watchdog;
	struct bell bell;
	struct ring_watch bell_watch;
	uint64_t now_ns; /* when reports were looked for last */
	struct turn turn;
};

/* The sleep is over, which is all that the eventfd is for: worker_run() answers
 * the bell. */
static void on_bell(struct ring_watch *watch, int events)
{
	uint64_t count;
	ssize_t n = read(watch->fd, &count, sizeof(count));

	(void)events;
	(void)n;
}

static void start_watchdog(struct service *s)
{
	int err = watchdog_start(&s->watchdog);

	if (err)
		log_line(LOG_LEVEL_WARN, NULL,
			 "cannot start a worker's timer: %s; a hypervisor "
			 "that makes the worker wait for its eventfd is not "
			 "interrupted, and the worker's other VMs wait as well",
			 strerror(-err));
}

struct service *service_new(const struct service_setup *setup)
{
	struct service *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		log_line(LOG_LEVEL_ERROR, NULL, "out of memory");
		ring_close(setup->ring);
		return NULL;
	}
	loop_init(&s->loop, setup->ring);
	s->loop.descriptors = setup->descriptors;
	s->loop.board = setup->board;
	s->loop.bell = &s->bell;
	s->loop.relocate = setup->relocate;
	s->loop.worker = setup->worker;
	s->loop.index = setup->index;
	awake_init(&s->awake);
	spin_init(&s->spin, setup->poll_us);
	s->bell.fd = -1;
	ring_watch_init(&s->bell_watch);
	s->served = calloc(setup->guests, sizeof(struct guest *));
	err = s->served ? rights_new(&s->loop.rights) : -ENOMEM;
	if (!err)
		err = bell_open(&s->bell);
	if (!err)
		err = ring_watch(s->loop.ring, &s->bell_watch, s->bell.fd,
				 on_bell);
	if (err) {
		log_line(LOG_LEVEL_ERROR, NULL, "cannot start: %s",
			 strerror(-err));
		service_end(s);
		service_free(s);
		return NULL;
	}
	if (setup->board)
		switchboard_set_bell(setup->board, setup->index, &s->bell);
	start_watchdog(s);
	return s;
}

void service_end(struct service *s)
{
	watchdog_stop(&s->watchdog);
	ring_unwatch(s->loop.ring, &s->bell_watch);
	ring_close(s->loop.ring);
	s->loop.ring = NULL;
	link_free_dead(&s->loop);
	half_drop_asks(&s->loop);
	sibling_drop_refusals(&s->loop);
}

void service_free(struct service *s)
{
	if (!s)
		return;
	bell_close(&s->bell);
	rights_free(s->loop.rights);
	free(s->served);
	free(s);
}

struct loop *service_loop(struct service *s)
{
	return &s->loop;
}

struct bell *service_bell(struct service *s)
{
	return &s->bell;
}

/* What paused tries again, and may pause anew. */
static void resume(struct loop_pause *p)
{
	timer_disarm(&p->timer);
	p->over(p);
}

/* A descriptor was freed, which is what most pauses wait for. */
static void resume_all(struct loop *loop)
{
	struct list pauses;

	if (!atomic_load_explicit(&loop->pauses.descriptor_freed,
				  memory_order_relaxed))
		return;
	atomic_store_explicit(&loop->pauses.descriptor_freed, false,
			      memory_order_relaxed);
	list_init(&pauses);
	list_move_all(&pauses, &loop->pauses.timers.armed);
	while (!list_empty(&pauses))
		resume(list_first(&pauses, struct loop_pause, timer.node));
}

static void resume_due(struct timer_queue *pauses, uint64_t now_ms)
{
	struct timer *timer;

	while ((timer = timer_take_due(pauses, now_ms)))
		resume(container_of(timer, struct loop_pause, timer));
}

static void log_silence(const struct link *link)
{
	const struct conn *conn = &link->conn;

	if (conn->state == CONN_HOST_PENDING)
		guest_log_limited(link->guest, guest, LOG_LEVEL_WARN,
				  "guest's connection to port %u refused: no "
				  "answer in %u ms",
				  conn->local_port, CONN_CONNECT_MS);
	else if (conn->state == CONN_GUEST_PENDING && !link->is_half)
		guest_log_limited(link->guest, host, LOG_LEVEL_WARN,
				  "connection to the guest's port %u refused: "
				  "no answer in %u ms",
				  conn->peer_port, CONN_RESPONSE_MS);
}

static uint64_t next_deadline(const struct loop *loop)
{
	uint64_t next = dial_next(loop);

	next = min_u64(next, timer_next(&loop->greeting));
	next = min_u64(next, timer_next(&loop->parting));
	next = min_u64(next, timer_next(&loop->departing));
	next = min_u64(next, timer_next(&loop->pauses.timers));
	next = min_u64(next, timer_next(&loop->doubting));
	return min_u64(next, deadlines_next(&loop->deadlines));
}

/* Passes some of the deadlines that are due at NOW. */
static void pass_deadlines(struct loop *loop, uint64_t now_ms)
{
	struct timer *timer;
	struct conn *conn;
	struct link *link;

	loop->chores = 0;
	dial_again(loop, now_ms);
	link_part_due(loop, now_ms);
	departure_look(loop, now_ms);
	listener_expire(loop, now_ms);
	resume_due(&loop->pauses.timers, now_ms);
	while ((timer = timer_take_due(&loop->doubting, now_ms)))
		device_doubt(container_of(timer, struct guest, session.doubt));
	while (loop->chores < LOOP_CHORES &&
	       (conn = deadlines_take_due(&loop->deadlines, now_ms))) {
		loop_count_chores(loop, 1);
		link = link_of(conn);
		log_silence(link);
		link_carry_out(link, conn_timed_out(conn));
	}
	loop->soonest_ms = next_deadline(loop);
}

/* Something is left for GUEST, which has receive buffers for it. */
static bool has_more_for(const struct guest *guest)
{
	return guest_running(guest) && !guest->rx.short_of_buffers &&
	       guest_has_output(guest);
}

/* Connections of GUEST's begin, or those of its last session end. */
static inline bool has_errands(const struct guest *guest)
{
	return guest->ending.session ||
	       !list_empty(&guest->greeters.knocking) ||
	       !list_empty(&guest->greeters.calling) ||
	       !list_empty(&guest->dialing.dialed);
}

static enum step run_errands(struct guest *guest)
{
	bool more = ends_end_some(guest) == STEP_MORE;

	more |= listener_serve(guest) == STEP_MORE;
	more |= dial_conclude(guest) == STEP_MORE;
	return step_left(more);
}

/* GUEST's part of the turn: its packets and ready connections, as far as there is
 * room. */
static void collect(struct service *s, struct guest *guest)
{
	/* A front end may be about to stop a ring. No packet of it may be used
	 * early then: those that were are taken first. */
	bool drain = from_guest_early(guest) &&
		     frontends_waiting(guest->session.frontends);
	bool more = drain ||
		    frontends_run(guest->session.frontends) == STEP_MORE;

	if (unlikely(has_errands(guest)))
		more |= run_errands(guest) == STEP_MORE;
	awake_begin(&s->awake, guest);
	events_send(guest);
	more |= from_guest_collect(guest, &s->turn, drain) == STEP_MORE;
	more |= to_guest_collect(guest, &s->turn, s->loop.ring) == STEP_FULL;
	/* Now, and not in conclude(), so that guests keep their order. */
	if (more || has_more_for(guest))
		guest_wake(guest);
}

/* After GUEST's part of the turn. */
static void conclude(struct guest *guest)
{
	if (has_more_for(guest))
		guest_wake(guest);
	awake_notify(guest);
	ends_check_queues(guest);
	link_part_told(guest);
	link_limit_parted(guest);
}

/* Guests that had no part in this turn, but got something from another guest, see
 * it at once. */
static void notify_receivers(struct service *s)
{
	struct list *at;

	for (at = s->loop.active.next; at != &s->loop.active; at = at->next) {
		struct guest *guest = container_of(at, struct guest, active);

		if (guest->awake.last_turn == s->awake.turns ||
		    !virtq_unpublished(&guest->queue[GUEST_RX].vq))
			continue;
		awake_begin(&s->awake, guest);
		awake_notify(guest);
	}
}

/* One more guest may have a part in this turn. */
static bool has_room(const struct service *s)
{
	const struct turn *turn = &s->turn;
	const struct share *share = &s->loop.share;

	if (turn->nsends == TURN_SENDS || turn->nrecvs == TURN_RECVS ||
	    turn->nsegments >= TURN_SEGMENTS || turn->npieces == TURN_PIECES ||
	    turn->nbuffers == TURN_BUFFERS || s->loop.chores >= LOOP_CHORES)
		return false;
	/* A short turn may have moved enough of greedy connections. */
	return share->light_only || (share->left_out && share->left_in);
}

/* Guests that have no part in this turn are the first in the next one. */
static void collect_all(struct service *s)
{
	struct list todo;
	struct guest *guest;

	list_init(&todo);
	list_move_all(&todo, &s->loop.active);
	while (!list_empty(&todo) && has_room(s)) {
		guest = list_first(&todo, struct guest, active);
		list_remove(&guest->active);
		s->served[s->nserved++] = guest;
		collect(s, guest);
	}
	while (!list_empty(&s->loop.active)) {
		guest = list_first(&s->loop.active, struct guest, active);
		list_remove(&guest->active);
		list_append(&todo, &guest->active);
	}
	list_move_all(&s->loop.active, &todo);
}

static void run_turn(struct service *s)
{
	unsigned i;

	s->nserved = 0;
	awake_next_turn(&s->awake);
	collect_all(s);
	spin_moved(&s->spin, s->turn.nsends + s->turn.nrecvs);
	sends_submit(s->loop.ring, &s->turn);
	ring_run(s->loop.ring);
	sends_finish(&s->turn);
	to_guest_finish(&s->turn);
	sibling_finish(&s->loop, &s->turn);
	turn_clear(&s->turn);
	for (i = 0; i < s->nserved; i++)
		conclude(s->served[i]);
	notify_receivers(s);
	awake_go_round(&s->awake);
	link_sweep(&s->loop);
	resume_all(&s->loop);
}

/* Looks around for a while instead of sleeping, if that is worthwhile. True: there
 * is work. */
static bool spin(struct service *s)
{
	uint64_t now, until;

	if (!spin_likely(&s->spin))
		return false;
	now = clock_ns();
	until = now + s->spin.limit_ns;
	if (!spin_chance(&s->spin, now))
		return false;
	while (now < until) {
		if (ring_has_events(s->loop.ring) || awake_look(&s->awake) ||
		    bell_rung(&s->bell))
			return true;
		sched_yield();
		now = clock_ns();
	}
	return false;
}

/* How long the loop may sleep, in milliseconds; -1: for ever. */
static int sleep_ms(struct service *s)
{
	uint64_t next, now;

	if (!list_empty(&s->loop.active))
		return 0;
	if (!list_empty(&s->awake.guests))
		return POLLED_MS;
	/* A timer may have been disarmed since. */
	if (s->loop.soonest_ms != TIMER_NEVER)
		s->loop.soonest_ms = next_deadline(&s->loop);
	next = s->loop.soonest_ms;
	if (next == TIMER_NEVER)
		return -1;
	now = clock_ms();
	if (next <= now)
		return 0;
	return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

/* The allocator has kept the memory of many connections that ended for the next
 * ones, which do not come. This is done seldom, as it looks through all threads'
 * memory. */
static void give_memory_back(struct loop *loop)
{
	if (loop->links.freed < KEPT_LINKS)
		return;
	loop->links.freed = 0;
#ifdef M_TRIM_THRESHOLD
	malloc_trim(0);
#endif
}

/* True: there is something to do, or it came while this spun. */
static bool find_work(struct service *s)
{
	return !list_empty(&s->loop.active) || bell_rung(&s->bell) || spin(s);
}

/* bell_sleep() is the last look: it finds that the bell rang before, and a thread
 * that rings it later ends ring_wait(). */
void service_wait(struct service *s)
{
	unsigned reports;
	int timeout = 0;

	if (!find_work(s)) {
		awake_end(&s->awake);
		timeout = bell_sleep(&s->bell) ? sleep_ms(s) : 0;
		if (timeout < 0 || timeout > QUIET_MS)
			give_memory_back(&s->loop);
	}
	reports = ring_wait(s->loop.ring, timeout);
	s->now_ns = clock_ns();
	if (reports)
		spin_event(&s->spin, s->now_ns);
	else if (timeout > 0)
		awake_look(&s->awake);
	bell_wake(&s->bell);
}

void service_turn(struct service *s)
{
	uint64_t now = clock_ms_of(s->now_ns);

	/* Not without work: the watchdog's own signal ends the wait, too. */
	if (!list_empty(&s->loop.active))
		watchdog_begin(&s->watchdog);
	if (now >= s->loop.soonest_ms)
		pass_deadlines(&s->loop, now);
	s->loop.chores = 0;
	share_begin(&s->loop.share, now);
	run_turn(s);
	watchdog_end(&s->watchdog);
}
