/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Where the messages of a backlog end: the lengths of those that are complete,
 * in order. What lies behind them in the backlog belongs to a message of which
 * the rest has not come yet.
 *
 * A message needs four bytes of memory beside its own, so that a guest that
 * has filled its credit with messages of one byte is held in five times that.
 */
#ifndef URING_VSOCK_VSOCK_MESSAGES_H
#define URING_VSOCK_VSOCK_MESSAGES_H

#include <stdint.h>

#include "vsock/backlog.h"

struct messages {
	struct backlog lengths; /* uint32_t each */
	uint32_t bytes;		/* their sum */
};

void messages_init(struct messages *messages);
void messages_free(struct messages *messages);

static inline uint32_t messages_count(const struct messages *messages)
{
	return backlog_len(&messages->lengths) / (uint32_t)sizeof(uint32_t);
}

/* One of LEN bytes is complete. 0 or -ENOMEM. */
int messages_add(struct messages *messages, uint32_t len);

/* The length of the I-th, of those that there are. */
uint32_t messages_len(const struct messages *messages, uint32_t i);

/* Forgets the first, which there is. Returns its length. */
uint32_t messages_drop(struct messages *messages);

#endif
