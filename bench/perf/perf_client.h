/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The end that connects. */
#ifndef URING_VSOCK_BENCH_PERF_CLIENT_H
#define URING_VSOCK_BENCH_PERF_CLIENT_H

struct perf_options;

/* Runs the test and prints how it went; the exit status. */
int perf_client(const struct perf_options *options);

#endif
