/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Only what has arrived and was read at the far end is counted. A write that
 * has succeeded says no more than that some buffer on the way had room.
 *
 * A Unix socket does not say which of a guest's connections a host program has
 * accepted. So the guest dials another port for each, as long as there are
 * seeds, and the port tells which contents belong to the connection.
 * Connections beyond that share a port, in the order in which they come.
 */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pair.h"
#include "reach.h"

#define WORKERS 4
#define BACKLOG 4096

/* A listening host program. */
struct listener {
	int fd;
	unsigned vm;
	unsigned port; /* which of the VM's */
	unsigned accepted;
};

struct scene {
	const struct plan *plan;
	struct guest *guests;
	bool dialing; /* the guests that dial have been started */
	char **paths;
	unsigned cid;
	struct listener *listeners;
	int epoll;
	unsigned opened;
	unsigned nends;
	struct end *ends;     /* the host's */
	struct end *far_ends; /* of pairs */
	struct worker *workers;
	unsigned nworkers;
	const struct meter *meters[2 + PLAN_DIALERS_MAX]; /* that count */
	unsigned nmeters;
	const struct worker *far_reader; /* of pairs: in the place of the guest */
	const struct latency *latencies[PLAN_DIALERS_MAX];
	unsigned nlatencies;
	struct dialer *dialers;
	unsigned ndialers;
	uint64_t started_ns;
};

/* Connections. */
static unsigned total(const struct plan *plan)
{
	return plan_dialing(plan) * plan->conns;
}

static void *aligned(size_t size)
{
	void *at = aligned_alloc(64, size);

	need(at != NULL, "aligned_alloc");
	return at;
}

/* The host has NENDS ends. */
static struct scene *scene_new(const struct plan *plan, unsigned nends)
{
	struct scene *s = need_zeroed(1, sizeof(*s));
	struct source warm = { 0 };
	size_t n = 1;

	s->plan = plan;
	s->started_ns = clock_ns();
	s->nends = nends;
	s->ends = need_zeroed(nends + 1, sizeof(struct end));
	s->workers = aligned(WORKERS * sizeof(struct worker));
	s->dialers = aligned(PLAN_DIALERS_MAX * sizeof(struct dialer));
	/* One thread makes the block that all flows share, now. */
	source_more(&warm, 1, 1);
	source_peek(&warm, 1, &n);
	return s;
}

/* Pairs. */

struct scene *scene_of_pairs(const struct plan *plan)
{
	struct scene *s = scene_new(plan, total(plan));

	s->far_ends = need_zeroed(total(plan), sizeof(struct end));
	for (unsigned i = 0; i < total(plan); i++) {
		uint32_t to_host = plan->verify ? seed_to_host(0, i) : 0;
		uint32_t to_guest = plan->verify ? seed_to_guest(0, i) : 0;
		int fds[2];

		pair_make(plan->pair, fds);
		s->ends[i] = (struct end){ fds[0], to_host, to_guest };
		s->far_ends[i] = (struct end){ fds[1], to_guest, to_host };
	}
	s->opened = total(plan);
	return s;
}

/* Virtual machines. */

/* How many connections of a VM that dials lead to the host. */
static unsigned to_host(const struct plan *plan)
{
	return plan->conns - plan->siblings;
}

static struct reach reach_vm(const struct scene *s, unsigned i)
{
	return reach_guest(s->paths[2 * i], s->paths[2 * i + 1], s->cid + i);
}

/* The VM that is the I-th to dial. */
static unsigned dialing_vm(const struct scene *s, unsigned i)
{
	return s->plan->siblings ? 2 * i : i;
}

static void listen_all(struct scene *s)
{
	unsigned ports = min_u32(to_host(s->plan), GUEST_SEEDS);
	unsigned n = plan_dialing(s->plan) * ports;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	need(s->epoll >= 0, "epoll_create1");
	s->listeners = need_zeroed(n + 1, sizeof(struct listener));
	for (unsigned i = 0; i < n; i++) {
		struct listener *l = &s->listeners[i];
		struct epoll_event e = { EPOLLIN, { .ptr = l } };
		unsigned vm = dialing_vm(s, i / ports);
		struct reach reach = reach_vm(s, vm);

		l->vm = i / ports;
		l->port = s->plan->siblings + i % ports;
		l->fd = reach_listen(&reach, guest_dials(vm, l->port), BACKLOG,
				     s->plan->messages);
		need(!epoll_ctl(s->epoll, EPOLL_CTL_ADD, l->fd, &e),
		     "epoll_ctl");
	}
}

