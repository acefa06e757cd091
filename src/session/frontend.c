/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * No more is read than completes the current header or payload. Descriptors
 * arrive with the bytes that they were sent with, and so are known to belong to
 * that message. There is room for as many surplus descriptors as the VM may have
 * for a moment; the kernel closes the rest. Replies are sent without waiting. A
 * front end that does not read them is dismissed, since other VMs would wait
 * with it.
 */
#include "session/frontend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/closer.h"
#include "base/fd.h"
#include "guest/guest.h"
#include "ring/ring.h"
#include "turn/descriptors.h"
#include "turn/loop.h"

/* The kernel passes no more descriptors at once. It closes those for which there
 * is no room within recvmsg(2), which may take long. */
#define SCM_FDS_MAX 253

static void something_came(struct ring_watch *watch, int what)
{
	struct frontend *fe = container_of(watch, struct frontend, watch);

	(void)what;
	fe->readable = true;
	guest_wake(fe->guest);
}

struct frontend *frontend_new(struct guest *guest, int fd)
{
	struct frontend *fe = calloc(1, sizeof(*fe));
	int ret;

	if (!fe) {
		fd_close(&fd);
		return NULL;
	}
	fe->guest = guest;
	fe->fd = fd;
	fe->readable = true; /* something may have come before the watch */
	list_init(&fe->node);
	reader_init(&fe->reader);
	ring_watch_init(&fe->watch);
	ret = ring_watch(guest->loop->ring, &fe->watch, fd, something_came);
	if (ret < 0) {
		fd_close(&fe->fd);
		free(fe);
		errno = -ret;
		return NULL;
	}
	return fe;
}

static void take_fds(struct frontend *fe, const int *fds, unsigned n)
{
	unsigned taken = reader_add_fds(&fe->reader, fds, n);

	closer_close(fe->guest->closer, fds + taken, n - taken);
}

unsigned frontend_choking_fds(const struct guest *guest)
{
	return VHOST_USER_FDS_MAX +
	       descriptors_surplus(guest->loop->descriptors);
}

bool frontend_choked(const struct guest *guest)
{
	return closer_pending(guest->closer) >= frontend_choking_fds(guest);
}

/* Descriptors that may still be received, only to be closed. */
static unsigned surplus_left(const struct guest *guest)
{
	unsigned surplus = descriptors_surplus(guest->loop->descriptors);

	return surplus - min_u32(surplus, closer_pending(guest->closer));
}

/* Reads the rest of the current header or payload. The number of bytes, or 0 at
 * the end of the stream. */
static ssize_t receive_part(struct frontend *fe)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(SCM_FDS_MAX * sizeof(int))];
	} control;
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	struct iovec iov = { bytes, reader_wants(&fe->reader) };
	unsigned room = VHOST_USER_FDS_MAX + surplus_left(fe->guest);
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = (socklen_t)CMSG_SPACE(
			min_u32(room, SCM_FDS_MAX) * sizeof(int)),
	};
	int fds[SCM_FDS_MAX];
	ssize_t n;

	do {
		n = recvmsg(fe->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n;
	take_fds(fe, fds, fd_take_rights(&msg, fds));
	reader_push(&fe->reader, bytes, (size_t)n);
	if (msg.msg_flags & MSG_CTRUNC)
		reader_lost_fds(&fe->reader);
	return n;
}

int frontend_receive(struct frontend *fe, struct message *out, const char **why)
{
	ssize_t n;
	int ret;

	while (!(ret = reader_next(&fe->reader, out, why))) {
		if (frontend_choked(fe->guest))
			return 0;
		n = receive_part(fe);
		if (n < 0 && errno == EAGAIN) {
			fe->readable = false;
			return 0;
		}
		if (n <= 0)
			return -ECONNRESET;
	}
	return ret;
}

bool frontend_holds_fds(const struct frontend *fe)
{
	return fe->reader.message.nfds;
}

int frontend_send(struct frontend *fe, const uint8_t *bytes, size_t n,
		  const char **why)
{
	ssize_t sent;

	do {
		sent = send(fe->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)n)
		return 0;
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
		return -ECONNRESET;
	*why = "replies are not read";
	return -EAGAIN;
}

void frontend_drop_fds(struct frontend *fe, struct message *m)
{
	int fds[VHOST_USER_FDS_MAX];
	unsigned n = message_take_fds(m, fds);

	if (n)
		closer_close(fe->guest->closer, fds, n);
}

pid_t frontend_pid(const struct frontend *fe)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fe->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return 0;
	return peer.pid;
}

/* Messages that were not read may hold descriptors, which the last close(2) of
 * the socket closes, too. That may take long, so the closer's has to be the last
 * one, and the ring must have let go of the socket before. */
void frontend_close(struct frontend *fe)
{
	int fds[VHOST_USER_FDS_MAX + 1];
	unsigned n = reader_end(&fe->reader, fds);

	list_remove(&fe->node);
	shutdown(fe->fd, SHUT_RDWR);
	ring_unwatch(fe->guest->loop->ring, &fe->watch);
	ring_let_go(fe->guest->loop->ring);
	fds[n++] = fd_take(&fe->fd);
	closer_close(fe->guest->closer, fds, n);
	fe->readable = false;
}

bool frontend_busy(const struct frontend *fe)
{
	return ring_watch_busy(&fe->watch);
}

void frontend_free(struct frontend *fe)
{
	free(fe);
}
