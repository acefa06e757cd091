/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vsock/messages.h"

#include <string.h>

#include "base/check.h"

void messages_init(struct messages *messages)
{
	backlog_init(&messages->lengths);
	messages->bytes = 0;
}

void messages_free(struct messages *messages)
{
	backlog_free(&messages->lengths);
	messages->bytes = 0;
}

int messages_add(struct messages *messages, uint32_t len)
{
	struct iovec iov = { .iov_base = &len, .iov_len = sizeof(len) };
	int err = backlog_add(&messages->lengths, &iov, 1, 0);

	if (!err)
		messages->bytes += len;
	return err;
}

uint32_t messages_len(const struct messages *messages, uint32_t i)
{
	struct iovec iov = backlog_iov(&messages->lengths);
	uint32_t len;

	debug_assert(i < messages_count(messages));
	memcpy(&len, (char *)iov.iov_base + i * sizeof(len), sizeof(len));
	return len;
}

uint32_t messages_drop(struct messages *messages)
{
	uint32_t len = messages_len(messages, 0);

	backlog_drop(&messages->lengths, sizeof(len));
	messages->bytes -= len;
	return len;
}
