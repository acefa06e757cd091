/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The payload that a half (half.h) keeps for want of room elsewhere. */
#ifndef URING_VSOCK_SIBLING_KEEP_H
#define URING_VSOCK_SIBLING_KEEP_H

#include <stdint.h>

struct iov_cursor;
struct link;
struct parcels;

/*
 * Keeps the next LEN bytes of FROM in one of LINK's half's parcels; FLAGS come
 * with the last of them. 0; -ENOMEM; -ENOBUFS: too many messages without a
 * byte, which no credit bounds.
 */
int half_keep(struct parcels *parcels, const struct link *link,
	      struct iov_cursor *from, uint32_t len, uint32_t flags);

/* Nothing that waits for the other half matters any more. */
void half_forget(struct link *link);

#endif
