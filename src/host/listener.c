/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ring only reports that somebody waits in a socket's backlog. In the turn
 * some lines are read, then some programs accepted and made links, as long as
 * the VM may have a descriptor more: who finds none waits in the backlog, until
 * one is closed.
 *
 * All that greet one guest are on one list in the order in which they came,
 * whichever listener took them, so that the first is the one that has been
 * silent for longest: it goes when they are too many. Nobody is accepted while
 * a line waits to be read, so that who has said something is not silent.
 *
 * A line is taken when the guest has agreed (host_end_accept()). Until then its
 * bytes stay in the socket, where the connection will find what follows them.
 */
#include "host/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/fd.h"
#include "base/socket_path.h"
#include "config/config.h"
#include "guest/guest.h"
#include "link/link.h"
#include "link/rights.h"
#include "ring/ring.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "vsock/handshake.h"

struct listener {
	struct guest *guest;
	struct ring_watch watch;
	struct list node; /* of the guest's calling: the backlog may hold some */
	struct loop_pause pause;
	int fd;
	enum packet_type type;
	bool forwards; /* on AF_VSOCK: programs say nothing and get PORT */
	uint32_t port;
};

/* The oldest goes where too many wait in silence. */
static void limit_silent(struct guest *guest)
{
	unsigned most = descriptors_for_waiting(guest->loop->descriptors,
						LISTENER_SILENT_MAX);

	if (guest->greeters.count > most)
		link_kill(
			list_first(&guest->greeters.silent, struct link, node));
}

/* It is heard at once: it may have spoken already, and of AF_VSOCK the port
 * says all. *FD becomes the link's, if there is memory for one. */
static void greet(const struct listener *listener, int *fd)
{
	struct guest *guest = listener->guest;
	struct link *link = link_new_greeting(guest, fd, listener->type);

	if (!link)
		return;
	guest->greeters.count++;
	list_append(&guest->greeters.silent, &link->node);
	timer_arm(&guest->loop->greeting, &link->timer, clock_ms());
	if (link_watch(link) < 0) {
		link_kill(link);
		return;
	}
	if (listener->forwards) {
		link->host.forwarded = true;
		link->conn.peer_port = listener->port;
	}
	list_append(&guest->greeters.knocking, &link->host_node);
	limit_silent(guest);
}

static void call(struct listener *listener)
{
	if (!list_empty(&listener->node) || timer_armed(&listener->pause.timer))
		return;
	list_append(&listener->guest->greeters.calling, &listener->node);
	guest_wake(listener->guest);
}

static void called(struct ring_watch *watch, int events)
{
	(void)events;
	call(container_of(watch, struct listener, watch));
}

static void try_again(struct loop_pause *p)
{
	timer_disarm(&p->timer);
	call(container_of(p, struct listener, pause));
}

static void pause_accepting(struct listener *listener, int err)
{
	struct guest *guest = listener->guest;
	const char *uds_path = guest->config->uds_path;

	guest_log_limited(guest, host, LOG_LEVEL_WARN,
			  "%s: accepting pauses: %s",
			  listener->forwards ? "AF_VSOCK" : uds_path,
			  descriptors_error(err));
	timer_arm(&guest->loop->pauses.timers, &listener->pause.timer,
		  clock_ms());
}

/* 0, or -errno: -EAGAIN when nobody waits any more. */
static int accept_one(const struct listener *listener)
{
	struct guest *guest = listener->guest;
	struct descriptors *descriptors = guest->loop->descriptors;
	int err = 0;
	int fd;

	if (!descriptors_take(descriptors, &guest->fds.held))
		return -EMFILE;
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		descriptors_give(descriptors, &guest->fds.held);
	} else {
		greet(listener, &fd);
	}
	if (fd >= 0)
		rights_close(guest->loop->rights, guest, &fd);
	return err == -EINTR || err == -ECONNABORTED ? 0 : err;
}

/* From all that are called, in turn. */
static void accept_some(struct guest *guest)
{
	unsigned enough = guest->loop->chores + LOOP_CHORES_OF_A_KIND;
	struct listener *listener;
	int err;

	while (!list_empty(&guest->greeters.calling) &&
	       guest->loop->chores < enough) {
		loop_count_chores(guest->loop, 1);
		listener = list_first(&guest->greeters.calling, struct listener,
				      node);
		list_remove(&listener->node);
		err = accept_one(listener);
		if (!err)
			list_append(&guest->greeters.calling, &listener->node);
		else if (err != -EAGAIN)
			pause_accepting(listener, err);
	}
}

