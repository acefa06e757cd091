/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Descriptors are the only thing here that can leak. They belong to the message
 * from the moment they arrive. A handler that keeps one takes it out; after the
 * message was served or refused, its reader takes the rest. Descriptors beyond
 * VHOST_USER_FDS_MAX are not taken in, but it is remembered that they came, so
 * that the request is refused rather than served with the first eight.
 *
 * None is closed here: that may take long, see base/closer.h.
 *
 * Front ends ask for a window of the configuration in two ways: by a request
 * that is as long as the reply is to be, or by one that only names the length.
 */
#include "protocol/message.h"

#include <string.h>

bool message_need_reply(const struct message *m)
{
	return m->flags & VHOST_USER_NEED_REPLY;
}

int message_take_fd(struct message *m, unsigned i)
{
	int fd;

	if (i >= m->nfds)
		return -1;
	fd = m->fds[i];
	m->fds[i] = -1;
	return fd;
}

unsigned message_add_fds(struct message *m, const int *fds, unsigned nfds)
{
	unsigned n = 0;

	while (n < nfds && m->nfds < VHOST_USER_FDS_MAX)
		m->fds[m->nfds++] = fds[n++];
	m->excess_fds |= n < nfds;
	return n;
}

unsigned message_take_fds(struct message *m, int *fds)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->nfds; i++)
		if (m->fds[i] >= 0)
			fds[n++] = m->fds[i];
	m->nfds = 0;
	return n;
}

size_t message_reply(const struct message *request, const void *payload,
		     size_t size, uint8_t *out, size_t room)
{
	struct vhost_user_header header = {
		.request = request->request,
		.flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
		.size = (uint32_t)size,
	};

	if (size > MESSAGE_PAYLOAD_MAX || room < sizeof(header) + size)
		return 0;
	memcpy(out, &header, sizeof(header));
	memcpy(out + sizeof(header), payload, size);
	return sizeof(header) + size;
}

size_t message_reply_u64(const struct message *request, uint64_t value,
			 uint8_t *out, size_t room)
{
	return message_reply(request, &value, sizeof(value), out, room);
}

size_t message_fill_config(struct message *m, const void *config, size_t len)
{
	const size_t head = sizeof(struct vhost_user_config);
	uint8_t *data = m->payload.bytes + head;
	size_t room = m->size - head;
	size_t offset = m->payload.config.offset;

	if (!room && m->payload.config.size <= MESSAGE_PAYLOAD_MAX - head)
		room = m->payload.config.size;
	memset(data, 0, room);
	if (offset < len)
		memcpy(data, (const uint8_t *)config + offset,
		       room < len - offset ? room : len - offset);
	return head + room;
}