static void start_guest(struct scene *s, unsigned i)
{
	guest_start(&s->guests[i], s->plan, s->cid, i, s->paths[2 * i]);
}

/* Guests that are dialed must have started before. */
static void start_dialing(struct scene *s)
{
	unsigned step = s->plan->siblings ? 2 : 1;

	for (unsigned i = 1; step == 2 && i < s->plan->vms; i += 2)
		if (!guest_started(&s->guests[i]))
			return;
	for (unsigned i = 0; i < s->plan->vms; i += step)
		start_guest(s, i);
	s->dialing = true;
}

struct scene *scene_of_vms(const struct plan *plan, char **paths, unsigned cid)
{
	struct scene *s = scene_new(plan, plan_dialing(plan) * to_host(plan));

	s->paths = paths;
	s->cid = cid;
	listen_all(s);
	s->guests = aligned(plan->vms * sizeof(struct guest));
	memset(s->guests, 0, plan->vms * sizeof(struct guest));
	for (unsigned i = 1; plan->siblings && i < plan->vms; i += 2)
		start_guest(s, i);
	return s;
}

/* The guest dials port p for its connections p, p + GUEST_SEEDS, ... */
static void accept_one(struct scene *s, struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	unsigned i = l->port + GUEST_SEEDS * l->accepted;
	unsigned siblings = s->plan->siblings;
	uint32_t first = dialing_vm(s, l->vm) * GUEST_SEEDS;

	if (fd < 0)
		return;
	l->accepted++;
	s->opened++;
	s->ends[l->vm * to_host(s->plan) + i - siblings] = (struct end){
		.fd = fd,
		.seed_in = s->plan->verify ? seed_to_host(first, i) : 0,
		.seed_out = s->plan->verify ? seed_to_guest(first, i) : 0,
	};
}

static unsigned open_in_guests(const struct scene *s)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < s->plan->vms; i++)
		if (!s->guests[i].second)
			sum += guest_open(&s->guests[i]);
	return sum;
}

unsigned scene_open_count(const struct scene *s)
{
	unsigned between = total(s->plan) - s->nends;

	return s->guests ? min_u32(between + s->opened, open_in_guests(s))
			 : s->opened;
}

static bool all_open(const struct scene *s)
{
	for (unsigned i = 0; s->guests && i < s->plan->vms; i++)
		if (!guest_started(&s->guests[i]))
			return false;
	return scene_open_count(s) == total(s->plan);
}

bool scene_open(struct scene *s, unsigned timeout_ms, uint64_t *took_ns)
{
	uint64_t until = clock_ms() + timeout_ms;

	while (!all_open(s)) {
		struct epoll_event events[64];
		int n;

		if (!s->dialing)
			start_dialing(s);
		n = epoll_wait(s->epoll, events, 64, 1);
		for (int i = 0; i < n; i++)
			accept_one(s, events[i].data.ptr);
		if (clock_ms() > until)
			return false;
	}
	*took_ns = clock_ns() - s->started_ns;
	return true;
}

static void count_meter(struct scene *s, const struct meter *m)
{
	s->meters[s->nmeters++] = m;
}

static void count_latency(struct scene *s, const struct latency *l)
{
	s->latencies[s->nlatencies++] = l;
}

/* A worker for connections FROM to TO of ENDS, unless there are none. */
static struct worker *add_worker(struct scene *s, enum job job,
				 const struct end *ends, unsigned from,
				 unsigned to, size_t size)
{
	struct worker *w = &s->workers[s->nworkers];

	if (from >= to)
		return NULL;
	s->nworkers++;
	worker_start(w, job, ends + from, to - from, size);
	if (job == JOB_READ || job == JOB_ASK)
		count_meter(s, &w->meter);
	if (job == JOB_ASK)
		count_latency(s, &w->latency);
	return w;
}

static void start_dialers(struct scene *s)
{
	for (unsigned i = 0; i < s->plan->dialers; i++) {
		struct dialer *d = &s->dialers[s->ndialers++];

		dialer_start(d, reach_vm(s, i % s->plan->vms), GUEST_PORT,
			     s->plan->size);
		count_meter(s, &d->meter);
		count_latency(s, &d->latency);
	}
}

