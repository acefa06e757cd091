/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Scattered bytes, read and written through a cursor. A cursor owns nothing;
 * the segments must outlive it. Empty segments are allowed.
 */
#ifndef URING_VSOCK_BASE_IOV_H
#define URING_VSOCK_BASE_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The segments that one call of sendmsg(2) or recvmsg(2) takes at most
 * (UIO_MAXIOV of the kernel); with more it fails. */
#define IOV_LIMIT 1024u

struct iov_cursor {
	const struct iovec *iov; /* the segment that it stands in */
	unsigned count;		 /* segments left, that one included */
	size_t offset;		 /* bytes of that segment already passed */
};

/* N, or IOV_LIMIT if N is more: for msg_iovlen, which is a size_t in glibc and an
 * int in musl. */
static inline uint16_t iov_limit(uint32_t n)
{
	return (uint16_t)(n < IOV_LIMIT ? n : IOV_LIMIT);
}

size_t iov_size(const struct iovec *iov, unsigned n);

void iov_begin(struct iov_cursor *cursor, const struct iovec *iov, unsigned n);

/* Copy out, copy in, pass over: up to LEN bytes. Return how many there were. A
 * guest decides where its segments lie, so the two sides may overlap. */
size_t iov_read(struct iov_cursor *cursor, void *dst, size_t len);
size_t iov_write(struct iov_cursor *cursor, const void *src, size_t len);
size_t iov_skip(struct iov_cursor *cursor, size_t len);

/*
 * Writes at most MAX segments to OUT that cover the next *LEN bytes, and
 * passes over them. *LEN becomes what they cover. Returns their number.
 */
unsigned iov_slice(struct iov_cursor *cursor, struct iovec *out, unsigned max,
		   size_t *len);

#endif
