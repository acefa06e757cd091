/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What users see on standard output: a line each second and a summary, as text
 * or as one JSON object a line.
 */
#ifndef URING_VSOCK_BENCH_PERF_PRINT_H
#define URING_VSOCK_BENCH_PERF_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "perf/perf_run.h"

struct perf_print {
	bool json;
	unsigned test; /* the server's number for it; 0: the client */
};

/* Text only: what is about to be measured, with whom. */
void perf_print_start(const struct perf_print *print,
		      const struct perf_plan *plan, const char *whom);

/* What was moved from FROM_NS to TO_NS after the start. */
void perf_print_interval(const struct perf_print *print,
			 const struct perf_plan *plan, uint64_t from_ns,
			 uint64_t to_ns, const struct perf_sample *moved);

/* A run that went well and took NS. */
void perf_print_summary(const struct perf_print *print,
			const struct perf_run *run, uint64_t ns);

#endif