static void start_light(struct scene *s)
{
	unsigned light = min_u32(s->plan->light, s->nends);

	if (s->far_ends)
		add_worker(s, JOB_ANSWER, s->far_ends, 0, light, LIGHT_SIZE);
	add_worker(s, JOB_ASK, s->ends, 0, light, LIGHT_SIZE);
}

/* The host's programs count what arrives at the host. The guests, or the worker
 * on the far ends, count what arrives at the guest. */
void scene_start(struct scene *s)
{
	const struct plan *plan = s->plan;
	unsigned first = plan->light;
	unsigned reads = plan->stalled > first ? plan->stalled : first;
	unsigned n = plan->active ? plan->active : s->nends;

	if (plan->guest_sends) {
		add_worker(s, JOB_READ, s->ends, reads, n, plan->size);
		if (s->far_ends)
			add_worker(s, JOB_WRITE, s->far_ends, first, n,
				   plan->size);
	}
	if (plan->host_sends) {
		if (s->far_ends)
			s->far_reader = add_worker(s, JOB_READ, s->far_ends,
						   reads, n, plan->size);
		add_worker(s, JOB_WRITE, s->ends, first, n, plan->size);
	}
	if (plan->echoes && s->far_ends)
		add_worker(s, JOB_ANSWER, s->far_ends, first, n, plan->size);
	if (plan->echoes && !plan->dialers)
		add_worker(s, JOB_ASK, s->ends, first, n, plan->size);
	start_dialers(s);
	start_light(s);
}

static void count_received(const struct guest *g, struct scene_count *c)
{
	const struct plan *plan = g->plan;
	struct meter m = meter_read(plan->echoes ? &g->asked : &g->received);

	if (!g->second && !plan->host_sends)
		return;
	c->bytes += m.bytes;
	c->messages += m.messages;
	if (g->second)
		c->siblings += m.bytes;
	else
		c->to_guest += m.bytes;
}

static void count_guest(const struct guest *g, struct scene_count *c)
{
	const struct machine *m = &g->machine;

	count_received(g, c);
	c->sent += m->sent;
	c->received += m->received;
	c->kicks += m->rx.kicks + m->tx.kicks;
	c->calls += machine_interrupts(m);
	c->wakeups += m->wakeups;
	c->updates += g->updates;
}

struct scene_count scene_count(const struct scene *s)
{
	struct scene_count c = { .ns = clock_ns() };

	for (unsigned i = 0; i < s->nmeters; i++) {
		struct meter m = meter_read(s->meters[i]);

		c.bytes += m.bytes;
		c.messages += m.messages;
	}
	if (s->far_reader)
		c.to_guest = meter_read(&s->far_reader->meter).bytes;
	for (unsigned i = 0; s->guests && i < s->plan->vms; i++)
		count_guest(&s->guests[i], &c);
	return c;
}

void scene_record(struct scene *s, bool on)
{
	for (unsigned i = 0; i < s->nworkers; i++)
		__atomic_store_n(&s->workers[i].recording, on,
				 __ATOMIC_RELAXED);
	for (unsigned i = 0; i < s->ndialers; i++)
		__atomic_store_n(&s->dialers[i].recording, on,
				 __ATOMIC_RELAXED);
	for (unsigned i = 0; s->guests && i < s->plan->vms; i++)
		__atomic_store_n(&s->guests[i].recording, on, __ATOMIC_RELAXED);
}

void scene_print_latency(const struct scene *s)
{
	static const struct {
		const char *name;
		double share;
	} points[] = {
		{ "p50", 0.5 },
		{ "p90", 0.9 },
		{ "p99", 0.99 },
		{ "p999", 0.999 },
	};
	static struct latency all;

	for (unsigned i = 0; i < s->nlatencies; i++)
		latency_merge(&all, s->latencies[i]);
	for (unsigned i = 0; s->guests && i < s->plan->vms; i++)
		latency_merge(&all, &s->guests[i].latency);
	if (!all.count)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(points); i++)
		printf("\"%s_us\": %.2f, ", points[i].name,
		       latency_at(&all, points[i].share) / 1000);
}
