/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's bytes that its host program has not taken yet, in order. Memory is
 * held only while there are any. The credit that the guest was granted
 * bounds them: the caller never adds more than that.
 */
#ifndef URING_VSOCK_VSOCK_BACKLOG_H
#define URING_VSOCK_VSOCK_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct iov_cursor;

struct backlog {
	char *bytes; /* NULL while empty */
	uint32_t begin;
	uint32_t end;
	uint32_t size;
};

void backlog_init(struct backlog *backlog);
void backlog_free(struct backlog *backlog);

static inline uint32_t backlog_len(const struct backlog *backlog)
{
	return backlog->end - backlog->begin;
}

/* The bytes, to be sent. Valid until the next add or drop. */
struct iovec backlog_iov(const struct backlog *backlog);

/* Adds what is in IOV behind its first SKIP bytes. 0 or -ENOMEM, and then
 * nothing was added. */
int backlog_add(struct backlog *backlog, const struct iovec *iov, unsigned n,
		size_t skip);

/* Adds the next LEN bytes of FROM, which has them, and passes over them. 0 or
 * -ENOMEM, and then nothing was added or passed over. */
int backlog_take(struct backlog *backlog, struct iov_cursor *from,
		 uint32_t len);

/* The first LEN bytes have been sent. */
void backlog_drop(struct backlog *backlog, uint32_t len);

#endif
