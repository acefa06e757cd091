/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A host program here is a source and a sink with a socket. Each send has
 * write_size bytes, also where the pattern's block ends within them: with
 * SEQPACKET each send is a message, so that one in two parts would be two
 * messages.
 */
#include "frontend/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PIECE_MAX (512u * 1024u)
#define SNDBUF_MAX 212992 /* net.core.wmem_max; the kernel doubles it */

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t length = strlen(path);

	need(length < sizeof(a.sun_path), "a shorter path");
	memcpy(a.sun_path, path, length);
	return a;
}

static int new_socket(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket");
	return fd;
}

static int dial(const char *path, int type)
{
	struct sockaddr_un to = address(path);
	int fd = new_socket(type);

	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -1;
}

int host_dial(const char *path)
{
	return dial(path, SOCK_STREAM);
}

int host_dial_seqpacket(const char *path)
{
	return dial(path, SOCK_SEQPACKET);
}

static int listen_at(const char *uds, uint32_t port, int backlog, int type)
{
	int fd = new_socket(type | SOCK_NONBLOCK);
	struct sockaddr_un at;
	char path[128];

	snprintf(path, sizeof(path), "%s_%u", uds, port);
	at = address(path);
	need(!bind(fd, (struct sockaddr *)&at, sizeof(at)), path);
	need(!listen(fd, backlog), "listen");
	return fd;
}

unsigned host_fill_backlog(const char *uds, uint32_t port, int clients[],
			   unsigned max)
{
	struct sockaddr_un to;
	char path[128];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s_%u", uds, port);
	to = address(path);
	while (n < max) {
		int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);

		if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
			close(fd);
			return n;
		}
		clients[n++] = fd;
	}
	die("the backlog is endless");
}

int host_listen(const char *uds, uint32_t port, int backlog)
{
	return listen_at(uds, port, backlog, SOCK_STREAM);
}

int host_listen_seqpacket(const char *uds, uint32_t port, int backlog)
{
	return listen_at(uds, port, backlog, SOCK_SEQPACKET);
}

void host_unlisten(const char *uds, uint32_t port, int fd)
{
	char path[128];

	snprintf(path, sizeof(path), "%s_%u", uds, port);
	unlink(path);
	close(fd);
}

static uint32_t interest(const struct host_conn *c)
{
	uint32_t events = 0;

	if (!c->paused && !c->eof && !c->error)
		events |= EPOLLIN;
	if ((source_left(&c->out) || (c->shut_after && !c->shut)) && !c->error)
		events |= EPOLLOUT;
	return events;
}

static void rearm(struct host_conn *c)
{
	if (c->watch.fd >= 0 && !c->gone)
		world_rewatch(c->world, &c->watch, interest(c));
}

/* Takes the bytes of the OK line; returns how many of N belong to it. */
static size_t take_line(struct host_conn *c, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	size_t take = end ? (size_t)(end - bytes) + 1 : n;

	if (c->line_length + take >= sizeof(c->line))
		die("no OK line: %.32s", c->line);
	memcpy(c->line + c->line_length, bytes, take);
	c->line_length += take;
	c->wants_line = !end;
	return take;
}

static void receive(struct host_conn *c)
{
	static _Thread_local char bytes[PIECE_MAX];
	size_t size = c->seqpacket ? sizeof(bytes) : c->read_size;
	ssize_t n = recv(c->watch.fd, bytes, size, MSG_DONTWAIT);
	size_t line = 0;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		c->error = errno;
	if (n == 0)
		c->eof = true;
	if (n <= 0)
		return;
	if (c->wants_line)
		line = take_line(c, bytes, (size_t)n);
	else if (c->seqpacket)
		lengths_add(&c->messages, (uint32_t)n);
	sink_take(&c->in, bytes + line, (size_t)n - line);
}

