/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each connection has a thread of its own while it is served. Threads are kept:
 * one of the idle ones waits in accept(2), and the others for their turn to do
 * so. A thread that takes a connection and leaves no idle thread behind starts
 * another one.
 */
#include "perf/perf_server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "perf/perf_flow.h"
#include "perf/perf_options.h"
#include "perf/perf_socket.h"
#include "perf/perf_talk.h"
#include "perf/perf_thread.h"
#include "perf/perf_trips.h"
#include "perf/perf_watch.h"

#define IDLE_MAX 4u

struct server {
	const struct perf_options *options;
	int listener;
	int end; /* eventfd: the test of --once is over */
	pthread_mutex_t
		accepting;    /* held by the thread that waits in accept(2) */
	pthread_mutex_t lock; /* of all below */
	struct perf_run *runs;
	unsigned tests;
	unsigned idle; /* threads */
	bool failed;   /* a test has failed */
};

static void add_run(struct server *server, struct perf_run *run,
		    struct perf_print *print)
{
	pthread_mutex_lock(&server->lock);
	run->next = server->runs;
	server->runs = run;
	print->test = ++server->tests;
	pthread_mutex_unlock(&server->lock);
}

static void remove_run(struct server *server, struct perf_run *run)
{
	struct perf_run **at = &server->runs;

	pthread_mutex_lock(&server->lock);
	while (*at != run)
		at = &(*at)->next;
	*at = run->next;
	pthread_mutex_unlock(&server->lock);
}

/* The run with that id, entered, or NULL. */
static struct perf_run *enter_run(struct server *server, uint64_t id)
{
	struct perf_run *run;

	pthread_mutex_lock(&server->lock);
	for (run = server->runs; run && run->plan.id != id; run = run->next)
		;
	if (run)
		perf_run_enter(run);
	pthread_mutex_unlock(&server->lock);
	return run;
}

static void work_on(struct perf_stream *stream)
{
	const struct perf_plan *plan = &stream->run->plan;
	bool sends = perf_plan_sends(plan, false);
	bool receives = perf_plan_receives(plan, false);

	if (sends && receives)
		perf_run_start(stream, perf_flow_send);
	if (!perf_run_wait_go(stream->run))
		return;
	if (receives)
		perf_flow_receive(stream);
	else if (sends)
		perf_flow_send(stream);
	else
		perf_rr_answer(stream);
}

/* Takes over FD. */
static void serve_data(struct server *server, const struct perf_data *data,
		       int fd)
{
	struct perf_run *run = enter_run(server, data->id);
	struct perf_stream *stream;

	if (run && run->plan.mode == PERF_CRR) {
		perf_crr_answer(run, data, fd);
	} else if (run) {
		stream = perf_run_attach(run, data->number, fd);
		if (stream) {
			fd_take(&fd);
			work_on(stream);
		}
	}
	if (run)
		perf_run_leave(run);
	fd_close(&fd);
}

static void end_test(struct server *server, const struct perf_print *print,
		     const struct perf_why *why)
{
	if (why)
		fprintf(stderr, "uring-vsock-perf: [%u] %s\n", print->test,
			why->text);
	pthread_mutex_lock(&server->lock);
	server->failed = server->failed || why;
	pthread_mutex_unlock(&server->lock);
	if (server->options->once)
		eventfd_signal(server->end);
}

/* From ACCEPTED to the end; the run is on the list. */
static void serve_run(struct server *server, struct perf_run *run, int control,
		      struct perf_print *print)
{
	struct perf_why why;
	uint64_t ns = 0;

	if (perf_say_kind(control, PERF_ACCEPTED) == 0 &&
	    perf_watch_gather(run, control) == 0 &&
	    perf_say_kind(control, PERF_READY) == 0 &&
	    perf_hear_kind(control, PERF_START, &why) == 0)
		perf_print_start(print, &run->plan,
				 server->options->address.text);
	else
		perf_run_fail(run, PERF_SYMPTOM, "the client is gone");
	perf_watch(run, control, print, &ns);
	remove_run(server, run);
	while (!perf_run_idle(run))
		sched_yield();
	if (perf_run_verdict(run, &why) == PERF_GOOD) {
		perf_print_summary(print, run, ns);
		end_test(server, print, NULL);
	} else {
		end_test(server, print, &why);
	}
}

