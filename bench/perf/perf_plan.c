/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A plan comes from the command line or from another machine; perf_plan_check()
 * is the gate for both. Amounts are for all connections together. Each
 * connection gets its share, and the first ones a byte more if there is a
 * remainder, so that the sum is what was asked for.
 */
#include "perf/perf_plan.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"

static const char *const mode_names[] = {
	[PERF_STREAM] = "stream",
	[PERF_BIDIRECTIONAL] = "bidirectional",
	[PERF_RR] = "rr",
	[PERF_CRR] = "crr",
};
static_assert(ARRAY_SIZE(mode_names) == PERF_MODES, "a name for each mode");

const char *perf_mode_name(enum perf_mode mode)
{
	return mode_names[mode];
}

int perf_mode_parse(const char *text, enum perf_mode *out)
{
	unsigned i;

	for (i = 0; i < PERF_MODES; i++) {
		if (strcmp(text, mode_names[i]) == 0) {
			*out = (enum perf_mode)i;
			return 0;
		}
	}
	return -1;
}

bool perf_plan_has_trips(const struct perf_plan *plan)
{
	return plan->mode == PERF_RR || plan->mode == PERF_CRR;
}

const char *perf_plan_check(const struct perf_plan *plan)
{
	bool trips = perf_plan_has_trips(plan);

	if (plan->size < 1 || plan->size > PERF_SIZE_MAX)
		return "the size is 1 to 64M";
	if (plan->parallel < 1 || plan->parallel > PERF_PARALLEL_MAX)
		return "there are 1 to 1024 connections in parallel";
	if (trips && (uint64_t)plan->size * plan->parallel > 1u << 30)
		return "the size, times the connections in parallel, is at "
		       "most 1G";
	if (!plan->bytes && !plan->time_ms)
		return "neither bytes nor time limit the test";
	if (plan->reverse && plan->mode != PERF_STREAM)
		return "only the mode stream can be reversed";
	if (plan->zerocopy && trips)
		return "only the modes stream and bidirectional can send "
		       "without copying";
	return NULL;
}

bool perf_plan_sends(const struct perf_plan *plan, bool client)
{
	return plan->mode == PERF_BIDIRECTIONAL ||
	       (plan->mode == PERF_STREAM && client != plan->reverse);
}

bool perf_plan_receives(const struct perf_plan *plan, bool client)
{
	return perf_plan_sends(plan, !client);
}

bool perf_plan_sends_uncopied(const struct perf_plan *plan, bool client)
{
	return plan->zerocopy && perf_plan_sends(plan, client) &&
	       (client || plan->mode == PERF_STREAM);
}

uint64_t perf_plan_share(const struct perf_plan *plan, unsigned number)
{
	if (!plan->bytes)
		return PERF_UNLIMITED;
	return plan->bytes / plan->parallel +
	       (number < plan->bytes % plan->parallel);
}

uint64_t perf_plan_trips(const struct perf_plan *plan, unsigned number)
{
	uint64_t share = perf_plan_share(plan, number);

	if (share == PERF_UNLIMITED)
		return PERF_UNLIMITED;
	return share / plan->size + (share % plan->size != 0);
}

size_t perf_plan_longest(const struct perf_plan *plan)
{
	return plan->size > PERF_GULP ? plan->size : PERF_GULP;
}
