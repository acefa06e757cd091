/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 *	word payload word payload ... word payload
 *	^ begin of the backlog             ^ LAST bytes
 *
 * A word is a parcel's length and flags. Words are copied in and out, as they
 * lie at any address: payload has any length. When a part of the first parcel
 * has left, its word is written anew in front of the rest, over bytes that have
 * left. The length of the last parcel is remembered, so that a stream's next
 * bytes can be added to it without a walk from the start.
 */
#include "vsock/parcels.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/iov.h"

void parcels_init(struct parcels *p)
{
	*p = (struct parcels){ .count = 0 };
	backlog_init(&p->backlog);
}

void parcels_free(struct parcels *p)
{
	backlog_free(&p->backlog);
	parcels_init(p);
}

static char *begin(const struct parcels *p)
{
	return p->backlog.bytes + p->backlog.begin;
}

/* In memory a parcel's header is one word: its length and two bits of flags. */
static uint32_t pack(struct parcel parcel)
{
	return parcel.len << 2 | (parcel.flags & 3);
}

static struct parcel unpack(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return (struct parcel){ .len = word >> 2, .flags = word & 3 };
}

static int extend_last(struct parcels *p, struct iov_cursor *from, uint32_t len)
{
	int err = backlog_take(&p->backlog, from, len);
	struct parcel header;
	uint32_t word;
	char *at;

	if (err)
		return err;
	at = p->backlog.bytes + p->backlog.end - len - p->last - sizeof(word);
	header = unpack(at);
	p->empty -= !header.len && len;
	header.len += len;
	word = pack(header);
	memcpy(at, &word, sizeof(word));
	p->last += len;
	return 0;
}

static int append(struct parcels *p, struct iov_cursor *from, uint32_t len,
		  uint32_t flags)
{
	uint32_t word = pack((struct parcel){ .len = len, .flags = flags });
	struct iovec iov = { &word, sizeof(word) };
	int err = backlog_add(&p->backlog, &iov, 1, 0);

	if (!err && len) {
		err = backlog_take(&p->backlog, from, len);
		/* What was added last is taken off the end again. */
		if (err)
			p->backlog.end -= (uint32_t)sizeof(word);
	}
	if (err && !p->count)
		backlog_free(&p->backlog);
	if (err)
		return err;
	p->last = len;
	p->count++;
	p->empty += !len;
	return 0;
}

int parcels_add(struct parcels *p, struct iov_cursor *from, uint32_t len,
		uint32_t flags, bool join)
{
	if (!len && p->empty >= PARCELS_EMPTY_MAX)
		return -ENOBUFS;
	if (len > PARCELS_LEN_MAX - (join ? p->last : 0))
		return -ENOMEM;
	if (join && p->count)
		return extend_last(p, from, len);
	return append(p, from, len, flags);
}

const char *parcels_first(const struct parcels *p, struct parcel *out)
{
	debug_assert(p->count);
	*out = unpack(begin(p));
	return begin(p) + sizeof(uint32_t);
}

void parcels_drop(struct parcels *p, uint32_t len)
{
	struct parcel header = unpack(begin(p));
	uint32_t word;

	debug_assert(len <= header.len);
	if (len < header.len) {
		/* The header moves up to the payload that is left, so that the
		 * memory of the rest is given back. */
		header.len -= len;
		backlog_drop(&p->backlog, len);
		word = pack(header);
		memcpy(begin(p), &word, sizeof(word));
		if (p->count == 1)
			p->last = header.len;
		return;
	}
	p->count--;
	p->empty -= !header.len;
	backlog_drop(&p->backlog, (uint32_t)sizeof(uint32_t) + len);
}
