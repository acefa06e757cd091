/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A length is written with its lowest seven bits first; the eighth says that
 * more follow.
 */
#include "vsock/messages.h"

#include "base/check.h"

#define BITS 7
#define MORE 0x80u

/* Bytes of the longest length. */
#define LENGTH_MAX 5

void messages_init(struct messages *messages)
{
	*messages = (struct messages){ .count = 0 };
	backlog_init(&messages->lengths);
}

void messages_free(struct messages *messages)
{
	backlog_free(&messages->lengths);
	messages_init(messages);
}

static uint32_t encode(uint32_t len, uint8_t out[LENGTH_MAX])
{
	uint32_t n = 0;

	while (len >= MORE) {
		out[n++] = (uint8_t)(len | MORE);
		len >>= BITS;
	}
	out[n++] = (uint8_t)len;
	return n;
}

int messages_add(struct messages *messages, uint32_t len)
{
	uint8_t bytes[LENGTH_MAX];
	struct iovec iov = { .iov_base = bytes, .iov_len = encode(len, bytes) };
	int err = backlog_add(&messages->lengths, &iov, 1, 0);

	if (err)
		return err;
	messages->count++;
	messages->bytes += len;
	return 0;
}

uint32_t messages_next(const struct messages *messages, uint32_t *pos)
{
	const uint8_t *bytes = backlog_iov(&messages->lengths).iov_base;
	uint32_t len = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		debug_assert(*pos < backlog_len(&messages->lengths));
		byte = bytes[(*pos)++];
		len |= (uint32_t)(byte & ~MORE) << shift;
		shift += BITS;
	} while (byte & MORE);
	return len;
}

uint32_t messages_drop(struct messages *messages)
{
	uint32_t taken = 0;
	uint32_t len = messages_next(messages, &taken);

	backlog_drop(&messages->lengths, taken);
	messages->count--;
	messages->bytes -= len;
	return len;
}
