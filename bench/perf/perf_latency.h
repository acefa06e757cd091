/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How long things took: a histogram with 128 steps in each power of two, so
 * that what is read from it is right to 1 %. Nanoseconds.
 */
#ifndef URING_VSOCK_BENCH_PERF_LATENCY_H
#define URING_VSOCK_BENCH_PERF_LATENCY_H

#include <stdint.h>

#define PERF_LATENCY_BITS 7
#define PERF_LATENCY_BUCKETS (32u << PERF_LATENCY_BITS)

/* All zero at first. */
struct perf_latency {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint32_t buckets[PERF_LATENCY_BUCKETS];
};

void perf_latency_add(struct perf_latency *latency, uint64_t ns);
void perf_latency_merge(struct perf_latency *into,
			const struct perf_latency *from);

/* What SHARE (0.5: the median) of all did not exceed; 0 if there are none. */
double perf_latency_at(const struct perf_latency *latency, double share);

#endif
