/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Payload that waits, in order, with the flags of the packets that it came in:
 * a backlog that keeps messages apart. Each parcel lies behind its own header
 * in one piece of memory, which is held only while there are any.
 */
#ifndef URING_VSOCK_VSOCK_PARCELS_H
#define URING_VSOCK_VSOCK_PARCELS_H

#include <stdbool.h>
#include <stdint.h>

#include "vsock/backlog.h"

struct iov_cursor;

/* Bytes of one parcel; more is refused as lack of memory. */
#define PARCELS_LEN_MAX ((1u << 30) - 1)

struct parcel {
	uint32_t len;	/* bytes of payload */
	uint32_t flags; /* PACKET_END_OF_* (vsock/packet.h) */
};

struct parcels {
	struct backlog backlog;
	uint32_t last;	/* length of the last */
	uint32_t count; /* parcels */
	uint32_t empty; /* of them without a byte */
};

#define PARCELS_EMPTY_MAX 1024u

void parcels_init(struct parcels *parcels);
void parcels_free(struct parcels *parcels);

/*
 * Adds the next LEN bytes of FROM, which has them. With JOIN they may extend
 * the last parcel: for streams. 0 or, when nothing was added, -ENOMEM, or
 * -ENOBUFS where PARCELS_EMPTY_MAX messages without a byte wait, which no
 * credit bounds.
 */
int parcels_add(struct parcels *parcels, struct iov_cursor *from, uint32_t len,
		uint32_t flags, bool join);

/* The rest of the first: its bytes, valid until the next add or drop, and in
 * OUT their number and its flags. There must be one. */
const char *parcels_first(const struct parcels *parcels, struct parcel *out);

/* LEN bytes of the first have left; with its last one the parcel goes. */
void parcels_drop(struct parcels *parcels, uint32_t len);

#endif
