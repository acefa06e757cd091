/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What recvmsg(2) says of a SEQPACKET socket is ambiguous in three ways, which
 * are sorted out here. A buffer that is too short cuts the message, so that its
 * length is asked for before (MSG_PEEK with MSG_TRUNC). 0 is an empty message
 * or the end. And an error may come before messages that are still there.
 */
#include "host/incoming.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "link/link.h"
#include "link/rights.h"

/* Room for the credentials of a message's sender, and for nothing else. */
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct ucred))

/* That a host program is gone is said once, as an error of whatever call comes
 * first, before the messages that are still there. */
static ssize_t receive(struct link *link, struct msghdr *msg, int flags)
{
	ssize_t n = recvmsg(link->fd, msg, flags | MSG_DONTWAIT);

	if (n < 0 && errno == ECONNRESET) {
		link->hung_up = true;
		n = recvmsg(link->fd, msg, flags | MSG_DONTWAIT);
	}
	return n;
}

/* 0 is what recvmsg(2) says both of an empty message and of the end. But only a
 * message has a sender, and who asks is told of it. */
static bool has_sender(struct link *link)
{
	char control[CONTROL_SIZE];
	struct msghdr msg = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int on = 1, off = 0;
	ssize_t n;

	if (setsockopt(link->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return false;
	n = receive(link, &msg, MSG_PEEK);
	/* Or our sends would give the socket a name. */
	setsockopt(link->fd, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));
	return n == 0 && msg.msg_controllen;
}

static int peek(struct link *link)
{
	struct msghdr msg = { .msg_iov = NULL };
	ssize_t n = receive(link, &msg, MSG_PEEK | MSG_TRUNC);

	if (n < 0)
		return -errno;
	/* Only where the kernel lets them through: see rights.h. */
	if (rights_seen(&msg))
		return -EPERM;
	if (n == 0 && !has_sender(link))
		return -ENODATA;
	return (int)n;
}

int incoming_size(struct link *link)
{
	int n = peek(link);

	if (n < 0)
		link->readable = false;
	return n;
}

int incoming_read(struct link *link, struct iovec *iov, unsigned count,
		  uint32_t len)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };
	ssize_t n = receive(link, &msg, 0);

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
