/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What recvmsg(2) says of a SEQPACKET socket is ambiguous in three ways, which
 * are sorted out here. It cuts a message for which the buffer is too short, so
 * its length is asked for before (MSG_PEEK with MSG_TRUNC). It returns 0 for an
 * empty message and at the end. And it may return an error before messages that
 * are still there.
 */
#include "host/incoming.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/iov.h"
#include "link/host_end.h"
#include "link/rights.h"

/* Room for the credentials of a message's sender, and for nothing else. */
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct ucred))

/* That a host program is gone is said once, as an error of the next call,
 * before the messages that are still there. */
static ssize_t receive(struct host_end *host, struct msghdr *msg, int flags)
{
	ssize_t n = recvmsg(host->fd, msg, flags | MSG_DONTWAIT);

	if (n < 0 && errno == ECONNRESET) {
		host->hung_up = true;
		n = recvmsg(host->fd, msg, flags | MSG_DONTWAIT);
	}
	return n;
}

/* Of an empty message and of the end, for both of which recvmsg(2) returns 0:
 * only a message has a sender, whom SO_PASSCRED makes known. */
static bool find_sender(struct host_end *host)
{
	char control[CONTROL_SIZE];
	struct msghdr msg = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int on = 1, off = 0;
	ssize_t n;

	if (setsockopt(host->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return false;
	n = receive(host, &msg, MSG_PEEK);
	/* With it on, our sends would give the socket a name. */
	setsockopt(host->fd, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));
	return n == 0 && msg.msg_controllen;
}

int incoming_size(struct host_end *host)
{
	struct msghdr msg = { .msg_iov = NULL };
	ssize_t n = receive(host, &msg, MSG_PEEK | MSG_TRUNC);

	if (n < 0)
		n = -errno;
	else if (rights_seen(&msg)) /* older kernels let them through */
		n = -EPERM;
	else if (n == 0 && !find_sender(host))
		n = -ENODATA;
	if (n < 0)
		host->readable = false;
	return (int)n;
}

int incoming_read(struct host_end *host, struct iovec *iov, unsigned count,
		  uint32_t len)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = iov_limit(count) };
	ssize_t n = receive(host, &msg, 0);

	if (n < 0)
		return -errno;
	return n == (ssize_t)len && !(msg.msg_flags & MSG_TRUNC) ? 0 : -EPROTO;
}

int incoming_hold(struct host_end *host, uint32_t len)
{
	struct held_message *held = &host->held;
	struct iovec iov = { .iov_len = len };
	int err;

	held->bytes = malloc(len);
	if (!held->bytes)
		return -ENOMEM;
	held->len = len;
	held->sent = 0;
	iov.iov_base = held->bytes;
	err = incoming_read(host, &iov, 1, len);
	if (err)
		host_end_drop_held(host);
	return err;
}