/* A copy of WHAT that accepts. NULL and errno on failure. */
static struct listener *begin(const struct listener *what)
{
	struct listener *listener = malloc(sizeof(*listener));
	int err;

	if (!listener)
		return NULL;
	*listener = *what;
	list_init(&listener->node);
	timer_init(&listener->pause.timer);
	listener->pause.over = try_again;
	ring_watch_init(&listener->watch);
	err = fd_nonblock(listener->fd);
	if (!err)
		err = ring_watch(listener->guest->loop->ring, &listener->watch,
				 listener->fd, called);
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
	list_remove(&listener->node);
	while (!list_empty(&guest->greeters.silent))
		link_kill(
			list_first(&guest->greeters.silent, struct link, node));
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
	guest->greeters.count--;
	link_refresh(link);
	return 0;
}

/* Looks at what is in the host socket behind SKIP bytes. */
static ssize_t peek(const struct link *link, size_t skip, char *to, size_t len)
{
	static const int none = -1;
	int offset = (int)skip;
	int fd = link->host.fd;
	ssize_t n;

	if (skip)
		setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset,
			   sizeof(offset));
	n = rights_peek(link->guest->loop->rights, fd, to, len, 0);
	if (skip)
		setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof(none));
	return n;
}

/*
 * A look ends where urgent data (MSG_OOB) stands, whatever follows it, and the
 * next event may never come: looks on until the line is whole or there is
 * nothing more. Bytes, 0 at the end, or -1 and errno.
 */
static ssize_t peek_line(const struct link *link, char *line)
{
	size_t got = 0;
	ssize_t n;

	do {
		n = peek(link, got, line + got, HANDSHAKE_LINE_MAX - got);
		if (n < 0 && errno == EPERM)
			return n;
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

	n = peek_line(link, line);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		return -ECONNRESET;
	len = handshake_parse(line, (size_t)n, &port);
	if (len < 0)
		return len;
	if (!len)
		return n < HANDSHAKE_LINE_MAX && !link->host.half_closed
			       ? 0
			       : -EPROTO;
	link->host.line = (uint8_t)len;
	return connect_guest(link, port);
}

/* As read_line(), of the first message: it must be the line, and no more. */
static int read_message(struct link *link)
{
	char line[HANDSHAKE_LINE_MAX];
	uint32_t port;
	ssize_t n = rights_recv(link->guest->loop->rights, link->host.fd, line,
				sizeof(line), MSG_TRUNC);

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
	if (err == -EPERM)
		return "it sent file descriptors";
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

	if (link->host.forwarded)
		guest_log_limited(guest, host, level,
				  "AF_VSOCK port %u: a host program's "
				  "connection refused: %s",
				  link->conn.peer_port, describe_refusal(err));
	else
		guest_log_limited(
			guest, host, level,
			"%s%s: a host program's connection refused: "
			"%s",
			guest->config->uds_path,
			link_keeps_messages(link) ? SOCKET_PATH_SEQPACKET : "",
			describe_refusal(err));
}

/* 0: joined, or what it wants is still awaited. */
static int answer(struct link *link)
{
	if (link->host.forwarded)
		return connect_guest(link, link->conn.peer_port);
	return link_keeps_messages(link) ? read_message(link) : read_line(link);
}

static void read_some(struct guest *guest)
{
	unsigned enough = guest->loop->chores + LOOP_CHORES_OF_A_KIND;
	struct link *link;
	int err;

	while (!list_empty(&guest->greeters.knocking) &&
	       guest->loop->chores < enough) {
		loop_count_chores(guest->loop, 1);
		link = list_first(&guest->greeters.knocking, struct link,
				  host_node);
		list_remove(&link->host_node);
		err = answer(link);
		if (!err)
			continue;
		log_refusal(link, err);
		link_kill(link);
	}
}

bool listener_serve(struct guest *guest)
{
	if (guest->ending.session)
		return false;
	read_some(guest);
	if (list_empty(&guest->greeters.knocking))
		accept_some(guest);
	return !list_empty(&guest->greeters.knocking) ||
	       !list_empty(&guest->greeters.calling);
}

void listener_expire(struct loop *loop, uint64_t now_ms)
{
	unsigned enough = loop->chores + LOOP_CHORES_OF_A_KIND;
	struct timer *timer;

	while (loop->chores < enough &&
	       (timer = timer_take_due(&loop->greeting, now_ms)))
		link_kill(container_of(timer, struct link, timer));
}
