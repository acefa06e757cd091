/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How long things took, in nanoseconds: a histogram with 128 steps in each
 * power of two, so that what is read from it is right to 1 %. Adding a value
 * takes a few instructions, however many there were, and the histograms of
 * several threads are merged by adding up their buckets.
 */
#ifndef URING_VSOCK_BENCH_LATENCY_H
#define URING_VSOCK_BENCH_LATENCY_H

#include <stdint.h>

#define LATENCY_BITS 7
#define LATENCY_BUCKETS (32u << LATENCY_BITS)

/* All zero at first. */
struct latency {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint32_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, uint64_t ns);
/* Adds FROM to INTO. */
void latency_merge(struct latency *into, const struct latency *from);

/* The time that SHARE (0.5: the median) of all values did not exceed; 0 if
 * there are none. */
double latency_at(const struct latency *l, double share);

#endif
