/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ring only reports that a program waits in a socket's backlog. In the turn
 * some CONNECT lines are read, then some programs are accepted and become
 * links, as long as the VM may have another descriptor: a program for which
 * there is none waits in the backlog until one is closed.
 *
 * Most programs come alone, and an accept(2) that finds nobody costs nearly as
 * much as one that finds somebody. So a report is good for a burst of programs
 * only, and after it the ring is asked whether there are more, which it finds out
 * in a call that it makes anyway. Each burst may be twice as long as the one
 * before, until nobody is left. The next one is as long as that one was. If only
 * one program had come, the next few bursts are one program each.
 *
 * The links that greet one guest are on one list in the order in which they
 * came, whichever listener took them. So the first is the one that has been
 * silent for longest, and it goes when they are too many. No program is
 * accepted while a line waits to be read, so that no link counts as silent that
 * has said something.
 *
 * A line is taken off the socket when the guest has agreed (host_end_accept()).
 * Until then its bytes stay there, where the connection will find what follows
 * them.
 */
#include "host/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
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

/* After a program that came alone, so many reports are good for one each. */
#define ALONE 8

struct listener {
	struct guest *guest;
	struct ring_watch watch;
	struct list node; /* on the guest's calling: somebody may wait */
	struct loop_pause pause;
	int fd;
	unsigned burst; /* programs to accept after a report */
	unsigned left;	/* of these, still to be accepted */
	unsigned alone; /* reports that are good for one program */
	enum packet_type type;
	bool forwards; /* on AF_VSOCK: programs say nothing and get PORT */
	uint32_t port;
};

/* FD becomes a link's, if there is memory for one. The link is heard at once:
 * the program may have spoken already, and of AF_VSOCK the port says all. */
static void greet(const struct listener *listener, int *fd)
{
	struct guest *guest = listener->guest;
	struct link *link = link_new_greeting(guest, fd, listener->type);
	unsigned most = descriptors_for_waiting(guest->loop->descriptors,
						LISTENER_SILENT_MAX);

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
	if (guest->greeters.count > most)
		link_kill(
			list_first(&guest->greeters.silent, struct link, node));
}

/* Somebody may wait in LISTENER's backlog. */
static void call(struct listener *listener)
{
	if (!list_empty(&listener->node) || timer_armed(&listener->pause.timer))
		return;
	listener->left = listener->burst;
	list_append(&listener->guest->greeters.calling, &listener->node);
	guest_wake(listener->guest);
}

static void on_report(struct ring_watch *watch, int events)
{
	(void)events;
	call(container_of(watch, struct listener, watch));
}

static void try_again(struct loop_pause *p)
{
	timer_disarm(&p->timer);
	call(container_of(p, struct listener, pause));
}

/* A burst is over: ERR is 0 if all of it was accepted, or -EAGAIN if nobody waits
 * any more. Decides how long the next one is, and asks the ring for the report that
 * begins it. 0 or -errno. */
static int ask(struct listener *listener, int err)
{
	struct loop *loop = listener->guest->loop;
	unsigned came = listener->burst - listener->left;

	if (err && came <= 1)
		listener->alone = ALONE;
	else if (listener->alone)
		listener->alone--;
	if (listener->alone)
		listener->burst = 1;
	else
		listener->burst = err ? came
				      : min_u32(2 * listener->burst,
						LOOP_CHORES_OF_A_KIND);
	if (!ring_watch_started(&listener->watch))
		return ring_watch_level(loop->ring, &listener->watch,
					listener->fd, on_report);
	ring_watch_again(loop->ring, &listener->watch);
	return 0;
}

static void pause_accepting(struct listener *listener, int err)
{
	struct guest *guest = listener->guest;
	const char *uds_path = guest->config->uds_path;

	ring_unwatch(guest->loop->ring, &listener->watch);
	guest_log_limited(guest, host, LOG_LEVEL_WARN,
			  "%s: accepting pauses: %s",
			  listener->forwards ? "AF_VSOCK" : uds_path,
			  descriptors_error(err));
	timer_arm(&guest->loop->pauses.timers, &listener->pause.timer,
		  clock_ms());
}

