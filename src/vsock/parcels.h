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
	uint32_t last;	/* length of the last parcel */
	uint32_t count; /* parcels */
	uint32_t empty; /* parcels without a byte */
};

/* Parcels without a byte that may wait: no credit bounds them. */
#define PARCELS_EMPTY_MAX 1024u

void parcels_init(struct parcels *parcels);
void parcels_free(struct parcels *parcels);

/*
 * Adds the next LEN bytes of FROM, which has them. With JOIN they may extend
 * the last parcel: for streams. 0; or nothing was added: -ENOMEM, or -ENOBUFS
 * where LEN is 0 and PARCELS_EMPTY_MAX parcels without a byte wait already.
 */
int parcels_add(struct parcels *parcels, struct iov_cursor *from, uint32_t len,
		uint32_t flags, bool join);

/* What is left of the first parcel; there must be one. Returns its bytes, valid
 * until the next add or drop, and sets OUT to their number and its flags. */
const char *parcels_first(const struct parcels *parcels, struct parcel *out);

/* LEN bytes of the first parcel have left; with its last one it goes, too. */
void parcels_drop(struct parcels *parcels, uint32_t len);

#endif