static void serve_test(struct server *server, const struct perf_plan *plan,
		       int control)
{
	struct perf_print print = { .json = server->options->json };
	struct perf_run *run = perf_run_new(plan, false);
	struct perf_message refusal = { .kind = PERF_REFUSED };

	if (!run) {
		perf_because(&refusal.body.why,
			     "the server has not enough memory: give a lower "
			     "--parallel or --size");
		perf_say(control, &refusal);
		return;
	}
	add_run(server, run, &print);
	serve_run(server, run, control, &print);
	perf_run_free(run);
}

static void refuse(struct server *server, int fd, const struct perf_why *why)
{
	const struct perf_message m = {
		.kind = PERF_REFUSED,
		.body.why = *why,
	};

	if (!server->options->json)
		fprintf(stderr,
			"uring-vsock-perf: a connection was refused: "
			"%s\n",
			why->text);
	perf_say(fd, &m);
}

/* Takes over FD. A client that connects and says nothing is ignored. */
static void serve(struct server *server, int fd)
{
	struct perf_message m;
	struct perf_why why;
	int heard;

	perf_set_patience(fd);
	heard = perf_hear(fd, &m, &why);
	if (heard > 0 && m.kind == PERF_DATA) {
		serve_data(server, &m.body.data, fd_take(&fd));
	} else if (heard > 0 && m.kind == PERF_TEST) {
		serve_test(server, &m.body.plan, fd);
	} else if (heard != 0) {
		if (heard > 0)
			perf_because(&why, "message %u comes out of turn",
				     (unsigned)m.kind);
		refuse(server, fd, &why);
	}
	fd_close(&fd);
}

static void count_idle(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->idle++;
	pthread_mutex_unlock(&server->lock);
}

/* One idle thread less; whether that was the last. */
static bool was_last_idle(struct server *server)
{
	bool last;

	pthread_mutex_lock(&server->lock);
	last = --server->idle == 0;
	pthread_mutex_unlock(&server->lock);
	return last;
}

static bool enough_idle(struct server *server)
{
	bool enough;

	pthread_mutex_lock(&server->lock);
	enough = server->idle >= IDLE_MAX;
	pthread_mutex_unlock(&server->lock);
	return enough;
}

static int take_connection(struct server *server)
{
	int fd;

	pthread_mutex_lock(&server->accepting);
	fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		usleep(10000); /* out of descriptors, most likely */
	pthread_mutex_unlock(&server->accepting);
	return fd;
}

static void *worker(void *argument)
{
	struct server *server = argument;
	int fd;

	do {
		count_idle(server);
		fd = take_connection(server);
		if (was_last_idle(server))
			perf_thread_start(worker, server);
		if (fd >= 0)
			serve(server, fd);
	} while (!enough_idle(server));
	return NULL;
}

/* Waits until a signal comes, or the test of --once is over. */
static void wait_for_end(struct server *server, const sigset_t *signals)
{
	struct pollfd fds[] = {
		{ .fd = signalfd(-1, signals, SFD_CLOEXEC), .events = POLLIN },
		{ .fd = server->end, .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	fd_close(&fds[0].fd);
}

int perf_server(const struct perf_options *options)
{
	/* threads use it until the process ends */
	static struct server server = {
		.accepting = PTHREAD_MUTEX_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct perf_why why;
	sigset_t signals;
	bool failed;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	server.options = options;
	server.end = eventfd(0, EFD_CLOEXEC);
	server.listener = perf_listen(&options->address, &why);
	if (server.listener < 0 || server.end < 0 ||
	    perf_thread_start(worker, &server)) {
		fprintf(stderr, "uring-vsock-perf: %s\n",
			server.listener < 0 ? why.text : strerror(errno));
		return EXIT_FAILURE;
	}
	if (options->json)
		printf("{\"type\": \"listening\"}\n");
	else
		printf("listening on %s\n", options->address.text);
	wait_for_end(&server, &signals);
	perf_unlisten(&options->address);
	pthread_mutex_lock(&server.lock);
	failed = options->once && server.failed;
	pthread_mutex_unlock(&server.lock);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