/* Accepts one program. 0, or -errno: -EAGAIN when nobody waits any more. */
static int accept_one(const struct listener *listener)
{
	struct guest *guest = listener->guest;
	int fd, err;

	if (!rights_take_descriptor(guest))
		return -EMFILE;
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		descriptors_give(guest->loop->descriptors, &guest->fds.held);
		return err == -EINTR || err == -ECONNABORTED ? 0 : err;
	}
	greet(listener, &fd);
	if (fd >= 0)
		rights_close(guest->loop->rights, guest, &fd);
	return 0;
}

/* Accepts from all listeners on which somebody may wait, in turn. */
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
		if (!err && --listener->left) {
			list_append(&guest->greeters.calling, &listener->node);
			continue;
		}
		if (!err || err == -EAGAIN)
			err = ask(listener, err);
		if (err)
			pause_accepting(listener, err);
	}
}

/* A listener like WHAT, which accepts. NULL and errno on failure. */
static struct listener *start(const struct listener *what)
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
		err = ask(listener, -EAGAIN);
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

	return start(&what);
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

	return start(&what);
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

/* Makes the connection to the guest's PORT that the host program asks for. 0,
 * or -errno where it is refused. */
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

/* Looks at what is in the host socket behind SKIP bytes; as rights_peek(). */
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
 * Looks at the CONNECT line. One look ends where urgent data (MSG_OOB) stands,
 * whatever follows it, and the next report may never come: so this looks on
 * until the line is whole or there is nothing more. Bytes, 0 at the end, or -1
 * and errno.
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

/* A stream's line. 0: joined, or more of the line is awaited. -EPROTO: it is
 * not a CONNECT line. */
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
		return n == HANDSHAKE_LINE_MAX || link->host.half_closed
			       ? -EPROTO
			       : 0;
	link->host.line = (uint8_t)len;
	return connect_guest(link, port);
}

/* Where messages are kept apart: the first must be the line, and no more. 0 and
 * -errno as read_line(). */
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

/* Looks at the lines of programs that knock, by MOST chores. Returns how many of
 * these are left. */
static unsigned read_some(struct guest *guest, unsigned most)
{
	unsigned enough = guest->loop->chores + most;
	struct link *link;
	int err;

	while (!list_empty(&guest->greeters.knocking) &&
	       guest->loop->chores < enough) {
		loop_count_chores(guest->loop, 1);
		link = list_first(&guest->greeters.knocking, struct link,
				  host_node);
		list_remove(&link->host_node);
		if (link->host.forwarded)
			err = connect_guest(link, link->conn.peer_port);
		else if (link_keeps_messages(link))
			err = read_message(link);
		else
			err = read_line(link);
		if (!err)
			continue;
		log_refusal(link, err);
		link_kill(link);
	}
	return enough - min_u32(enough, guest->loop->chores);
}

enum step listener_serve(struct guest *guest)
{
	unsigned reads;

	if (guest->ending.session)
		return STEP_DONE;
	reads = read_some(guest, LOOP_CHORES_OF_A_KIND);
	if (list_empty(&guest->greeters.knocking)) {
		accept_some(guest);
		/* Most programs have sent their line by now. */
		read_some(guest, reads);
	}
	return step_left(!list_empty(&guest->greeters.knocking) ||
			 !list_empty(&guest->greeters.calling));
}

void listener_expire(struct loop *loop, uint64_t now_ms)
{
	unsigned enough = loop->chores + LOOP_CHORES_OF_A_KIND;
	struct timer *timer;

	while (loop->chores < enough &&
	       (timer = timer_take_due(&loop->greeting, now_ms)))
		link_kill(container_of(timer, struct link, timer));
}
