/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Only next_piece() moves a cursor to another segment, so that empty segments
 * and the end are handled in one place. The other functions ask it for one
 * contiguous piece after the other.
 */
#include "base/iov.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

size_t iov_size(const struct iovec *iov, unsigned n)
{
	size_t size = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		size += iov[i].iov_len;
	return size;
}

void iov_begin(struct iov_cursor *cursor, const struct iovec *iov, unsigned n)
{
	*cursor = (struct iov_cursor){ .iov = iov, .count = n };
}

/* The next contiguous bytes, at most LEN; an empty one at the end. */
static struct iovec next_piece(struct iov_cursor *c, size_t len)
{
	struct iovec piece = { .iov_len = 0 };

	while (c->count && c->offset == c->iov->iov_len) {
		c->iov++;
		c->count--;
		c->offset = 0;
	}
	if (!c->count || !len)
		return piece;
	piece.iov_base = (char *)c->iov->iov_base + c->offset;
	piece.iov_len = min_size(len, c->iov->iov_len - c->offset);
	c->offset += piece.iov_len;
	return piece;
}

size_t iov_read(struct iov_cursor *cursor, void *dst, size_t len)
{
	size_t done = 0;
	struct iovec piece;

	/* Mostly there is enough in the present segment. */
	if (likely(cursor->count &&
		   len <= cursor->iov->iov_len - cursor->offset)) {
		memmove(dst, (char *)cursor->iov->iov_base + cursor->offset,
			len);
		cursor->offset += len;
		return len;
	}
	while ((piece = next_piece(cursor, len - done)).iov_len) {
		memmove((char *)dst + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

size_t iov_write(struct iov_cursor *cursor, const void *src, size_t len)
{
	size_t done = 0;
	struct iovec piece;

	while ((piece = next_piece(cursor, len - done)).iov_len) {
		memmove(piece.iov_base, (const char *)src + done,
			piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

size_t iov_skip(struct iov_cursor *cursor, size_t len)
{
	size_t done = 0;
	struct iovec piece;

	while ((piece = next_piece(cursor, len - done)).iov_len)
		done += piece.iov_len;
	return done;
}

unsigned iov_slice(struct iov_cursor *cursor, struct iovec *out, unsigned max,
		   size_t *len)
{
	size_t done = 0;
	unsigned n = 0;

	while (n < max) {
		out[n] = next_piece(cursor, *len - done);
		if (!out[n].iov_len)
			break;
		done += out[n++].iov_len;
	}
	*len = done;
	return n;
}
