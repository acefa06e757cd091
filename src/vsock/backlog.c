/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The bytes lie in one piece of memory, at [begin, end), so that one segment is
 * enough to send them all. Dropping bytes only moves BEGIN. When the room
 * behind END is used up, the bytes are moved down to the start if they fill no
 * more than half of the memory; otherwise they are moved into twice the memory
 * or more. So the bytes that are copied are never more than those that were
 * added since the last copy, however slowly a host program reads.
 *
 * An empty backlog is freed: a connection whose host program keeps up holds no
 * memory.
 */
#include "vsock/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"

/* The first allocation; it doubles from there. */
#define BACKLOG_SIZE_MIN 4096u

/* Far beyond what credit allows: more is refused as lack of memory. */
#define BACKLOG_SIZE_MAX (1u << 30)

void backlog_init(struct backlog *backlog)
{
	*backlog = (struct backlog){ .bytes = NULL };
}

void backlog_free(struct backlog *backlog)
{
	free(backlog->bytes);
	backlog_init(backlog);
}

struct iovec backlog_iov(const struct backlog *backlog)
{
	/* NULL plus an offset, even of 0, is undefined (C11, 6.5.6). */
	if (!backlog->bytes)
		return (struct iovec){ .iov_len = 0 };
	return (struct iovec){ .iov_base = backlog->bytes + backlog->begin,
			       .iov_len = backlog_len(backlog) };
}

/* Makes room for LEN more bytes behind the end. */
static int reserve(struct backlog *b, uint32_t len)
{
	uint32_t held = backlog_len(b);
	uint32_t size = b->size ? b->size : BACKLOG_SIZE_MIN;
	char *bytes;

	if (len <= b->size - b->end)
		return 0;
	if (len > BACKLOG_SIZE_MAX - held)
		return -ENOMEM;
	if (len <= b->size - held && held <= b->size / 2) {
		memmove(b->bytes, b->bytes + b->begin, held);
		b->begin = 0;
		b->end = held;
		return 0;
	}
	/* Without doubling, the bytes would be copied again for every few that
	 * are added. */
	if (held > size / 2)
		size *= 2;
	while (size - held < len)
		size *= 2;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	if (held)
		memcpy(bytes, b->bytes + b->begin, held);
	free(b->bytes);
	*b = (struct backlog){ .bytes = bytes, .end = held, .size = size };
	return 0;
}

int backlog_take(struct backlog *b, struct iov_cursor *from, uint32_t len)
{
	int err;

	if (!len)
		return 0;
	err = reserve(b, len);
	if (err)
		return err;
	iov_read(from, b->bytes + b->end, len);
	b->end += len;
	return 0;
}

int backlog_add(struct backlog *b, const struct iovec *iov, unsigned n,
		size_t skip)
{
	size_t len = iov_size(iov, n) - skip;
	struct iov_cursor from;

	iov_begin(&from, iov, n);
	iov_skip(&from, skip);
	return backlog_take(b, &from, (uint32_t)len);
}

void backlog_drop(struct backlog *b, uint32_t len)
{
	debug_assert(len <= backlog_len(b));
	b->begin += len;
	if (b->begin == b->end)
		backlog_free(b);
}
