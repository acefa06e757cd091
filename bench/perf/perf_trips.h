/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The modes rr and crr: round trips, one after another on each connection.
 * The functions return when all is done, or with the run failed.
 */
#ifndef URING_VSOCK_BENCH_PERF_TRIPS_H
#define URING_VSOCK_BENCH_PERF_TRIPS_H

#include <stdint.h>

struct perf_run;
struct perf_stream;
struct perf_data;

/* The client's and the server's end of a connection with many round trips. */
void perf_rr_ask(struct perf_stream *stream);
void perf_rr_answer(struct perf_stream *stream);

/* The client: connects for each round trip. */
void perf_crr_ask(struct perf_stream *stream);
/* The server's end of one connection, after its DATA; FD stays the caller's. */
void perf_crr_answer(struct perf_run *run, const struct perf_data *data,
		     int fd);

#endif