/* One send(2) of write_size bytes, or of those that are left. */
static ssize_t send_some(struct host_conn *c)
{
	struct source at = c->out;
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t size;

	iov[0].iov_base =
		(void *)(uintptr_t)source_peek(&at, c->write_size, &size);
	iov[0].iov_len = size;
	source_advance(&at, size);
	iov[1].iov_base = (void *)(uintptr_t)source_peek(
		&at, c->write_size - size, &size);
	iov[1].iov_len = size;
	return sendmsg(c->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void transmit(struct host_conn *c)
{
	ssize_t n;

	if (source_left(&c->out)) {
		n = send_some(c);
		if (n < 0 && errno != EAGAIN)
			c->error = errno;
		if (n > 0)
			source_advance(&c->out, (size_t)n);
	}
	if (c->shut_after && !c->shut && !source_left(&c->out)) {
		shutdown(c->watch.fd, SHUT_WR);
		c->shut = true;
	}
}

static void on_ready(struct watch *watch, uint32_t events)
{
	struct host_conn *c = container_of(watch, struct host_conn, watch);

	if (events & EPOLLOUT)
		transmit(c);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !c->paused && !c->eof)
		receive(c);
	if ((c->eof || c->error) && events & (EPOLLHUP | EPOLLERR)) {
		/* nothing more can happen, and HUP would be reported for ever
		 * */
		world_unwatch(c->world, &c->watch);
		c->gone = true;
		return;
	}
	rearm(c);
}

void host_adopt(struct host_conn *c, struct world *w, int fd)
{
	*c = (struct host_conn){
		.world = w,
		.write_size = 65536,
		.read_size = 65536,
		.watch = { fd, EPOLLIN, on_ready },
	};
	world_watch(w, &c->watch);
}

bool host_accept(struct host_conn *c, struct world *w, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return false;
	host_adopt(c, w, fd);
	return true;
}

/* A message must fit into the send buffer: this is the largest one that needs
 * no privilege. */
static void keep_messages(struct host_conn *c)
{
	int size = SNDBUF_MAX;

	c->seqpacket = true;
	need(!setsockopt(c->watch.fd, SOL_SOCKET, SO_SNDBUF, &size,
			 sizeof(size)),
	     "SO_SNDBUF");
}

bool host_accept_seqpacket(struct host_conn *c, struct world *w, int listener)
{
	bool accepted = host_accept(c, w, listener);

	if (accepted)
		keep_messages(c);
	return accepted;
}

void host_connect_seqpacket(struct host_conn *c, struct world *w,
			    const char *uds, uint32_t port)
{
	char line[32], path[128];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);
	int fd;

	snprintf(path, sizeof(path), "%s_seqpacket", uds);
	fd = host_dial_seqpacket(path);
	need(fd >= 0, path);
	need(send(fd, line, (size_t)n, MSG_NOSIGNAL) == n, "send");
	host_adopt(c, w, fd);
	c->wants_line = true;
	keep_messages(c);
}

void host_connect(struct host_conn *c, struct world *w, const char *uds,
		  uint32_t port)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);
	int fd = host_dial(uds);

	need(fd >= 0, uds);
	need(send(fd, line, (size_t)n, MSG_NOSIGNAL) == n, "send");
	host_adopt(c, w, fd);
	c->wants_line = true;
}

bool host_ready(const struct host_conn *c)
{
	return !c->wants_line && host_port(c);
}

uint32_t host_port(const struct host_conn *c)
{
	unsigned port = 0;
	char text[32];

	sscanf(c->line, "OK %u\n", &port);
	snprintf(text, sizeof(text), "OK %u\n", port);
	if (strcmp(text, c->line) != 0 || port < 1024 || port > 65535)
		die("not an OK line: %s", c->line);
	return port;
}

void host_send(struct host_conn *c, uint32_t seed, uint64_t length)
{
	source_more(&c->out, seed, length);
	rearm(c);
}

void host_write(struct host_conn *c, const char *text)
{
	source_literal(&c->out, text, strlen(text));
	rearm(c);
}

void host_shutdown(struct host_conn *c)
{
	c->shut_after = true;
	rearm(c);
}

void host_pause(struct host_conn *c, bool paused)
{
	c->paused = paused;
	rearm(c);
}

void host_close(struct host_conn *c)
{
	if (c->watch.fd < 0)
		return;
	if (!c->gone)
		world_unwatch(c->world, &c->watch);
	close(c->watch.fd);
	c->watch.fd = -1;
	lengths_free(&c->messages);
}

bool host_sent(const struct host_conn *c)
{
	return !source_left(&c->out) && (!c->shut_after || c->shut);
}

bool host_over(const struct host_conn *c)
{
	return c->eof || c->error;
}

int host_pass_descriptors(int fd, const void *bytes, size_t len, int flags,
			  const int *passed, unsigned n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(HOST_PASSED_MAX * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t sent;

	need(c && n <= HOST_PASSED_MAX, "descriptors");
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), passed, n * sizeof(int));
	sent = sendmsg(fd, &msg, MSG_NOSIGNAL | flags);
	need(sent < 0 || (size_t)sent == len, "sendmsg");
	return sent < 0 ? errno : 0;
}

bool host_pass_descriptor(int fd, const char *text, int passed)
{
	int err = host_pass_descriptors(fd, text, strlen(text), 0, &passed, 1);

	need(!err || err == EPERM, "sendmsg");
	return !err;
}
