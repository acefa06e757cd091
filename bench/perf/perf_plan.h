/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is to be measured. The client makes a plan from its options and sends
 * it to the server, so both work by the same one.
 */
#ifndef URING_VSOCK_BENCH_PERF_PLAN_H
#define URING_VSOCK_BENCH_PERF_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_SIZE_MAX (64u << 20)
#define PERF_PARALLEL_MAX 1024u
#define PERF_GULP (256u << 10) /* what a receiver of streams takes at once */
#define PERF_UNLIMITED UINT64_MAX

enum perf_mode {
	PERF_STREAM,	    /* the client sends */
	PERF_BIDIRECTIONAL, /* both send */
	PERF_RR,	    /* a request and its response, again and again */
	PERF_CRR,	    /* connect, request, response, close */
	PERF_MODES
};

struct perf_plan {
	enum perf_mode mode;
	bool reverse;  /* STREAM: the server sends */
	bool verify;   /* receivers compare every byte */
	bool zerocopy; /* the side that sends; in BIDIRECTIONAL the client */
	uint32_t size; /* of a write, a request, a response */
	uint32_t parallel;
	uint64_t bytes;	  /* each way, all connections together; 0: no limit */
	uint32_t time_ms; /* 0: no limit */
	uint64_t id;	  /* random: names the test, seeds the pattern */
};

/* NULL, or what is wrong with the plan. */
const char *perf_plan_check(const struct perf_plan *plan);

const char *perf_mode_name(enum perf_mode mode);
/* 0 or -1. */
int perf_mode_parse(const char *text, enum perf_mode *out);

/* Whether that end sends data, or receives it; RR and CRR do neither. */
bool perf_plan_sends(const struct perf_plan *plan, bool client);
bool perf_plan_receives(const struct perf_plan *plan, bool client);
bool perf_plan_sends_uncopied(const struct perf_plan *plan, bool client);

/* Measures round trips rather than throughput. */
bool perf_plan_has_trips(const struct perf_plan *plan);

/* How much of the plan's bytes connection NUMBER moves, or PERF_UNLIMITED. */
uint64_t perf_plan_share(const struct perf_plan *plan, unsigned number);
/* The same in round trips. */
uint64_t perf_plan_trips(const struct perf_plan *plan, unsigned number);

/* The longest piece of the pattern that is sent or compared at once. */
size_t perf_plan_longest(const struct perf_plan *plan);

#endif
