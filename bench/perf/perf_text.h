/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Numbers as people write and read them, and reasons for what went wrong.
 */
#ifndef URING_VSOCK_BENCH_PERF_TEXT_H
#define URING_VSOCK_BENCH_PERF_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* One sentence for the user, without a full stop. */
struct perf_why {
	char text[224];
};

/* Sets the reason and returns -1, so that callers can return it. */
int perf_because(struct perf_why *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads decimal digits and nothing else, at most MAX. 0 or -1. */
int perf_plain_number(const char *text, uint64_t max, uint64_t *out);
/* The same with an optional K, M or G of either case: times 1024 each. */
int perf_number(const char *text, uint64_t max, uint64_t *out);
/* Seconds such as "10" or "0.5", 0.001 to 86400, in milliseconds. 0 or -1. */
int perf_seconds(const char *text, uint32_t *ms);

/* Room for what follows. */
#define PERF_AMOUNT 32

/* "131072" as "128 KiB": what users give, in powers of 1024. Returns OUT. */
const char *perf_size_text(char out[PERF_AMOUNT], uint64_t bytes);
/* "8.12 GB": what was measured, in powers of 1000. Returns OUT. */
const char *perf_amount_text(char out[PERF_AMOUNT], double bytes);
/* "85.2 us". Returns OUT. */
const char *perf_time_text(char out[PERF_AMOUNT], double ns);

#endif
