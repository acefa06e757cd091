/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Threads are not joined. Instead a run counts those that work on it
 * (perf_run_enter()). Whoever made it frees it, once nobody can find it any
 * more and the count is 0. The thread that counted down to 0 may still hold the
 * lock then, so freeing takes the lock once more.
 *
 * A thread that blocks in a call on a socket cannot be told anything. So a
 * failure shuts all connections down, which makes every call return. A
 * connection that is made after that is shut down when it is handed in
 * (set_fd()).
 */
#include "perf/perf_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "perf/perf_thread.h"

static int allocate(struct perf_run *run)
{
	const struct perf_plan *plan = &run->plan;
	size_t bytes = plan->parallel * sizeof(*run->streams);

	run->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	run->streams = aligned_alloc(64, bytes);
	if (run->wake < 0 || !run->streams)
		return -1;
	memset(run->streams, 0, bytes);
	if (run->client && perf_plan_has_trips(plan)) {
		run->latencies =
			calloc(plan->parallel, sizeof(*run->latencies));
		if (!run->latencies)
			return -1;
	}
	return perf_pattern_make(&run->pattern, plan->id,
				 perf_plan_longest(plan));
}

struct perf_run *perf_run_new(const struct perf_plan *plan, bool client)
{
	struct perf_run *run = calloc(1, sizeof(*run));
	unsigned i;

	if (!run)
		return NULL;
	run->plan = *plan;
	run->client = client;
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->changed, NULL);
	if (allocate(run)) {
		free(run->streams);
		run->streams = NULL;
		perf_run_free(run);
		return NULL;
	}
	for (i = 0; i < plan->parallel; i++) {
		run->streams[i].run = run;
		run->streams[i].number = i;
		run->streams[i].fd = -1;
		run->streams[i].latency = run->latencies ? &run->latencies[i]
							 : NULL;
	}
	return run;
}

void perf_run_free(struct perf_run *run)
{
	unsigned i;

	/* the last thread may still be about to unlock it */
	pthread_mutex_lock(&run->lock);
	pthread_mutex_unlock(&run->lock);
	for (i = 0; run->streams && i < run->plan.parallel; i++)
		fd_close(&run->streams[i].fd);
	free(run->streams);
	free(run->latencies);
	perf_pattern_free(&run->pattern);
	fd_close(&run->wake);
	pthread_cond_destroy(&run->changed);
	pthread_mutex_destroy(&run->lock);
	free(run);
}

static void set_fd(struct perf_stream *stream, int fd)
{
	stream->fd = fd;
	if (fd >= 0 && stream->run->verdict != PERF_GOOD)
		shutdown(fd, SHUT_RDWR);
}

void perf_stream_lend(struct perf_stream *stream, int fd)
{
	pthread_mutex_lock(&stream->run->lock);
	set_fd(stream, fd);
	pthread_mutex_unlock(&stream->run->lock);
}

struct perf_stream *perf_run_attach(struct perf_run *run, unsigned number,
				    int fd)
{
	struct perf_stream *stream = NULL;

	pthread_mutex_lock(&run->lock);
	if (number < run->plan.parallel && run->streams[number].fd < 0) {
		stream = &run->streams[number];
		set_fd(stream, fd);
		if (++run->attached == run->plan.parallel)
			eventfd_signal(run->wake);
	}
	pthread_mutex_unlock(&run->lock);
	return stream;
}

bool perf_run_complete(struct perf_run *run)
{
	bool complete;

	pthread_mutex_lock(&run->lock);
	complete = run->attached == run->plan.parallel ||
		   run->plan.mode == PERF_CRR;
	pthread_mutex_unlock(&run->lock);
	return complete;
}

void perf_run_enter(struct perf_run *run)
{
	pthread_mutex_lock(&run->lock);
	run->working++;
	pthread_mutex_unlock(&run->lock);
}

