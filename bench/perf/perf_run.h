/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A test under way, at either end: its connections, what they have moved, the
 * threads that work on it, and why it failed. Everything here may be called
 * from any of these threads unless it says otherwise.
 */
#ifndef URING_VSOCK_BENCH_PERF_RUN_H
#define URING_VSOCK_BENCH_PERF_RUN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "latency.h"
#include "perf/perf_address.h"
#include "perf/perf_pattern.h"
#include "perf/perf_plan.h"
#include "perf/perf_wire.h"

struct perf_run;

/* Bytes and round trips; alone in a cache line. */
struct perf_meter {
	_Alignas(64) uint64_t bytes;
	uint64_t trips;
};

static inline void perf_meter_add(struct perf_meter *meter, uint64_t bytes,
				  uint64_t trips)
{
	__atomic_fetch_add(&meter->bytes, bytes, __ATOMIC_RELAXED);
	if (trips)
		__atomic_fetch_add(&meter->trips, trips, __ATOMIC_RELAXED);
}

/* One connection, or in CRR a series of them. */
struct perf_stream {
	struct perf_meter sent;
	struct perf_meter received; /* and the round trips */
	struct perf_run *run;
	struct latency *latency; /* the client's round trips, or NULL */
	unsigned number;
	int fd; /* -1: none yet, or CRR; shut down by perf_run_fail() */
};

struct perf_run {
	struct perf_plan plan;
	bool client;
	struct perf_address address; /* the client's: whom to connect to */
	struct perf_pattern pattern;
	struct perf_stream *streams; /* plan.parallel of them */
	struct latency *latencies;
	uint64_t uncopied; /* atomic: sends that the kernel did not copy */
	uint64_t copied;   /* atomic: those it did in spite of MSG_ZEROCOPY */
	int wake; /* eventfd: failed, ready, or no thread works any more */

	bool stop; /* atomic: the time is up, or it failed */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool gone; /* perf_run_go() */
	unsigned attached;
	unsigned working;
	enum perf_verdict verdict;
	struct perf_why why;
	struct perf_run *next; /* the server's list, under its own lock */
};

struct perf_sample {
	uint64_t sent;
	uint64_t received;
	uint64_t trips;
};

/* NULL without memory or descriptors. */
struct perf_run *perf_run_new(const struct perf_plan *plan, bool client);
/* Call it when nobody else knows the run any more, and no thread works on it.
 * */
void perf_run_free(struct perf_run *run);

/* A connection for a stream. Takes over FD; NULL if that stream has one. */
struct perf_stream *perf_run_attach(struct perf_run *run, unsigned number,
				    int fd);
/* CRR: the stream's present connection, or -1; it stays the caller's. */
void perf_stream_lend(struct perf_stream *stream, int fd);
/* Whether all streams have their connections. */
bool perf_run_complete(struct perf_run *run);

/* Around a thread's work. */
void perf_run_enter(struct perf_run *run);
void perf_run_leave(struct perf_run *run);
bool perf_run_idle(struct perf_run *run);

/* Runs WORK on STREAM in a new thread. A failure fails the run. */
void perf_run_start(struct perf_stream *stream,
		    void (*work)(struct perf_stream *));

void perf_run_go(struct perf_run *run);
/* Waits for perf_run_go(): true; false if the run has failed. */
bool perf_run_wait_go(struct perf_run *run);

/* Ends the run. A cause takes precedence over a symptom, then the first one
 * counts. */
void perf_run_fail(struct perf_run *run, enum perf_verdict verdict,
		   const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for the error of a system call on a connection, which is a symptom.
 * */
void perf_stream_broke(struct perf_stream *stream, const char *doing,
		       int error);
enum perf_verdict perf_run_verdict(struct perf_run *run, struct perf_why *why);

static inline bool perf_run_stopped(const struct perf_run *run)
{
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}
void perf_run_stop(struct perf_run *run);

struct perf_sample perf_run_sample(const struct perf_run *run);

#endif
