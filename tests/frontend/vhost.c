/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A stream has no message boundaries: the daemon must put messages together
 * from any pieces, and take descriptors with any of these. So a test may cut
 * them as it likes. All waiting is bounded, as a front end that gets no answer
 * shows a fault of the daemon and not of the test.
 */
#include "frontend/vhost.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX 64

void vhost_dial(struct vhost *v, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	uint64_t until = clock_ms() + HANG_MS;

	*v = (struct vhost){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
					  0) };
	need(v->fd >= 0, "socket");
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	while (connect(v->fd, (struct sockaddr *)&to, sizeof(to))) {
		if (clock_ms() > until)
			die("connect to %s: %s", path, strerror(errno));
		poll(NULL, 0, 1);
	}
}

void vhost_hang_up(struct vhost *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

static void wait_for(struct vhost *v, short events, const char *what)
{
	struct pollfd p = { .fd = v->fd, .events = events };

	if (poll(&p, 1, HANG_MS) != 1)
		die("vhost-user: nothing happens, %s", what);
}

static bool send_piece(struct vhost *v, const uint8_t *bytes, size_t n,
		       const int *fds, unsigned nfds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = { (void *)bytes, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * nfds);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len =
			(socklen_t)CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nfds);
	}
	wait_for(v, POLLOUT, "the back end does not read");
	return sendmsg(v->fd, &msg, MSG_NOSIGNAL) == (ssize_t)n;
}

bool vhost_send(struct vhost *v, uint32_t code, uint32_t flags,
		const void *payload, uint32_t size, const int *fds,
		unsigned nfds)
{
	uint8_t bytes[sizeof(struct vu_header) + 4096];
	struct vu_header header = { code, flags | VU_VERSION, size };
	size_t total = sizeof(header) + size;
	size_t chunk = v->chunk ? v->chunk : total;
	size_t piece = 0;

	memcpy(bytes, &header, sizeof(header));
	if (size)
		memcpy(bytes + sizeof(header), payload, size);
	for (size_t at = 0; at < total; at += chunk, piece++) {
		bool with = piece == v->fd_chunk ||
			    (at + chunk >= total && piece < v->fd_chunk);

		if (!send_piece(v, bytes + at, min_size(chunk, total - at), fds,
				with ? nfds : 0))
			return false;
	}
	return true;
}

static bool receive_exactly(struct vhost *v, void *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r;

		wait_for(v, POLLIN, "a reply is missing");
		r = recv(v->fd, (char *)to + got, n - got, 0);
		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

bool vhost_receive(struct vhost *v, struct vhost_message *out)
{
	if (!receive_exactly(v, &out->header, sizeof(out->header)))
		return false;
	if (out->header.size > sizeof(out->payload))
		die("vhost-user: reply of %u bytes", out->header.size);
	return receive_exactly(v, &out->payload, out->header.size);
}

bool vhost_silent(struct vhost *v)
{
	struct pollfd p = { .fd = v->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

void vhost_await_hang_up(struct vhost *v)
{
	char byte;
	ssize_t r;

	wait_for(v, POLLIN, "the back end should hang up");
	r = recv(v->fd, &byte, 1, 0);
	if (r > 0)
		die("vhost-user: an answer where a hang-up is due");
}

/* The reply to CODE; anything else ends the program. */
static void receive_reply(struct vhost *v, uint32_t code,
			  struct vhost_message *reply)
{
	if (!vhost_receive(v, reply))
		die("vhost-user: hung up instead of answering %u", code);
	if (reply->header.code != code ||
	    reply->header.flags != (VU_VERSION | VU_REPLY))
		die("vhost-user: answer %u flags %#x to request %u",
		    reply->header.code, reply->header.flags, code);
}

static void expect_size(const struct vhost_message *reply, size_t size)
{
	if (reply->header.size != size)
		die("vhost-user: answer to %u has %u bytes, not %zu",
		    reply->header.code, reply->header.size, size);
}

uint64_t vhost_tell(struct vhost *v, uint32_t code, const void *payload,
		    uint32_t size, const int *fds, unsigned nfds)
{
	struct vhost_message reply;

	if (!vhost_send(v, code, v->reply_ack ? VU_NEED_REPLY : 0, payload,
			size, fds, nfds))
		die("vhost-user: hung up before request %u", code);
	if (!v->reply_ack)
		return 0;
	receive_reply(v, code, &reply);
	expect_size(&reply, sizeof(uint64_t));
	return reply.payload.u64;
}

uint64_t vhost_tell_u64(struct vhost *v, uint32_t code, uint64_t value)
{
	return vhost_tell(v, code, &value, sizeof(value), NULL, 0);
}

uint64_t vhost_tell_fd(struct vhost *v, uint32_t code, unsigned index, int fd)
{
	uint64_t value = index | (fd < 0 ? VU_NO_FD : 0);

	return vhost_tell(v, code, &value, sizeof(value), &fd, fd < 0 ? 0 : 1);
}

uint64_t vhost_tell_state(struct vhost *v, uint32_t code, unsigned index,
			  uint32_t num)
{
	struct vu_state state = { index, num };

	return vhost_tell(v, code, &state, sizeof(state), NULL, 0);
}

static void ask(struct vhost *v, uint32_t code, const void *payload,
		uint32_t size, struct vhost_message *reply)
{
	if (!vhost_send(v, code, 0, payload, size, NULL, 0))
		die("vhost-user: hung up before request %u", code);
	receive_reply(v, code, reply);
}

uint64_t vhost_ask_u64(struct vhost *v, uint32_t code)
{
	struct vhost_message reply;

	ask(v, code, NULL, 0, &reply);
	expect_size(&reply, sizeof(uint64_t));
	return reply.payload.u64;
}

uint32_t vhost_ask_base(struct vhost *v, unsigned index)
{
	struct vu_state state = { index, 0 };
	struct vhost_message reply;

	ask(v, VU_GET_VRING_BASE, &state, sizeof(state), &reply);
	expect_size(&reply, sizeof(state));
	if (reply.payload.state.index != index)
		die("vhost-user: base of ring %u, not of %u",
		    reply.payload.state.index, index);
	return reply.payload.state.num;
}

uint32_t vhost_ask_config(struct vhost *v, uint32_t offset, uint32_t size,
			  struct vu_config *out)
{
	struct vu_config request = { .offset = offset, .size = size };
	struct vhost_message reply;

	ask(v, VU_GET_CONFIG, &request, 12 + size, &reply);
	memset(out, 0, sizeof(*out));
	memcpy(out, &reply.payload.config,
	       min_size(reply.header.size, sizeof(*out)));
	return reply.header.size;
}
