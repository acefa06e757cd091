/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The command line of uring-vsock-perf.
 */
#ifndef URING_VSOCK_BENCH_PERF_OPTIONS_H
#define URING_VSOCK_BENCH_PERF_OPTIONS_H

#include <stdbool.h>

#include "perf/perf_address.h"
#include "perf/perf_plan.h"

#define PERF_EXIT_USAGE 2

struct perf_options {
	bool listen; /* else connect */
	struct perf_address address;
	struct perf_plan plan; /* of a client; its id is still 0 */
	bool once;
	bool json;
};

/* 0: go on. 1: exit with *STATUS; everything was printed. Not thread-safe, as
 * getopt(3) is not. */
int perf_options_parse(int argc, char **argv, struct perf_options *out,
		       int *status);

#endif
