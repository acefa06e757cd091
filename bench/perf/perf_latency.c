/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "perf/perf_latency.h"

#define STEPS (1u << PERF_LATENCY_BITS)

/*
 * Below STEPS every value has a bucket; from there on a power of two is cut
 * into STEPS, by its PERF_LATENCY_BITS bits behind the first.
 */
static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;
	uint64_t bucket;

	if (ns < STEPS)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - PERF_LATENCY_BITS;
	bucket = ((uint64_t)shift << PERF_LATENCY_BITS) + (ns >> shift);
	return bucket < PERF_LATENCY_BUCKETS ? (unsigned)bucket
					     : PERF_LATENCY_BUCKETS - 1;
}

static double middle_of(unsigned bucket)
{
	unsigned shift = bucket >> PERF_LATENCY_BITS;
	uint64_t first;

	if (shift-- == 0)
		return bucket;
	first = (uint64_t)(STEPS + bucket % STEPS) << shift;
	return (double)first + (double)(1ull << shift) / 2;
}

void perf_latency_add(struct perf_latency *latency, uint64_t ns)
{
	latency->count++;
	latency->sum += ns;
	if (ns > latency->max)
		latency->max = ns;
	latency->buckets[bucket_of(ns)]++;
}

void perf_latency_merge(struct perf_latency *into,
			const struct perf_latency *from)
{
	unsigned i;

	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (i = 0; i < PERF_LATENCY_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

double perf_latency_at(const struct perf_latency *latency, double share)
{
	double wanted = share * (double)latency->count;
	uint64_t seen = 0;
	double at;
	unsigned i;

	if (!latency->count)
		return 0;
	for (i = 0; i < PERF_LATENCY_BUCKETS - 1; i++) {
		seen += latency->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			break;
	}
	at = middle_of(i);
	return at < (double)latency->max ? at : (double)latency->max;
}
