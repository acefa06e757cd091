/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A connection is one of these:
 *
 *	waiting		silent so far; up to FRONTENDS_WAITING of them
 *	front end	the one that sent a valid request; one at the most
 *	past		closed; freed when the ring has let go of the watch
 *
 * A connection that waits may not hold descriptors: one that sends some with a
 * first message that is not whole is closed.
 *
 * A program that connects just to see whether the daemon is there must not take
 * a hypervisor's place, or reset a guest. A second hypervisor is refused as long
 * as the first lives. Whether it does is found out by reading what the first has
 * sent: a hypervisor may be started again before the end of its predecessor was
 * noticed.
 */
#include "session/frontends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/closer.h"
#include "base/fd.h"
#include "guest/guest.h"
#include "protocol/request.h"
#include "ring/ring.h"
#include "session/device.h"
#include "session/frontend.h"
#include "session/handlers.h"
#include "turn/loop.h"

/* Messages of the front end that are served in a turn: other guests wait
 * meanwhile. */
#define MESSAGES_A_TURN 16

/* Connections that are accepted in a turn, after those that wait were heard: each
 * is heard once before another takes its place. */
#define ACCEPTS_A_TURN FRONTENDS_WAITING

struct frontends {
	struct guest *guest;
	struct ring_watch accepting;
	bool called;		 /* a connection may wait in the backlog */
	bool leaving;		 /* another worker accepts from now on */
	struct loop_pause pause; /* of accepting */
	struct loop_pause choke; /* of hearing anybody */
	struct list waiting;	 /* oldest first */
	unsigned nwaiting;
	struct list past; /* closed; the ring may still know them */
};

static struct frontend *first_of(struct list *head)
{
	return list_first(head, struct frontend, node);
}

static void free_past(struct frontends *f, bool all)
{
	struct list keep;
	struct frontend *fe;

	list_init(&keep);
	while (!list_empty(&f->past)) {
		fe = first_of(&f->past);
		list_remove(&fe->node);
		if (!all && frontend_busy(fe))
			list_append(&keep, &fe->node);
		else
			frontend_free(fe);
	}
	list_move_all(&f->past, &keep);
}

static void bury(struct frontends *f, struct frontend *fe)
{
	frontend_close(fe);
	loop_descriptor_freed(f->guest->loop);
	list_append(&f->past, &fe->node);
}

static void drop_waiting(struct frontends *f, struct frontend *fe,
			 const char *why)
{
	guest_log(f->guest, LOG_LEVEL_DEBUG, "vhost-user connection: %s", why);
	f->nwaiting--;
	bury(f, fe);
}

static void end_session(struct frontends *f)
{
	struct frontend *fe = f->guest->session.frontend;

	f->guest->session.frontend = NULL;
	atomic_fetch_sub(&f->guest->loop->hypervisors, 1);
	bury(f, fe);
	device_release(f->guest);
}

int frontends_adopt(struct frontends *f, int fd)
{
	struct frontend *fe = frontend_new(f->guest, fd);

	if (!fe)
		return -errno;
	if (f->nwaiting == FRONTENDS_WAITING)
		drop_waiting(f, first_of(&f->waiting), "silent for too long");
	list_append(&f->waiting, &fe->node);
	f->nwaiting++;
	return 0;
}

static void refused(struct frontends *f, int err)
{
	guest_log_limited(f->guest, session, LOG_LEVEL_WARN,
			  "cannot take a vhost-user connection: %s",
			  strerror(-err));
}

/* Nothing of the guest would be lost if another worker made it anew. */
static bool unused(const struct frontends *f)
{
	const struct guest *guest = f->guest;

	return !guest->session.frontend && !f->nwaiting &&
	       !guest->greeters.count && !guest->conns.count &&
	       !guest->ending.nparted && !guest->siblings.halves &&
	       list_empty(&guest->ending.told);
}