void perf_run_leave(struct perf_run *run)
{
	pthread_mutex_lock(&run->lock);
	if (--run->working == 0)
		eventfd_signal(run->wake);
	pthread_mutex_unlock(&run->lock);
}

bool perf_run_idle(struct perf_run *run)
{
	bool idle;

	pthread_mutex_lock(&run->lock);
	idle = run->working == 0;
	pthread_mutex_unlock(&run->lock);
	return idle;
}

struct job {
	struct perf_stream *stream;
	void (*work)(struct perf_stream *);
};

static void *run_job(void *argument)
{
	struct job job = *(struct job *)argument;
	struct perf_run *run = job.stream->run;

	free(argument);
	if (perf_run_wait_go(run))
		job.work(job.stream);
	perf_run_leave(run);
	return NULL;
}

void perf_run_start(struct perf_stream *stream,
		    void (*work)(struct perf_stream *))
{
	struct perf_run *run = stream->run;
	struct job *job = malloc(sizeof(*job));

	if (job) {
		*job = (struct job){ stream, work };
		perf_run_enter(run);
		if (perf_thread_start(run_job, job) == 0)
			return;
		perf_run_leave(run);
		free(job);
	}
	perf_run_fail(run, PERF_CAUSE,
		      "there is no memory for a thread for connection %u: "
		      "give a lower --parallel",
		      stream->number);
}

void perf_run_go(struct perf_run *run)
{
	pthread_mutex_lock(&run->lock);
	run->gone = true;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

bool perf_run_wait_go(struct perf_run *run)
{
	bool good;

	pthread_mutex_lock(&run->lock);
	while (!run->gone && run->verdict == PERF_GOOD)
		pthread_cond_wait(&run->changed, &run->lock);
	good = run->verdict == PERF_GOOD;
	pthread_mutex_unlock(&run->lock);
	return good;
}

void perf_run_stop(struct perf_run *run)
{
	__atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
}

void perf_run_fail(struct perf_run *run, enum perf_verdict verdict,
		   const char *fmt, ...)
{
	va_list args;
	unsigned i;

	perf_run_stop(run);
	pthread_mutex_lock(&run->lock);
	if (verdict > run->verdict) {
		va_start(args, fmt);
		vsnprintf(run->why.text, sizeof(run->why.text), fmt, args);
		va_end(args);
		run->verdict = verdict;
	}
	for (i = 0; i < run->plan.parallel; i++)
		if (run->streams[i].fd >= 0)
			shutdown(run->streams[i].fd, SHUT_RDWR);
	pthread_cond_broadcast(&run->changed);
	eventfd_signal(run->wake);
	pthread_mutex_unlock(&run->lock);
}

void perf_stream_broke(struct perf_stream *stream, const char *doing, int error)
{
	const char *what = strerror(error);

	if (error == EPIPE || error == ECONNRESET)
		what = "the other end closed it";
	else if (error == EAGAIN)
		what = "not a byte moved for a long time";
	perf_run_fail(stream->run, PERF_SYMPTOM, "connection %u: %s: %s",
		      stream->number, doing, what);
}

enum perf_verdict perf_run_verdict(struct perf_run *run, struct perf_why *why)
{
	enum perf_verdict verdict;

	pthread_mutex_lock(&run->lock);
	verdict = run->verdict;
	if (why)
		*why = run->why;
	pthread_mutex_unlock(&run->lock);
	return verdict;
}

struct perf_sample perf_run_sample(const struct perf_run *run)
{
	struct perf_sample sum = { 0 };
	unsigned i;

	for (i = 0; i < run->plan.parallel; i++) {
		const struct perf_stream *s = &run->streams[i];

		sum.sent += __atomic_load_n(&s->sent.bytes, __ATOMIC_RELAXED);
		sum.received +=
			__atomic_load_n(&s->received.bytes, __ATOMIC_RELAXED);
		sum.trips +=
			__atomic_load_n(&s->received.trips, __ATOMIC_RELAXED);
	}
	return sum;
}
