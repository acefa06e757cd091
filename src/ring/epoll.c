/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The engine for where io_uring is missing: epoll for readiness, edge-triggered
 * but for watches of levels, and plain system calls for I/O.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/check.h"
#include "base/fd.h"
#include "ring/engine.h"

/* Reports fetched by one call. */
#define EVENTS_MAX 256

struct epoll_ring {
	struct ring base;
	int fd;
	unsigned fetched; /* events that has_events() saw, not yet reported */
	struct epoll_event events[EVENTS_MAX];
};

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLHUP == POLLHUP &&
		      EPOLLRDHUP == POLLRDHUP && EPOLLERR == POLLERR,
	      "reports are poll(2) bits");

static struct epoll_ring *epoll_of(struct ring *ring)
{
	return container_of(ring, struct epoll_ring, base);
}

static struct ring *epoll_open(const char **why)
{
	struct epoll_ring *e = calloc(1, sizeof(*e));

	if (!e) {
		*why = "out of memory";
		return NULL;
	}
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd < 0) {
		*why = "epoll_create1 failed";
		free(e);
		return NULL;
	}
	return &e->base;
}

static void epoll_close(struct ring *ring)
{
	struct epoll_ring *e = epoll_of(ring);

	fd_close(&e->fd);
	free(e);
}

static int control(struct ring *ring, int op, struct ring_watch *watch)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP,
		.data.ptr = watch,
	};

	if (!watch->level)
		event.events |= EPOLLET;
	if (watch->writable_armed)
		event.events |= EPOLLOUT;
	if (epoll_ctl(epoll_of(ring)->fd, op, watch->fd, &event) < 0)
		return -errno;
	return 0;
}

static int epoll_start(struct ring *ring, struct ring_watch *watch)
{
	int err = control(ring, EPOLL_CTL_ADD, watch);

	watch->readable_armed = !err;
	return err;
}

static void epoll_watch_writable(struct ring *ring, struct ring_watch *watch)
{
	watch->writable_armed = true;
	control(ring, EPOLL_CTL_MOD, watch);
}

static void epoll_unwatch(struct ring *ring, struct ring_watch *watch)
{
	struct epoll_ring *e = epoll_of(ring);
	unsigned i;

	/* Its memory may be gone before the fetched events are reported. */
	for (i = 0; i < e->fetched; i++)
		if (e->events[i].data.ptr == watch)
			e->events[i].data.ptr = NULL;
	if (watch->readable_armed)
		control(ring, EPOLL_CTL_DEL, watch);
	watch->readable_armed = false;
	watch->writable_armed = false;
}

static void report(struct ring *ring, const struct epoll_event *event)
{
	struct ring_watch *watch = event->data.ptr;

	if (!watch) /* stopped since the event was fetched */
		return;
	if ((event->events & EPOLLOUT) && watch->writable_armed) {
		watch->writable_armed = false;
		control(ring, EPOLL_CTL_MOD, watch);
	}
	watch->done(watch, (int)event->events);
}

static void epoll_run(struct ring *ring)
{
	unsigned i;

	for (i = 0; i < ring->nqueued; i++)
		ring_perform(ring->queued[i]);
}

static void fetch(struct epoll_ring *e, int timeout_ms)
{
	int n = epoll_wait(e->fd, e->events, EVENTS_MAX, timeout_ms);

	e->fetched = n > 0 ? (unsigned)n : 0;
}

static unsigned epoll_wait_and_report(struct ring *ring, int timeout_ms)
{
	struct epoll_ring *e = epoll_of(ring);
	unsigned i, n;

	if (!e->fetched)
		fetch(e, timeout_ms);
	n = e->fetched;
	for (i = 0; i < n; i++)
		report(ring, &e->events[i]);
	e->fetched = 0;
	return n;
}

static bool epoll_has_events(struct ring *ring)
{
	struct epoll_ring *e = epoll_of(ring);

	if (!e->fetched)
		fetch(e, 0);
	return e->fetched;
}

const struct ring_engine ring_engine_epoll = {
	.name = "epoll",
	.open = epoll_open,
	.close = epoll_close,
	.watch = epoll_start,
	.watch_writable = epoll_watch_writable,
	.unwatch = epoll_unwatch,
	.run = epoll_run,
	.wait = epoll_wait_and_report,
	.has_events = epoll_has_events,
};
