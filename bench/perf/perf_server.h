/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The end that listens. */
#ifndef URING_VSOCK_BENCH_PERF_SERVER_H
#define URING_VSOCK_BENCH_PERF_SERVER_H

struct perf_options;

/* Serves until SIGTERM or SIGINT, or the end of the first test if so asked;
 * the exit status. Call once, before there are threads. */
int perf_server(const struct perf_options *options);

#endif
