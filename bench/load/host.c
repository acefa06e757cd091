/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A room has a seat for each of a worker's sockets. A job does what it can at
 * one seat when that is ready; if there is only one seat, it simply blocks
 * there.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/flow.h"

#define READ_SIZE 65536u
#define EVENTS 64
#define WRITES_PER_VISIT 4

/* One socket of a worker. */
struct seat {
	int fd;
	struct source out;
	struct sink in;
	bool contents;	/* contents are made and compared */
	size_t owed;	/* bytes to be sent */
	size_t awaited; /* bytes to come */
	uint64_t asked_ns;
};

struct room {
	struct worker *worker;
	struct seat *seats;
	char *buffer;
	size_t buffer_size;
	int epoll; /* -1: there is one seat, and it blocks */
};

static bool try_again(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void check(const struct seat *s, ssize_t n, const char *what)
{
	if (n < 0 || (n == 0 && s->awaited))
		die("%s: %s", what, n ? strerror(errno) : "end of file");
}

/* Receives at most LIMIT bytes; 0: none were there. */
static size_t take(struct room *r, struct seat *s, size_t limit)
{
	size_t want = min_size(limit, r->buffer_size);
	ssize_t n = recv(s->fd, r->buffer, want, 0);

	if (try_again(n))
		return 0;
	if (n <= 0)
		check(s, n ? n : -1, "recv");
	if (s->contents)
		sink_take(&s->in, r->buffer, (size_t)n);
	return (size_t)n;
}

/* Sends at most LIMIT bytes; 0: there was no room. */
static size_t give(struct room *r, struct seat *s, size_t limit)
{
	const void *bytes = r->buffer;
	size_t want = min_size(limit, r->buffer_size);
	ssize_t n;

	if (s->contents) {
		source_more(&s->out, s->out.seed, want - source_left(&s->out));
		bytes = source_peek(&s->out, want, &want);
	}
	n = send(s->fd, bytes, want, MSG_NOSIGNAL);
	if (try_again(n))
		return 0;
	check(s, n, "send");
	if (s->contents)
		source_advance(&s->out, (size_t)n);
	return (size_t)n;
}

static void do_read(struct room *r, struct seat *s)
{
	size_t n = take(r, s, r->worker->read_size);

	meter_add(&r->worker->meter, n, 1);
}

static void do_write(struct room *r, struct seat *s)
{
	size_t n;

	for (unsigned i = 0; i < WRITES_PER_VISIT; i++) {
		if (!s->owed)
			s->owed = r->worker->size;
		n = give(r, s, s->owed);
		if (!n)
			return;
		s->owed -= n;
		meter_add(&r->worker->meter, n, !s->owed);
	}
}

static void send_owed(struct room *r, struct seat *s)
{
	while (s->owed)
		s->owed -= give(r, s, s->owed);
}

static void ask(struct room *r, struct seat *s)
{
	s->owed = s->awaited = r->worker->size;
	s->asked_ns = clock_ns();
	send_owed(r, s);
}

static void do_ask(struct room *r, struct seat *s)
{
	struct worker *w = r->worker;

	s->awaited -= take(r, s, s->awaited);
	if (s->awaited)
		return;
	if (__atomic_load_n(&w->recording, __ATOMIC_RELAXED))
		latency_add(&w->latency, clock_ns() - s->asked_ns);
	meter_add(&w->meter, 2 * w->size, 1);
	ask(r, s);
}

static void do_answer(struct room *r, struct seat *s)
{
	if (!s->awaited)
		s->awaited = r->worker->size;
	s->awaited -= take(r, s, s->awaited);
	if (s->awaited)
		return;
	s->owed = r->worker->size;
	send_owed(r, s);
	meter_add(&r->worker->meter, 2 * r->worker->size, 1);
}

static void work(struct room *r, struct seat *s)
{
	switch (r->worker->job) {
	case JOB_READ:
		do_read(r, s);
		return;
	case JOB_WRITE:
		do_write(r, s);
		return;
	case JOB_ASK:
		do_ask(r, s);
		return;
	case JOB_ANSWER:
		do_answer(r, s);
		return;
	}
}

static void watch(struct room *r, struct seat *s)
{
	struct epoll_event e = {
		.events = r->worker->job == JOB_WRITE ? EPOLLOUT : EPOLLIN,
		.data.ptr = s,
	};

	need(fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	need(!epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &e), "epoll_ctl");
}

static void furnish(struct room *r, struct worker *w)
{
	size_t size = w->size > w->read_size ? w->size : w->read_size;

	*r = (struct room){
		.worker = w,
		.seats = need_zeroed(w->count, sizeof(struct seat)),
		.buffer = need_zeroed(1, size),
		.buffer_size = size,
		.epoll = w->count > 1 ? epoll_create1(EPOLL_CLOEXEC) : -1,
	};
	memset(r->buffer, 'b', size);
	for (unsigned i = 0; i < w->count; i++) {
		struct seat *s = &r->seats[i];

		s->fd = w->ends[i].fd;
		s->in.seed = w->ends[i].seed_in;
		s->out.seed = w->ends[i].seed_out;
		s->contents = s->in.seed || s->out.seed;
		if (w->count > 1)
			watch(r, s);
		if (w->job == JOB_ASK)
			ask(r, s);
	}
}

static void *run(void *arg)
{
	struct epoll_event events[EVENTS];
	struct room r;

	furnish(&r, arg);
	while (r.worker->count == 1)
		work(&r, &r.seats[0]);
	for (;;) {
		int n = epoll_wait(r.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++)
			work(&r, events[i].data.ptr);
	}
	return NULL;
}

void worker_start(struct worker *w, enum job job, const struct end *ends,
		  unsigned count, size_t size)
{
	*w = (struct worker){
		.job = job,
		.ends = ends,
		.count = count,
		.size = size,
		.read_size = READ_SIZE,
	};
	need(!pthread_create(&w->thread, NULL, run, w), "pthread_create");
}
