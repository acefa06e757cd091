/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Where the messages of a backlog end: the lengths of those that are complete,
 * in order. What lies behind them in the backlog belongs to a message of which
 * the rest has not come yet.
 *
 * A length takes a byte for each seven bits, so that a guest that has filled
 * its credit with messages of one byte is held in twice that.
 */
#ifndef URING_VSOCK_VSOCK_MESSAGES_H
#define URING_VSOCK_VSOCK_MESSAGES_H

#include <stdint.h>

#include "vsock/backlog.h"

struct messages {
	struct backlog lengths;
	uint32_t count;
	uint32_t bytes; /* in all of them */
};

void messages_init(struct messages *messages);
void messages_free(struct messages *messages);

/* A message of LEN bytes is complete. 0 or -ENOMEM. */
int messages_add(struct messages *messages, uint32_t len);

/* The length of the message at *POS, which is moved behind it. *POS is 0 for
 * the first; there are COUNT of them. */
uint32_t messages_next(const struct messages *messages, uint32_t *pos);

/* Forgets the first message; there must be one. Returns its length. */
uint32_t messages_drop(struct messages *messages);

#endif
