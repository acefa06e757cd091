/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Who comes is made a link at once, by the ring's report; lines are read in the
 * turn (listener_serve()). All that greet one guest are on one list in the
 * order in which they came, whichever listener took them, so that the first is
 * the one that has been silent for longest: it goes when they are too many.
 *
 * A line is taken when the guest has agreed (link_socket.c). Until then its
 * bytes stay in the socket, where the connection will find what follows them.
 */
#include "listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "config.h"
#include "guest.h"
#include "link.h"
#include "loop.h"
#include "ring/ring.h"
#include "vsock/handshake.h"

struct listener {
	struct guest *guest;
	struct ring_watch watch;
	struct accept_pause pause;
	int fd;
	enum packet_type type;
	bool forwards; /* on AF_VSOCK: programs say nothing and get PORT */
	uint32_t port;
};

/* NULL: it was closed. */
static struct link *greet(struct guest *guest, int fd, enum packet_type type)
{
	struct link *link = link_new_greeting(guest, fd, type);

	if (!link)
		return NULL;
	guest->greetings++;
	list_append(&guest->greeting, &link->node);
	timer_arm(&guest->loop->greeting, &link->timer, clock_ms());
	if (link_watch(link) < 0) {
		link_kill(link);
		return NULL;
	}
	if (guest->greetings > LISTENER_SILENT_MAX)
		link_kill(list_first(&guest->greeting, struct link, node));
	return link;
}

static void pause_accepting(struct listener *listener, int err)
{
	struct guest *guest = listener->guest;
	const char *uds_path = guest->config->uds_path;

	guest_log_limited(guest, limit_host, LOG_LEVEL_WARN,
			  "%s: accepting pauses: %s",
			  listener->forwards ? "AF_VSOCK" : uds_path,
			  strerror(-err));
	timer_arm(&guest->loop->resuming, &listener->pause.timer, clock_ms());
}

/* By connecting it has said which port it wants: it need not be waited for. */
static void ask_for(struct link *link, uint32_t port)
{
	link->forwarded = true;
	link->conn.peer_port = port;
	list_append(&link->guest->knocking, &link->host_node);
	guest_wake(link->guest);
}

static void on_accept(struct ring_watch *watch, int fd)
{
	struct listener *listener = container_of(watch, struct listener, watch);
	struct link *link;

	if (fd < 0) {
		pause_accepting(listener, fd);
		return;
	}
	link = greet(listener->guest, fd, listener->type);
	if (link && listener->forwards)
		ask_for(link, listener->port);
}

static void try_again(struct accept_pause *p)
{
	struct listener *listener = container_of(p, struct listener, pause);
	int err;

	timer_disarm(&p->timer);
	err = ring_accept(listener->guest->loop->ring, &listener->watch,
			  listener->fd, on_accept);
	if (err)
		pause_accepting(listener, err);
}

/* A copy of WHAT that accepts. NULL and errno on failure. */
static struct listener *begin(const struct listener *what)
{
	struct listener *listener = malloc(sizeof(*listener));
	int err;

	if (!listener)
		return NULL;
	*listener = *what;
	timer_init(&listener->pause.timer);
	listener->pause.over = try_again;
	ring_watch_init(&listener->watch);
	err = ring_accept(listener->guest->loop->ring, &listener->watch,
			  listener->fd, on_accept);
	if (!err)
		return listener;
	errno = -err;
	free(listener);
	return NULL;
}

struct listener *listener_new(struct guest *guest, int fd,
			      enum packet_type type)
{
	const struct listener what = {
		.guest = guest,
		.fd = fd,
		.type = type,
	};

	return begin(&what);
}

struct listener *listener_new_forwarding(struct guest *guest, int fd,
					 uint32_t port)
{
	const struct listener what = {
		.guest = guest,
		.fd = fd,
		.type = PACKET_STREAM,
		.forwards = true,
		.port = port,
	};

	return begin(&what);
}

void listener_stop(struct listener *listener)
{
	struct guest *guest = listener->guest;

	ring_unwatch(guest->loop->ring, &listener->watch);
	timer_disarm(&listener->pause.timer);
	while (!list_empty(&guest->greeting))
		link_kill(list_first(&guest->greeting, struct link, node));
}

bool listener_busy(const struct listener *listener)
{
	return ring_watch_busy(&listener->watch);
}

void listener_free(struct listener *listener)
{
	free(listener);
}

