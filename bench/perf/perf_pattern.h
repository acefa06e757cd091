/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The bytes that are sent: pseudo-random, the same at both ends, and repeated
 * after PERF_PERIOD. That is a prime, so that a packet, buffer or page that is
 * lost, repeated or swapped leaves the bytes behind it out of step. It is small
 * enough to stay in a processor's cache, so that --verify costs little. The
 * bytes never change, so that they can be sent without being copied.
 *
 * A place is a position in the period. Connections and directions begin at
 * different places, so that a mix-up of them is found, too.
 */
#ifndef URING_VSOCK_BENCH_PERF_PATTERN_H
#define URING_VSOCK_BENCH_PERF_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_PERIOD 65521u

struct perf_pattern {
	uint8_t *bytes;
};

/* Pieces of up to LONGEST bytes can be taken. 0, or -1 without memory. */
int perf_pattern_make(struct perf_pattern *pattern, uint64_t seed,
		      size_t longest);
void perf_pattern_free(struct perf_pattern *pattern);

/* Where connection NUMBER begins in one direction. */
uint32_t perf_pattern_start(unsigned number, bool to_server);
/* The place N bytes after PLACE. */
uint32_t perf_pattern_after(uint32_t place, uint64_t n);

static inline const uint8_t *perf_pattern_at(const struct perf_pattern *pattern,
					     uint32_t place)
{
	return pattern->bytes + place;
}

/* How many of the N bytes GOT are right, up to the first that is not. */
size_t perf_pattern_right(const struct perf_pattern *pattern, uint32_t place,
			  const uint8_t *got, size_t n);

#endif
