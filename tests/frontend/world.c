/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * There is one thread, and the daemon is another process: between two steps
 * nothing of the test moves, so that a condition may look at any state without
 * a lock. Tickers do what no descriptor announces. A user that cannot wait for
 * events, such as a polling driver, makes the loop spin, which yields to the
 * daemon: both may share a processor.
 */
#include "frontend/world.h"

#include <sched.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define WAIT_MS 100 /* conditions may depend on the clock */

void world_init(struct world *w)
{
	*w = (struct world){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	need(w->epoll >= 0, "epoll_create1");
	list_init(&w->tickers);
}

void world_free(struct world *w)
{
	close(w->epoll);
	w->epoll = -1;
}

void world_watch(struct world *w, struct watch *watch)
{
	struct epoll_event e = { watch->events, { .ptr = watch } };

	need(!epoll_ctl(w->epoll, EPOLL_CTL_ADD, watch->fd, &e), "epoll_ctl");
}

void world_rewatch(struct world *w, struct watch *watch, uint32_t events)
{
	struct epoll_event e = { events, { .ptr = watch } };

	if (watch->events == events)
		return;
	watch->events = events;
	need(!epoll_ctl(w->epoll, EPOLL_CTL_MOD, watch->fd, &e), "epoll_ctl");
}

void world_unwatch(struct world *w, struct watch *watch)
{
	if (watch->fd >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

void world_add_ticker(struct world *w, struct ticker *ticker)
{
	list_append(&w->tickers, &ticker->node);
}

void world_remove_ticker(struct ticker *ticker)
{
	list_remove(&ticker->node);
}

static void tick_all(struct world *w)
{
	struct list *at = w->tickers.next;

	while (at != &w->tickers) {
		struct ticker *t = container_of(at, struct ticker, node);

		at = at->next;
		t->tick(t);
	}
}

/* A callback may remove only its own watch: events of others may be at hand. */
static bool turn(struct world *w, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n;

	tick_all(w);
	if (w->busy)
		sched_yield();
	n = epoll_wait(w->epoll, events, EVENTS_MAX, w->busy ? 0 : timeout_ms);
	for (int i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;

		watch->ready(watch, events[i].events);
	}
	tick_all(w);
	return n > 0;
}

void world_start(struct world *w)
{
	w->until_ms = clock_ms() + HANG_MS;
	tick_all(w);
}

void world_step(struct world *w, const char *awaited, const char *file,
		int line)
{
	turn(w, WAIT_MS);
	if (clock_ms() > w->until_ms)
		die("%s:%d: never happens%s%s: %s", file, line,
		    w->context ? " with " : "", w->context ? w->context : "",
		    awaited);
}

void world_rest(struct world *w, unsigned ms)
{
	uint64_t until = clock_ms() + ms;
	uint64_t now;

	while ((now = clock_ms()) < until)
		turn(w, (int)(until - now));
}