/* The connection that the host program asks for. 0, or -errno to close it. */
static int connect_guest(struct link *link, uint32_t port)
{
	struct guest *guest = link->guest;
	uint32_t host_port;
	int err;

	if (!config_allows_host(guest->config, port))
		return -EACCES;
	if (!guest_running(guest))
		return -ENOTCONN;
	if (link_keeps_messages(link) && !guest_has_seqpacket(guest))
		return -EPROTONOSUPPORT;
	host_port = table_new_port(&guest->conns, port);
	if (!host_port)
		return -EADDRNOTAVAIL;
	conn_init_from_host(&link->conn, link->conn.type, host_port, port,
			    link_grant(link));
	err = link_join(link);
	if (err)
		return err;
	list_remove(&link->node);
	list_remove(&link->host_node);
	timer_disarm(&link->timer);
	guest->greetings--;
	link_refresh(link);
	return 0;
}

/* Looks at what is in FD behind SKIP bytes. */
static ssize_t peek(int fd, size_t skip, char *to, size_t len)
{
	static const int none = -1;
	int offset = (int)skip;
	ssize_t n;

	if (skip)
		setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset,
			   sizeof(offset));
	n = recv(fd, to, len, MSG_PEEK | MSG_DONTWAIT);
	if (skip)
		setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof(none));
	return n;
}

/*
 * A read ends behind a message that carries descriptors, whatever follows it,
 * and the next event may never come: looks on until the line is whole or there
 * is nothing more. Bytes, 0 at the end, or -1 and errno.
 */
static ssize_t peek_line(int fd, char *line)
{
	size_t got = 0;
	ssize_t n;

	do {
		n = peek(fd, got, line + got, HANDSHAKE_LINE_MAX - got);
		if (n <= 0)
			return got ? (ssize_t)got : n;
		got += (size_t)n;
	} while (got < HANDSHAKE_LINE_MAX && !memchr(line, '\n', got));
	return (ssize_t)got;
}

/* 0: joined, or more of the line is awaited. -EPROTO: not a CONNECT line. */
static int read_line(struct link *link)
{
	char line[HANDSHAKE_LINE_MAX];
	uint32_t port;
	ssize_t n;
	int len;

	n = peek_line(link->fd, line);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		return -ECONNRESET;
	len = handshake_parse(line, (size_t)n, &port);
	if (len < 0)
		return len;
	if (!len)
		return n < HANDSHAKE_LINE_MAX && !link->half_closed ? 0
								    : -EPROTO;
	link->line = (uint8_t)len;
	return connect_guest(link, port);
}

/* As read_line(), of the first message: it must be the line, and no more. */
static int read_message(struct link *link)
{
	char line[HANDSHAKE_LINE_MAX];
	uint32_t port;
	ssize_t n =
		recv(link->fd, line, sizeof(line), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		return -ECONNRESET;
	if (n > HANDSHAKE_LINE_MAX ||
	    handshake_parse_message(line, (size_t)n, &port) < 0)
		return -EPROTO;
	return connect_guest(link, port);
}

static const char *describe_refusal(int err)
{
	if (err == -EPROTO)
		return "its first line is not \"CONNECT <port>\"";
	if (err == -ECONNRESET)
		return "it left without asking for a port";
	if (err == -ENOTCONN)
		return "no guest is running";
	if (err == -EPROTONOSUPPORT)
		return "the guest does not know SOCK_SEQPACKET";
	if (err == -EACCES)
		return "it asked for a port that is not among allow-host";
	return strerror(-err);
}

static void log_refusal(const struct link *link, int err)
{
	struct guest *guest = link->guest;
	enum log_level level = err == -ECONNRESET ? LOG_LEVEL_DEBUG
						  : LOG_LEVEL_INFO;

	if (link->forwarded)
		guest_log_limited(guest, limit_host, level,
				  "AF_VSOCK port %u: a host program's "
				  "connection refused: %s",
				  link->conn.peer_port, describe_refusal(err));
	else
		guest_log_limited(guest, limit_host, level,
				  "%s%s: a host program's connection refused: "
				  "%s",
				  guest->config->uds_path,
				  link_keeps_messages(link) ? "_seqpacket" : "",
				  describe_refusal(err));
}

/* 0: joined, or what it wants is still awaited. */
static int answer(struct link *link)
{
	if (link->forwarded)
		return connect_guest(link, link->conn.peer_port);
	return link_keeps_messages(link) ? read_message(link) : read_line(link);
}

void listener_serve(struct guest *guest)
{
	struct link *link;
	int err;

	while (!list_empty(&guest->knocking)) {
		link = list_first(&guest->knocking, struct link, host_node);
		list_remove(&link->host_node);
		err = answer(link);
		if (!err)
			continue;
		log_refusal(link, err);
		link_kill(link);
	}
}

void listener_expire(struct loop *loop, uint64_t now_ms)
{
	struct timer *timer;

	while ((timer = timer_take_due(&loop->greeting, now_ms)))
		link_kill(container_of(timer, struct link, timer));
}
