/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Bytes that know where they belong. A flow has a definite byte at every
 * offset, which its seed determines. So bytes that were lost, doubled, swapped
 * or belong elsewhere are found where they arrive, at the price of a memcmp().
 * Both ends of a connection use the same seed.
 */
#ifndef URING_VSOCK_FRONTEND_FLOW_H
#define URING_VSOCK_FRONTEND_FLOW_H

#include "frontend/basics.h"

#define FLOW_BLANK 0u /* a seed: contents neither written nor compared */
#define FLOW_HEAD 256

struct source {
	uint32_t seed;
	const uint8_t *literal; /* instead of the seed's bytes; not owned */
	uint64_t total;		/* to be sent since the start */
	uint64_t sent;
};

struct sink {
	uint32_t seed;
	uint64_t got;
	uint8_t head[FLOW_HEAD]; /* the first bytes, kept for short talks */
};

/* LENGTH more bytes are to be sent. With another seed than the present one, a
 * new flow begins. */
void source_more(struct source *source, uint32_t seed, uint64_t length);
/* Sends TEXT; everything before it must have been sent. */
void source_literal(struct source *source, const void *text, size_t length);
uint64_t source_left(const struct source *source);
/* The next bytes, in one piece: at most LENGTH, *GOT of them. */
const void *source_peek(const struct source *source, size_t length,
			size_t *got);
/* N of these bytes have been sent. */
void source_advance(struct source *source, size_t n);

/* From the next byte on, SEED's flow is expected, from its start. */
void sink_expect(struct sink *sink, uint32_t seed);
/* The next bytes have arrived. Fails if other bytes were due. */
void sink_take(struct sink *sink, const void *bytes, size_t length);
/* Exactly TEXT has arrived. */
bool sink_is(const struct sink *sink, const char *text);

#endif