/* 0 or -errno; -EAGAIN: no connection is left in the backlog. */
static int accept_one(struct frontends *f)
{
	int fd = accept4(f->accepting.fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	int err;

	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	err = frontends_adopt(f, fd);
	if (err)
		refused(f, err);
	return 0;
}

/*
 * Accepts by accept4(2), and not by the ring, which may take a connection just
 * before it is told to stop. A connection that is not accepted here stays in the
 * backlog, where another worker finds it.
 */
static void accept_callers(struct frontends *f)
{
	struct loop *loop = f->guest->loop;
	unsigned n = ACCEPTS_A_TURN;
	int err = 0;

	if (!f->leaving && loop->relocate && unused(f))
		f->leaving = loop->relocate(loop, f->guest);
	if (f->leaving)
		return;
	while (!err && n--)
		err = accept_one(f);
	f->called = !err;
	if (!err || err == -EAGAIN)
		return;
	refused(f, err);
	timer_arm(&loop->pauses.timers, &f->pause.timer, clock_ms());
}

static void called(struct ring_watch *watch, int events)
{
	struct frontends *f = container_of(watch, struct frontends, accepting);

	(void)events;
	f->called = true;
	guest_wake(f->guest);
}

static void try_again(struct loop_pause *p)
{
	struct frontends *f = container_of(p, struct frontends, pause);

	timer_disarm(&p->timer);
	f->called = true;
	guest_wake(f->guest);
}

static void hear_again(struct loop_pause *p)
{
	struct frontends *f = container_of(p, struct frontends, choke);

	guest_wake(f->guest);
}

int frontends_listen(struct frontends *f, int fd)
{
	int err = fd_nonblock(fd);

	return err ? err
		   : ring_watch(f->guest->loop->ring, &f->accepting, fd,
				called);
}

struct frontends *frontends_new(struct guest *guest)
{
	struct frontends *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->guest = guest;
	timer_init(&f->pause.timer);
	f->pause.over = try_again;
	timer_init(&f->choke.timer);
	f->choke.over = hear_again;
	ring_watch_init(&f->accepting);
	list_init(&f->waiting);
	list_init(&f->past);
	guest->session.frontends = f;
	return f;
}

static void session_ended(struct frontends *f, int err, const struct message *m,
			  const char *why)
{
	end_session(f);
	if (err == -ECONNRESET)
		guest_log_limited(f->guest, session, LOG_LEVEL_INFO,
				  "hypervisor gone");
	else if (m)
		guest_log_limited(f->guest, session, LOG_LEVEL_WARN,
				  "hypervisor dismissed: %s (%u): %s",
				  request_name(m->request), m->request, why);
	else
		guest_log_limited(f->guest, session, LOG_LEVEL_WARN,
				  "hypervisor dismissed: %s", why);
}

/* False: the session ended. */
static bool serve_message(struct frontends *f, struct frontend *fe,
			  struct message *m)
{
	const char *why = "";
	int ret = handlers_serve(fe, m, &why);

	if (ret < 0)
		session_ended(f, ret, m, why);
	return ret >= 0;
}

/* The turn has time for another message. One alone may take all of it: see
 * ram_file.h. */
static bool has_time(const struct frontends *f)
{
	return f->guest->loop->chores < LOOP_CHORES;
}

/* Serves the front end's messages, as many as the turn has time for. */
static void serve_session(struct frontends *f)
{
	struct frontend *fe = f->guest->session.frontend;
	struct message m;
	const char *why = "";
	int ret;

	for (unsigned i = 0; i < MESSAGES_A_TURN && has_time(f); i++) {
		ret = frontend_receive(fe, &m, &why);
		if (ret < 0)
			session_ended(f, ret, NULL, why);
		if (ret <= 0 || !serve_message(f, fe, &m))
			return;
	}
}

/*
 * FE becomes the front end, if its first message M is valid and no other front
 * end lives: a new hypervisor may come as soon as the old one has died. 0, or a
 * negative errno with *WHY.
 */
static int admit(struct frontends *f, struct frontend *fe,
		 const struct message *m, const char **why)
{
	int ret = request_check(m, why);

	if (ret < 0)
		return ret;
	if (f->guest->session.frontend)
		serve_session(f);
	if (f->guest->session.frontend) {
		*why = "refused, as another front end is connected";
		guest_log_limited(f->guest, session, LOG_LEVEL_WARN,
				  "second vhost-user front end refused");
		return -EBUSY;
	}
	list_remove(&fe->node);
	f->nwaiting--;
	f->guest->session.frontend = fe;
	atomic_fetch_add(&f->guest->loop->hypervisors, 1);
	guest_log_limited(f->guest, session, LOG_LEVEL_INFO,
			  "hypervisor connected");
	return 0;
}

/* FE, which was silent so far, became readable. */
static void hear(struct frontends *f, struct frontend *fe)
{
	struct message m;
	const char *why = "gone without a word";
	int ret = frontend_receive(fe, &m, &why);

	if (!ret && frontend_holds_fds(fe)) {
		ret = -EPROTO;
		why = "descriptors with a first message that is not whole";
	}
	if (!ret)
		return;
	if (ret > 0) {
		ret = admit(f, fe, &m, &why);
		if (ret < 0)
			frontend_drop_fds(fe, &m);
	}
	if (ret < 0)
		drop_waiting(f, fe, why);
	else
		serve_message(f, fe, &m);
}

/* The list is taken apart while it is walked, as a connection that is heard may
 * leave it, to become the front end or a past one. */
static void hear_waiting(struct frontends *f)
{
	struct list heard;
	struct frontend *fe;

	list_init(&heard);
	list_move_all(&heard, &f->waiting);
	while (!list_empty(&heard)) {
		fe = first_of(&heard);
		list_remove(&fe->node);
		list_append(&f->waiting, &fe->node);
		if (fe->readable && has_time(f))
			hear(f, fe);
	}
}

static bool any_to_hear(const struct frontends *f)
{
	const struct list *at;

	for (at = f->waiting.next; at != &f->waiting; at = at->next)
		if (container_of(at, struct frontend, node)->readable)
			return true;
	return false;
}

/*
 * True: too many descriptors that came before are not closed yet. Front ends
 * are heard again when enough of them are, which the closer tells the loop. The
 * closer may lack a thread, so the pause ends by itself as well, and the closer
 * looks for one again.
 */
static bool wait_for_closer(struct frontends *f)
{
	struct guest *guest = f->guest;
	struct loop *loop = guest->loop;

	if (likely(!frontend_choked(guest)) ||
	    !closer_await(guest->closer, frontend_choking_fds(guest),
			  loop_descriptors_closed, loop)) {
		timer_disarm(&f->choke.timer);
		return false;
	}
	if (!timer_armed(&f->choke.timer))
		timer_arm(&loop->pauses.timers, &f->choke.timer, clock_ms());
	return true;
}

/* The front end has sent something that was not read, as it was choked, or as
 * the turn had no time. */
static bool session_waits(const struct frontends *f)
{
	return f->guest->session.frontend &&
	       f->guest->session.frontend->readable;
}

bool frontends_waiting(const struct frontends *f)
{
	return f->called || any_to_hear(f) || session_waits(f);
}

enum step frontends_run(struct frontends *f)
{
	bool more;

	if (unlikely(!list_empty(&f->past)))
		free_past(f, false);
	if (likely(!frontends_waiting(f)) || wait_for_closer(f))
		return STEP_DONE;
	if (session_waits(f))
		serve_session(f);
	hear_waiting(f);
	if (f->called && has_time(f))
		accept_callers(f);
	more = session_waits(f) || any_to_hear(f) || (f->called && !f->leaving);
	return step_left(more && !wait_for_closer(f));
}

void frontends_stop(struct frontends *f)
{
	if (f->guest->session.frontend)
		end_session(f);
	while (!list_empty(&f->waiting))
		drop_waiting(f, first_of(&f->waiting), "the daemon ends");
	ring_unwatch(f->guest->loop->ring, &f->accepting);
	timer_disarm(&f->pause.timer);
	timer_disarm(&f->choke.timer);
	closer_await_no_more(f->guest->closer);
}

bool frontends_busy(struct frontends *f)
{
	free_past(f, false);
	return ring_watch_busy(&f->accepting) || !list_empty(&f->past);
}

void frontends_free(struct frontends *f)
{
	if (!f)
		return;
	debug_assert(!f->guest->session.frontend && !f->nwaiting);
	free_past(f, true);
	f->guest->session.frontends = NULL;
	free(f);
}
