/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A link's host socket (link.h): what it reports, and what is asked of it. It
 * ends when every byte for the host program is in it, whatever became of the
 * connection.
 */
#include "link/link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/fd.h"
#include "guest/guest.h"
#include "link/rights.h"
#include "ring/ring.h"
#include "turn/loop.h"
#include "vsock/handshake.h"

/*
 * AF_VSOCK says POLLHUP when both sides have ended, and of a program that is
 * gone no more than that it sends nothing. That it receives nothing either
 * shows when nothing is sent to it.
 */
static bool is_gone(const struct link *link, int events)
{
	if (events & POLLHUP)
		return true;
	return link->forwarded && (events & POLLRDHUP) &&
	       send(link->fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	       errno != EAGAIN;
}

/* The list on which EVENTS puts the link for its host socket, or NULL. */
static struct list *list_for(const struct link *link, int events)
{
	bool writable = events & (POLLOUT | POLLHUP | POLLERR);

	if (link->phase == LINK_GREETING)
		return &link->guest->greeters.knocking;
	if (link->connecting && writable)
		return &link->guest->dialing.dialed;
	if (writable && link_unsent(link))
		return &link->guest->flushing;
	return NULL;
}

/* Facts only, as ring.h asks: this may come in the middle of a batch, and is
 * not said again. */
static void on_event(struct ring_watch *watch, int events)
{
	struct link *link = container_of(watch, struct link, watch);
	struct list *list = list_for(link, events);

	if (events & (POLLIN | POLLHUP | POLLRDHUP | POLLERR))
		link->readable = true;
	if (events & (POLLHUP | POLLRDHUP))
		link->half_closed = true;
	if (is_gone(link, events))
		link->hung_up = true;
	if (list) {
		list_remove(&link->host_node);
		list_append(list, &link->host_node);
	}
	guest_wake(link->guest);
	link_refresh(link);
}

/* AF_VSOCK answers since Linux 6.17. */
uint32_t link_holds(const struct link *link)
{
	int bytes;

	if (link->fd < 0)
		return 0;
	if (ioctl(link->fd, SIOCINQ, &bytes) < 0)
		return LINK_HOLDS_UNKNOWN;
	return bytes > 0 ? (uint32_t)bytes : 0;
}

int link_watch(struct link *link)
{
	int size = LINK_SNDBUF;

	setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rights_set_up(link->guest->loop->rights, link->fd);
	return ring_watch(link->guest->loop->ring, &link->watch, link->fd,
			  on_event);
}

int link_await(struct link *link)
{
	int err;

	link->connecting = true;
	err = link_watch(link);
	if (!err)
		ring_watch_writable(link->guest->loop->ring, &link->watch);
	return err;
}

void link_wait(struct link *link)
{
	timer_arm(&link->guest->loop->dialing.timers, &link->timer, clock_ms());
	if (!link->waiting)
		link->guest->dialing.waiting++;
	link->waiting = true;
}

void link_stop_waiting(struct link *link)
{
	timer_disarm(&link->timer);
	if (link->waiting)
		link->guest->dialing.waiting--;
	link->waiting = false;
}

static void drop_backlog(struct link *link)
{
	backlog_free(&link->backlog);
	messages_free(&link->ends);
}

void link_drop_held(struct link *link)
{
	free(link->held.bytes);
	link->held.bytes = NULL;
}

/*
 * Takes the CONNECT line off the socket, in which the look has seen bytes alone.
 * As late as can be: AF_UNIX wakes the host program up
 * when its bytes are read, and it would find that there is no answer yet.
 */
static void take_line(struct link *link)
{
	char line[HANDSHAKE_LINE_MAX];
	ssize_t n;

	while (link->line) {
		n = recv(link->fd, line, link->line, MSG_DONTWAIT);
		if (n <= 0)
			return;
		link->line -= (uint8_t)n;
	}
}

void link_leave_socket(struct link *link)
{
	ring_unwatch(link->guest->loop->ring, &link->watch);
	link_stop_waiting(link);
	list_remove(&link->host_node);
	drop_backlog(link);
	link_drop_held(link);
	link->readable = false;
}

/* What is read at most of a host program that is refused, so that it costs no
 * more than another one however much it has written. */
#define REFUSED_READS 8
#define REFUSED_BYTES 2048

/*
 * Takes off what a program has written that gets no connection: its line, which
 * is wrong, too long or refused, and what stands behind it. AF_UNIX makes an
 * ECONNRESET of the end of file where bytes are left unread, as they are beyond
 * the bound.
 */
static void drop_refused(const struct link *link)
{
	const struct rights *rights = link->guest->loop->rights;
	char bytes[REFUSED_BYTES];
	unsigned i;

	for (i = 0; i < REFUSED_READS; i++)
		if (rights_recv(rights, link->fd, bytes, sizeof(bytes), 0) <= 0)
			return;
}

/*
 * close(2) alone would leave the host program waiting while the ring still
 * holds the file for a poll that is being cancelled.
 */
void link_close_socket(struct link *link)
{
	struct loop *loop = link->guest->loop;

	if (link->fd < 0)
		return;
	shutdown(link->fd, SHUT_RDWR);
	/* The program cannot send after shutdown(2): this is the last of it. */
	if (link->unanswered && !link->forwarded)
		drop_refused(link);
	link_leave_socket(link);
	rights_close(loop->rights, link->guest, &link->fd);
	loop_count_chores(loop, 1);
}

static bool flushed(const struct link *link)
{
	return link->staged == LINK_NOT_STAGED && !link_unsent(link);
}

/* A message that the guest did not end, and won't, is nobody's. */
static void drop_unended(struct link *link)
{
	uint32_t len = backlog_len(&link->backlog);

	if (!len || !(link->hang_up || link->end_writes))
		return;
	drop_backlog(link);
	conn_delivered(&link->conn, len);
}

void link_drained(struct link *link)
{
	if (!flushed(link) || link->fd < 0)
		return;
	drop_unended(link);
	if (link->hang_up) {
		if (!link_part_later(link))
			link_close_socket(link);
	} else if (link->end_writes) {
		link->end_writes = false;
		shutdown(link->fd, SHUT_WR);
	}
}

/*
 * One send: the line must come before any byte of the guest's, whole. A host
 * program that is gone already may still have sent something for the guest.
 */
static unsigned answer_ok(struct link *link)
{
	char line[HANDSHAKE_ANSWER_MAX];
	size_t len = handshake_answer(line, link->conn.local_port);
	ssize_t n = send(link->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	bool good = n == (ssize_t)len || (n < 0 && errno == EPIPE);

	link->unanswered = false;
	take_line(link);
	return good && !link->line ? 0 : conn_abort(&link->conn);
}

void link_order_socket(struct link *link, unsigned orders)
{
	if (orders & CONN_ESTABLISH && !link->forwarded)
		orders |= answer_ok(link);
	if (orders & CONN_END_READS && link->fd >= 0 &&
	    !(orders & CONN_HANG_UP && flushed(link)))
		shutdown(link->fd, SHUT_RD);
	if (orders & CONN_END_WRITES)
		link->end_writes = true;
	if (orders & CONN_HANG_UP)
		link->hang_up = true;
	if (link->end_writes || link->hang_up)
		link_drained(link);
}

void link_deaf(struct link *link)
{
	uint32_t lost = credit_held(&link->conn.credit);
	unsigned orders;

	drop_backlog(link);
	orders = conn_host_deaf(&link->conn);
	if (lost)
		orders |= conn_delivered(&link->conn, lost);
	link_carry_out(link, orders);
}

void link_cut_off(struct link *link)
{
	guest_log_limited(link->guest, host, LOG_LEVEL_INFO,
			  "guest port %u, host port %u: reset, as the host "
			  "program sent file descriptors",
			  link->conn.peer_port, link->conn.local_port);
	link_carry_out(link, conn_abort(&link->conn));
}

/* A hang-up with nobody to read for: nothing else would notice it. */
void link_notice_hang_up(struct link *link)
{
	unsigned orders;

	if (!link->hung_up || link->conn.state != CONN_OPEN ||
	    !(link->conn.guest_shut & PACKET_NO_RECEIVE))
		return;
	link->readable = false;
	orders = conn_host_ended(&link->conn, true);
	link->hang_up |= !!(orders & CONN_HANG_UP);
}
