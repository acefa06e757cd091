/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * All seeds share one long pseudo-random block, and each begins at another
 * place in it. The block's length is a prime, so that a shift by any round
 * number shows.
 */
#include "frontend/flow.h"

#include <stdlib.h>
#include <string.h>

#define PERIOD 1048573u

static const uint8_t *block(void)
{
	static uint8_t bytes[PERIOD];
	uint64_t x = 0x9e3779b97f4a7c15u;

	if (bytes[0])
		return bytes;
	for (size_t i = PERIOD; i-- > 0;) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (uint8_t)(x >> 32) | (i == 0);
	}
	return bytes;
}

static const uint8_t *bytes_at(uint32_t seed, uint64_t offset, size_t *length)
{
	size_t at = (size_t)((offset + seed * 7919ull) % PERIOD);

	*length = min_size(*length, PERIOD - at);
	return block() + at;
}

void source_more(struct source *source, uint32_t seed, uint64_t length)
{
	if (source->seed != seed || source->literal) {
		if (source_left(source))
			die("a flow begins before the last one has ended");
		*source = (struct source){ .seed = seed };
	}
	source->total += length;
}

void source_literal(struct source *source, const void *text, size_t length)
{
	if (source_left(source))
		die("a text begins before the last flow has ended");
	*source = (struct source){ .literal = text, .total = length };
}

uint64_t source_left(const struct source *source)
{
	return source->total - source->sent;
}

const void *source_peek(const struct source *source, size_t length, size_t *got)
{
	*got = min_size(length, (size_t)source_left(source));
	if (source->literal)
		return source->literal + source->sent;
	return bytes_at(source->seed, source->sent, got);
}

void source_advance(struct source *source, size_t n)
{
	source->sent += n;
}

void sink_expect(struct sink *sink, uint32_t seed)
{
	sink->seed = seed;
	sink->got = 0;
}

static void compare(const struct sink *sink, const uint8_t *bytes,
		    size_t length)
{
	for (size_t at = 0; at < length;) {
		size_t n = length - at;
		const uint8_t *due = bytes_at(sink->seed, sink->got + at, &n);

		for (size_t i = 0; memcmp(bytes + at, due, n) != 0 && i < n;
		     i++)
			if (bytes[at + i] != due[i])
				die("flow %u: byte %ju is %#x, not %#x",
				    sink->seed, (uintmax_t)sink->got + at + i,
				    bytes[at + i], due[i]);
		at += n;
	}
}

void sink_take(struct sink *sink, const void *bytes, size_t length)
{
	if (sink->got < FLOW_HEAD)
		memcpy(sink->head + sink->got, bytes,
		       min_size(length, FLOW_HEAD - (size_t)sink->got));
	if (sink->seed != FLOW_BLANK)
		compare(sink, bytes, length);
	sink->got += length;
}

bool sink_is(const struct sink *sink, const char *text)
{
	size_t n = strlen(text);

	return sink->got == n && !memcmp(sink->head, text, n);
}
