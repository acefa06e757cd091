/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "incoming.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "link.h"

/* Room for the credentials of a message's sender, and for nothing else: for
 * descriptors that come along there is none, and the kernel drops them. */
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct ucred))

/* 0 is what recv(2) says both of an empty message and of the end. But only a
 * message has a sender, and who asks is told of it. */
static bool has_sender(int fd)
{
	char control[CONTROL_SIZE];
	struct msghdr msg = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int on = 1, off = 0;
	ssize_t n;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return false;
	n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);
	/* As in incoming_size(). */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);
	/* Or our sends would give the socket a name. */
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));
	return n == 0 && msg.msg_controllen;
}

static int peek(struct link *link)
{
	ssize_t n =
		recv(link->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n == 0 && !has_sender(link->fd))
		return -ENODATA;
	return (int)n;
}

int incoming_size(struct link *link)
{
	int n = peek(link);

	/* Said once, before the messages that are still there. */
	if (n == -ECONNRESET) {
		link->hung_up = true;
		n = peek(link);
	}
	if (n < 0)
		link->readable = false;
	return n;
}

int incoming_read(struct link *link, struct iovec *iov, unsigned count,
		  uint32_t len)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };
	ssize_t n = recvmsg(link->fd, &msg, MSG_DONTWAIT);

	/* As in incoming_size(), if the host program left just now. */
	if (n < 0 && errno == ECONNRESET) {
		link->hung_up = true;
		n = recvmsg(link->fd, &msg, MSG_DONTWAIT);
	}
	if (n < 0)
		return -errno;
	return n == (ssize_t)len && !(msg.msg_flags & MSG_TRUNC) ? 0 : -EPROTO;
}

int incoming_hold(struct link *link, uint32_t len)
{
	struct link_held *held = &link->held;
	struct iovec iov = { .iov_len = len };
	int err;

	held->bytes = malloc(len);
	if (!held->bytes)
		return -ENOMEM;
	held->len = len;
	held->sent = 0;
	iov.iov_base = held->bytes;
	err = incoming_read(link, &iov, 1, len);
	if (err)
		link_drop_held(link);
	return err;
}
