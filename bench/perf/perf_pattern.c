/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Memory holds the period once, and behind it as much of it again as is ever
 * sent or compared at once. So a piece from any place is one run of bytes.
 */
#include "perf/perf_pattern.h"

#include <stdlib.h>
#include <string.h>

/* SplitMix64: makes good bytes from any seed, even 0. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int perf_pattern_make(struct perf_pattern *pattern, uint64_t seed,
		      size_t longest)
{
	size_t size = PERF_PERIOD + longest;
	size_t i;

	pattern->bytes = malloc(size);
	if (!pattern->bytes)
		return -1;
	for (i = 0; i < PERF_PERIOD; i++)
		pattern->bytes[i] = (uint8_t)(next_random(&seed) >> 56);
	for (; i < size; i++)
		pattern->bytes[i] = pattern->bytes[i - PERF_PERIOD];
	return 0;
}

void perf_pattern_free(struct perf_pattern *pattern)
{
	free(pattern->bytes);
	pattern->bytes = NULL;
}

uint32_t perf_pattern_start(unsigned number, bool to_server)
{
	return perf_pattern_after(0, (2 * (uint64_t)number + to_server) * 9973);
}

uint32_t perf_pattern_after(uint32_t place, uint64_t n)
{
	return (uint32_t)((place + n % PERF_PERIOD) % PERF_PERIOD);
}

size_t perf_pattern_right(const struct perf_pattern *pattern, uint32_t place,
			  const uint8_t *got, size_t n)
{
	const uint8_t *wanted = pattern->bytes + place;
	size_t i = 0;

	if (memcmp(got, wanted, n) == 0)
		return n;
	while (got[i] == wanted[i])
		i++;
	return i;
}
