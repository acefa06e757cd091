/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The turn:
 *
 *	collect		each active guest's TX packets and ready connections
 *	run		all their sends and receives, in one system call
 *	finish		what was moved, what must wait, what is owed
 *	rest		tell the guests, and see who has more to do
 *	sweep		free what ended
 *
 * Between turns the loop sleeps. Guests that were served stay awake (their
 * kicks suppressed) until it does.
 */
#include "service.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "awake.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "config.h"
#include "dial.h"
#include "from_guest.h"
#include "frontends.h"
#include "guest.h"
#include "lifecycle.h"
#include "link.h"
#include "listener.h"
#include "loop.h"
#include "ring/ring.h"
#include "spin.h"
#include "to_guest.h"
#include "turn.h"
#include "vm.h"
#include "watchdog.h"

/* How often a driver that never kicks is looked at when all is quiet. */
#define POLLED_MS 1

struct service {
	const struct config *config;
	struct loop loop;
	struct vm *vms;
	unsigned nvms;	       /* opened */
	struct guest **served; /* in this turn, room for all */
	unsigned nserved;
	struct awake awake;
	struct ring_watch signals;
	int signal_fd;
	bool stop;
	struct spin spin;
	struct watchdog watchdog;
	struct turn turn;
};

static struct ring *open_ring(enum engine engine)
{
	const char *why = "";
	struct ring *ring;

	if (engine == ENGINE_AUTO) {
		ring = ring_open(engine_name(ENGINE_IO_URING), &why);
		if (ring)
			return ring;
		log_line(LOG_LEVEL_WARN, NULL,
			 "using epoll, as io_uring is not available: %s", why);
		engine = ENGINE_EPOLL;
	}
	ring = ring_open(engine_name(engine), &why);
	if (!ring)
		log_line(LOG_LEVEL_ERROR, NULL, "--engine %s: %s (%s)",
			 engine_name(engine), why, strerror(errno));
	return ring;
}

static void on_signal(struct ring_watch *watch, int events)
{
	struct service *s = container_of(watch, struct service, signals);

	(void)events;
	s->stop = true;
}

static int watch_signals(struct service *s)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	err = s->signal_fd < 0 ? -errno
			       : ring_watch(s->loop.ring, &s->signals,
					    s->signal_fd, on_signal);
	if (err)
		log_line(LOG_LEVEL_ERROR, NULL, "signals: %s", strerror(-err));
	return err;
}

static int open_vms(struct service *s)
{
	const struct config *config = s->config;
	int err;

	s->vms = calloc(config->nvms, sizeof(*s->vms));
	s->served = calloc(config->nvms, sizeof(struct guest *));
	if (!s->vms || !s->served) {
		log_line(LOG_LEVEL_ERROR, NULL, "out of memory");
		return -ENOMEM;
	}
	while (s->nvms < config->nvms) {
		struct vm *vm = &s->vms[s->nvms];

		/* Counted first: a half-open one is freed like the others. */
		err = vm_open(vm, &config->vms[s->nvms++], &s->loop);
		if (err)
			return err;
	}
	return 0;
}

/*
 * A guest may use up all descriptors by its connections, but not the share
 * that another VM's hypervisor needs to come and set its rings up.
 */
static int highest_for_connections(unsigned nvms)
{
	struct rlimit limit;
	rlim_t reserve = 16 + 24 * (rlim_t)nvms;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur > (rlim_t)INT_MAX)
		return INT_MAX;
	if (reserve > limit.rlim_cur / 4)
		reserve = limit.rlim_cur / 4;
	return (int)(limit.rlim_cur - reserve);
}

struct service *service_new(const struct config *config)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s) {
		log_line(LOG_LEVEL_ERROR, NULL, "out of memory");
		return NULL;
	}
	s->config = config;
	s->signal_fd = -1;
	ring_watch_init(&s->signals);
	list_init(&s->loop.active);
	list_init(&s->loop.dead);
	list_init(&s->awake.guests);
	timer_queue_init(&s->loop.greeting, LOOP_GREETING_MS);
	timer_queue_init(&s->loop.dialing, LOOP_DIALING_MS);
	timer_queue_init(&s->loop.resuming, LOOP_RESUMING_MS);
	s->loop.descriptor_max = highest_for_connections(config->nvms);
	s->loop.ring = open_ring(config->engine);
	if (!s->loop.ring || watch_signals(s) < 0 || open_vms(s) < 0) {
		service_free(s);
		return NULL;
	}
	return s;
}

void service_free(struct service *s)
{
	unsigned i;

	if (!s)
		return;
	for (i = 0; i < s->nvms; i++)
		vm_stop(&s->vms[i]);
	if (s->loop.ring)
		ring_unwatch(s->loop.ring, &s->signals);
	fd_close(&s->signal_fd);
	ring_close(s->loop.ring);
	link_free_dead(&s->loop);
	for (i = 0; i < s->nvms; i++)
		vm_free(&s->vms[i]);
	free(s->vms);
	free(s->served);
	free(s);
}

