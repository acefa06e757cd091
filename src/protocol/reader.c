/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The kernel hands descriptors over with the bytes that they were sent with,
 * and nothing else says which message they belong to. So bytes are taken to the
 * end of a header, then to the end of its payload, and never beyond.
 *
 * A header becomes numbers in one place and is checked there. If it is wrong
 * there is no telling where the next message begins: the stream stays broken.
 */
#include "protocol/reader.h"

#include <errno.h>
#include <string.h>

/* The descriptors of the message before were handed on with it. */
static void start_message(struct reader *r)
{
	r->have = 0;
	r->message.size = 0;
	r->message.nfds = 0;
	r->message.excess_fds = false;
}

static bool complete(const struct reader *r)
{
	return r->have == MESSAGE_HEADER + r->message.size;
}

/* The one place where a header becomes numbers. */
static const char *accept_header(struct message *m, const uint8_t *bytes)
{
	struct vhost_user_header header;

	memcpy(&header, bytes, sizeof(header));
	m->request = header.request;
	m->flags = header.flags;
	if ((header.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return "header with another protocol version";
	if (header.flags & VHOST_USER_REPLY)
		return "header of a reply where a request belongs";
	if (header.size > MESSAGE_PAYLOAD_MAX)
		return "header with too large a payload";
	m->size = header.size;
	return NULL;
}

/* Up to N bytes to the part of the message that is being read. */
static size_t push_part(struct reader *r, const uint8_t *bytes, size_t n)
{
	size_t take = reader_wants(r);

	if (take > n)
		take = n;
	if (r->have < MESSAGE_HEADER) {
		memcpy(r->header + r->have, bytes, take);
		r->have += take;
		if (r->have == MESSAGE_HEADER)
			r->broken = accept_header(&r->message, r->header);
		return take;
	}
	memcpy(r->message.payload.bytes + (r->have - MESSAGE_HEADER), bytes,
	       take);
	r->have += take;
	return take;
}

void reader_init(struct reader *r)
{
	r->broken = NULL;
	start_message(r);
}

unsigned reader_add_fds(struct reader *r, const int *fds, unsigned nfds)
{
	return message_add_fds(&r->message, fds, nfds);
}

unsigned reader_end(struct reader *r, int *fds)
{
	unsigned n = message_take_fds(&r->message, fds);

	start_message(r);
	return n;
}

size_t reader_wants(const struct reader *r)
{
	if (complete(r))
		return MESSAGE_HEADER;
	if (r->have < MESSAGE_HEADER)
		return MESSAGE_HEADER - r->have;
	return MESSAGE_HEADER + r->message.size - r->have;
}

size_t reader_push(struct reader *r, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	size_t taken = 0;

	while (taken < n && !complete(r) && !r->broken)
		taken += push_part(r, from + taken, n - taken);
	return taken;
}

void reader_lost_fds(struct reader *r)
{
	r->message.excess_fds = true;
}

int reader_next(struct reader *r, struct message *out, const char **why)
{
	if (r->broken) {
		*why = r->broken;
		return -EPROTO;
	}
	if (!complete(r))
		return 0;
	memcpy(out, &r->message,
	       offsetof(struct message, payload) + r->message.size);
	start_message(r);
	return 1;
}
