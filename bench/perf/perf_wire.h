/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What client and server say to each other, little-endian. Every message is a
 * head of PERF_HEAD bytes (magic, version, kind, length of the body) and a
 * body. The head stays as it is in all versions.
 *
 *   control connection             each data connection
 *   client  TEST                   client  DATA
 *   server  ACCEPTED or REFUSED    then nothing but the pattern
 *           (the data connections are made)
 *   server  READY
 *   client  START: its clock runs, and both ends begin
 *   both    REPORT when all is done, or something failed; the server's comes
 *           after the client's unless something failed
 *
 * Whoever has sent all data of a connection shuts down that direction.
 */
#ifndef URING_VSOCK_BENCH_PERF_WIRE_H
#define URING_VSOCK_BENCH_PERF_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "perf/perf_plan.h"
#include "perf/perf_text.h"

#define PERF_VERSION 1u
#define PERF_HEAD 12u
#define PERF_BODY_MAX 256u

enum perf_kind {
	PERF_TEST = 1, /* plan */
	PERF_ACCEPTED, /* nothing */
	PERF_REFUSED,  /* why */
	PERF_DATA,     /* data */
	PERF_READY,    /* nothing */
	PERF_START,    /* nothing */
	PERF_REPORT,   /* report */
};

/* How it went. A symptom may be a consequence of the other end's failure. */
enum perf_verdict {
	PERF_GOOD,
	PERF_SYMPTOM,
	PERF_CAUSE,
};

struct perf_data {
	uint64_t id;	   /* of the test */
	uint64_t sequence; /* CRR: which connection of that number this is */
	uint32_t number;
};

struct perf_report {
	uint64_t sent;
	uint64_t received;
	enum perf_verdict verdict;
	struct perf_why why; /* unless it went well; printable */
};

struct perf_message {
	enum perf_kind kind;
	union {
		struct perf_plan plan;
		struct perf_data data;
		struct perf_report report;
		struct perf_why why;
	} body;
};

/* Writes M to OUT; returns its size. */
unsigned perf_wire_put(const struct perf_message *m,
		       uint8_t out[PERF_HEAD + PERF_BODY_MAX]);

/* Whether the first N bytes of a head, however few, are what they should be. */
bool perf_wire_begins(const uint8_t *head, size_t n);

/* Reads a head: the kind goes to OUT. Returns the length of the body, at most
 * PERF_BODY_MAX, or -1 and the reason. */
int perf_wire_head(const uint8_t head[PERF_HEAD], struct perf_message *out,
		   struct perf_why *why);
/* Reads the body of LENGTH bytes. 0, or -1 and the reason. */
int perf_wire_body(const uint8_t *body, unsigned length,
		   struct perf_message *out, struct perf_why *why);

#endif
