/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "latency.h"

#define STEPS (1u << LATENCY_BITS)

/*
 * Each value below STEPS has a bucket of its own. Above that, each power of two
 * is cut into STEPS buckets, by the LATENCY_BITS bits behind the highest one.
 */
static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;
	uint64_t bucket;

	if (ns < STEPS)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - LATENCY_BITS;
	bucket = ((uint64_t)shift << LATENCY_BITS) + (ns >> shift);
	return bucket < LATENCY_BUCKETS ? (unsigned)bucket
					: LATENCY_BUCKETS - 1;
}

static double middle_of(unsigned bucket)
{
	unsigned shift = bucket >> LATENCY_BITS;
	uint64_t first;

	if (shift-- == 0)
		return bucket;
	first = (uint64_t)(STEPS + bucket % STEPS) << shift;
	return (double)first + (double)(1ull << shift) / 2;
}

void latency_add(struct latency *l, uint64_t ns)
{
	l->count++;
	l->sum += ns;
	if (ns > l->max)
		l->max = ns;
	l->buckets[bucket_of(ns)]++;
}

void latency_merge(struct latency *into, const struct latency *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

double latency_at(const struct latency *l, double share)
{
	double wanted = share * (double)l->count;
	uint64_t seen = 0;
	double at;
	unsigned i;

	if (!l->count)
		return 0;
	for (i = 0; i < LATENCY_BUCKETS - 1; i++) {
		seen += l->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			break;
	}
	at = middle_of(i);
	return at < (double)l->max ? at : (double)l->max;
}
