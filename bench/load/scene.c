/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "scene.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "frontend/host.h"

#define WORKERS 4
#define BACKLOG 4096

/* A listening host program. */
struct listener {
	int fd;
	unsigned vm;
	unsigned port; /* from GUEST_PORT */
	unsigned accepted;
};

struct scene {
	const struct plan *plan;
	struct guest *guests;
	char **paths;
	struct listener *listeners;
	int epoll;
	unsigned opened;
	struct end *ends;     /* the host's */
	struct end *far_ends; /* of pairs */
	struct worker *workers;
	unsigned nworkers;
	struct worker *bytes_from[2]; /* whose meter counts, or NULL */
};

static unsigned total(const struct plan *plan)
{
	return plan->vms * plan->conns;
}

static struct scene *scene_new(const struct plan *plan)
{
	struct scene *s = need_zeroed(1, sizeof(*s));
	struct source warm = { 0 };
	size_t n = 1;

	s->plan = plan;
	s->ends = need_zeroed(total(plan), sizeof(struct end));
	s->workers = aligned_alloc(64, WORKERS * sizeof(struct worker));
	need(s->workers != NULL, "aligned_alloc");
	/* The flows' common block is made now, by one thread. */
	source_more(&warm, 1, 1);
	source_peek(&warm, 1, &n);
	return s;
}

/* Pairs. */

struct scene *scene_of_pairs(const struct plan *plan)
{
	struct scene *s = scene_new(plan);

	s->far_ends = need_zeroed(total(plan), sizeof(struct end));
	for (unsigned i = 0; i < total(plan); i++) {
		uint32_t to_host = plan->verify ? seed_to_host(0, i) : 0;
		uint32_t to_guest = plan->verify ? seed_to_guest(0, i) : 0;
		int fds[2];

		need(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
		     "socketpair");
		s->ends[i] = (struct end){ fds[0], to_host, to_guest };
		s->far_ends[i] = (struct end){ fds[1], to_guest, to_host };
	}
	s->opened = total(plan);
	return s;
}

/* Virtual machines. */

static void listen_all(struct scene *s)
{
	unsigned ports = min_u32(s->plan->conns, GUEST_SEEDS);

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	need(s->epoll >= 0, "epoll_create1");
	s->listeners = need_zeroed(s->plan->vms * ports,
				   sizeof(struct listener));
	for (unsigned i = 0; i < s->plan->vms * ports; i++) {
		struct listener *l = &s->listeners[i];
		struct epoll_event e = { EPOLLIN, { .ptr = l } };

		l->vm = i / ports;
		l->port = i % ports;
		l->fd = host_listen(s->paths[2 * l->vm + 1],
				    GUEST_PORT + l->port, BACKLOG);
		need(!epoll_ctl(s->epoll, EPOLL_CTL_ADD, l->fd, &e),
		     "epoll_ctl");
	}
}

struct scene *scene_of_vms(const struct plan *plan, char **paths,
			   unsigned cid)
{
	struct scene *s = scene_new(plan);

	s->paths = paths;
	listen_all(s);
	s->guests = aligned_alloc(64, plan->vms * sizeof(struct guest));
	need(s->guests != NULL, "aligned_alloc");
	for (unsigned i = 0; i < plan->vms; i++)
		guest_start(&s->guests[i], plan, cid + i, i * GUEST_SEEDS,
			    paths[2 * i]);
	return s;
}

/* The guest dials port p for its connections p, p + GUEST_SEEDS, ... */
static void accept_one(struct scene *s, struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	unsigned i = l->port + GUEST_SEEDS * l->accepted;
	uint32_t first = l->vm * GUEST_SEEDS;

	if (fd < 0)
		return;
	l->accepted++;
	s->opened++;
	s->ends[l->vm * s->plan->conns + i] = (struct end){
		.fd = fd,
		.seed_in = s->plan->verify ? seed_to_host(first, i) : 0,
		.seed_out = s->plan->verify ? seed_to_guest(first, i) : 0,
	};
}

static unsigned open_in_guests(const struct scene *s)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < s->plan->vms; i++)
		sum += guest_open(&s->guests[i]);
	return sum;
}

unsigned scene_open_count(const struct scene *s)
{
	return s->guests ? min_u32(s->opened, open_in_guests(s)) : s->opened;
}

bool scene_open(struct scene *s, unsigned timeout_ms)
{
	uint64_t until = clock_ms() + timeout_ms;

	while (s->guests && scene_open_count(s) < total(s->plan)) {
		struct epoll_event events[64];
		int n = epoll_wait(s->epoll, events, 64, 1);

		for (int i = 0; i < n; i++)
			accept_one(s, events[i].data.ptr);
		if (clock_ms() > until)
			return false;
	}
	return true;
}

static struct worker *add_worker(struct scene *s, enum job job,
				 const struct end *ends)
{
	struct worker *w = &s->workers[s->nworkers++];

	worker_start(w, job, ends, total(s->plan), s->plan->size);
	return w;
}

/* What arrives at the host is counted there, and what does at the guest is
 * counted by the guests, or by the worker on the far ends. */
void scene_start(struct scene *s)
{
	const struct plan *plan = s->plan;

	if (plan->guest_sends) {
		s->bytes_from[0] = add_worker(s, JOB_READ, s->ends);
		if (s->far_ends)
			add_worker(s, JOB_WRITE, s->far_ends);
	}
	if (plan->host_sends) {
		if (s->far_ends)
			s->bytes_from[1] = add_worker(s, JOB_READ, s->far_ends);
		add_worker(s, JOB_WRITE, s->ends);
	}
	if (plan->echoes) {
		if (s->far_ends)
			add_worker(s, JOB_ANSWER, s->far_ends);
		s->bytes_from[0] = add_worker(s, JOB_ASK, s->ends);
	}
}

static void count_guest(const struct guest *g, bool bytes,
			struct scene_count *c)
{
	const struct machine *m = &g->machine;
	struct meter received = meter_read(&g->received);

	c->bytes += bytes ? received.bytes : 0;
	c->messages += bytes ? received.messages : 0;
	c->sent += m->sent;
	c->received += m->received;
	c->kicks += m->rx.kicks + m->tx.kicks;
	c->calls += m->rx.calls;
	c->wakeups += m->wakeups;
	c->updates += g->updates;
}

struct scene_count scene_count(const struct scene *s)
{
	struct scene_count c = { .ns = clock_ns() };

	for (unsigned i = 0; i < 2; i++) {
		struct meter m;

		if (!s->bytes_from[i])
			continue;
		m = meter_read(&s->bytes_from[i]->meter);
		c.bytes += m.bytes;
		c.messages += m.messages;
	}
	for (unsigned i = 0; s->guests && i < s->plan->vms; i++)
		count_guest(&s->guests[i], s->plan->host_sends, &c);
	return c;
}

void scene_record(struct scene *s, bool on)
{
	for (unsigned i = 0; i < s->nworkers; i++)
		__atomic_store_n(&s->workers[i].recording, on,
				 __ATOMIC_RELAXED);
}

void scene_print_latency(const struct scene *s)
{
	static const struct {
		const char *name;
		double share;
	} points[] = {
		{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 },
		{ "p999", 0.999 },
	};
	const struct latency *l;

	if (!s->plan->echoes)
		return;
	l = &s->bytes_from[0]->latency;
	for (unsigned i = 0; i < ARRAY_SIZE(points); i++)
		printf("\"%s_us\": %.2f, ", points[i].name,
		       latency_at(l, points[i].share) / 1000);
}
