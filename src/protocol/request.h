/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The requests that this back end knows, as a table: their sizes, their
 * descriptors, where they name a queue and how they are answered. A message
 * that passed request_check() needs no further look at any of that. A new
 * request is a row in request.c, and a handler in session/handlers.c.
 */
#ifndef URING_VSOCK_PROTOCOL_REQUEST_H
#define URING_VSOCK_PROTOCOL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

#define REQUEST_QUEUES 3 /* virtio 1.3, 5.10.2: rx, tx, event */

enum request_index {
	REQUEST_INDEX_NONE,
	REQUEST_INDEX_FIRST, /* the payload's first 32 bits */
	REQUEST_INDEX_LOW,   /* low 8 bits of a number; NO_FD is in bit 8 */
};

enum request_reply {
	REQUEST_REPLY_ACK, /* only if asked for, by REPLY_ACK */
	REQUEST_REPLY_OWN, /* always, with contents */
};

struct request {
	const char *name;
	uint16_t min_size; /* of the payload, bytes */
	uint16_t max_size;
	uint8_t min_fds;
	uint8_t max_fds;
	uint8_t index; /* enum request_index */
	uint8_t reply; /* enum request_reply */
	bool known;
};

/* NULL for what this back end does not answer. */
const struct request *request_find(uint32_t code);

/* For the log; "unknown request" if no specification that we read has it. */
const char *request_name(uint32_t code);

/*
 * Returns 0, -EOPNOTSUPP if request_find() knows nothing of it, or -EINVAL if
 * its size, its descriptors or its queue are wrong; *WHY says it in words.
 */
int request_check(const struct message *m, const char **why);

/* The queue that a checked message is about; 0 if about none. */
unsigned request_queue(const struct message *m);

#endif