static void pass_deadlines(struct service *s, uint64_t now_ms)
{
	struct loop *loop = &s->loop;
	struct timer *timer;
	unsigned i;

	dial_again(loop, now_ms);
	listener_expire(loop, now_ms);
	while ((timer = timer_take_due(&loop->resuming, now_ms))) {
		struct accept_pause *p =
			container_of(timer, struct accept_pause, timer);

		p->over(p);
	}
	for (i = 0; i < s->nvms; i++) {
		struct table *conns = &s->vms[i].guest->conns;
		struct conn *conn;

		while ((conn = table_take_due(conns, now_ms)))
			link_carry_out(link_of(conn), conn_timed_out(conn));
	}
}

static uint64_t next_deadline(const struct service *s)
{
	uint64_t next = dial_next(&s->loop);
	unsigned i;

	next = min_u64(next, timer_next(&s->loop.greeting));
	next = min_u64(next, timer_next(&s->loop.resuming));
	for (i = 0; i < s->nvms; i++)
		next = min_u64(next,
			       table_next_deadline(&s->vms[i].guest->conns));
	return next;
}

static void resume_all(struct service *s)
{
	unsigned i;

	if (!s->loop.descriptor_freed)
		return;
	s->loop.descriptor_freed = false;
	for (i = 0; i < s->nvms; i++)
		vm_resume(&s->vms[i]);
}

/* Its waiting packets and connections, as far as the turn has room. */
static void collect(struct service *s, struct guest *guest)
{
	bool more = frontends_run(guest->frontends);

	listener_serve(guest);
	awake_begin(&s->awake, guest);
	more |= from_guest_collect(guest, &s->turn);
	more |= !to_guest_collect(guest, &s->turn, s->loop.ring);
	if (more)
		guest_wake(guest);
}

/* After its part of the turn. */
static void conclude(struct guest *guest)
{
	awake_notify(guest);
	lifecycle_check_queues(guest);
	link_limit_parted(guest);
	if (guest_running(guest) && !guest->rx_short && guest_has_output(guest))
		guest_wake(guest);
}

static bool turn_full(const struct turn *turn)
{
	return turn->nsends == TURN_SENDS || turn->nrecvs == TURN_RECVS ||
	       turn->nsegments >= TURN_SEGMENTS ||
	       turn->npieces == TURN_PIECES || turn->nbuffers == TURN_BUFFERS;
}

/* Whoever finds the turn full is the first in the next one. */
static void collect_all(struct service *s)
{
	struct list todo;
	struct guest *guest;

	list_init(&todo);
	list_move_all(&todo, &s->loop.active);
	while (!list_empty(&todo) && !turn_full(&s->turn)) {
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
	s->awake.turns++;
	watchdog_feed(&s->watchdog);
	collect_all(s);
	from_guest_submit(s->loop.ring, &s->turn);
	ring_run(s->loop.ring);
	from_guest_finish(&s->turn);
	to_guest_finish(&s->turn);
	for (i = 0; i < s->nserved; i++)
		conclude(s->served[i]);
	awake_notify_others(&s->awake);
	link_sweep(&s->loop);
	resume_all(s);
}

/* Looks around for a while instead of sleeping. True: there is work. */
static bool spin(struct service *s)
{
	uint64_t now = clock_ns();
	uint64_t until = now + SPIN_LIMIT_NS;

	if (!spin_worthwhile(&s->spin, now))
		return false;
	while (now < until) {
		if (ring_has_events(s->loop.ring) || awake_look(&s->awake))
			return true;
		sched_yield();
		now = clock_ns();
	}
	return false;
}

/* How long the loop may sleep, in milliseconds; -1: for ever. */
static int sleep_ms(const struct service *s)
{
	uint64_t next = next_deadline(s);
	uint64_t now;

	if (!list_empty(&s->loop.active))
		return 0;
	if (!list_empty(&s->awake.guests))
		return POLLED_MS;
	if (next == TIMER_NEVER)
		return -1;
	now = clock_ms();
	if (next <= now)
		return 0;
	return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

/* Sees what happened, waiting for it if there is nothing else to do. */
static void wait_for_work(struct service *s)
{
	int timeout = 0;

	if (list_empty(&s->loop.active) && !spin(s)) {
		awake_end(&s->awake);
		timeout = sleep_ms(s);
	}
	if (ring_wait(s->loop.ring, timeout))
		spin_event(&s->spin, clock_ns());
	else if (timeout > 0)
		awake_look(&s->awake);
}

int service_run(struct service *s)
{
	uint64_t passed_ms = 0;
	uint64_t now;

	int err = watchdog_start(&s->watchdog);

	if (err)
		log_line(LOG_LEVEL_WARN, NULL,
			 "a hypervisor may make the others wait: no timer: %s",
			 strerror(-err));
	log_line(LOG_LEVEL_INFO, NULL, "started: %u VM%s, %s", s->nvms,
		 s->nvms == 1 ? "" : "s", ring_engine(s->loop.ring));
	while (!s->stop) {
		wait_for_work(s);
		now = clock_ms();
		if (now != passed_ms)
			pass_deadlines(s, now);
		passed_ms = now;
		run_turn(s);
	}
	watchdog_stop(&s->watchdog);
	log_line(LOG_LEVEL_INFO, NULL, "stopped");
	return 0;
}
