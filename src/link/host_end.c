/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "link/host_end.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "guest/guest.h"
#include "link/rights.h"
#include "ring/ring.h"
#include "turn/loop.h"
#include "vsock/conn.h"
#include "vsock/handshake.h"

/* SO_SNDBUF of host sockets: the most that needs no privilege by default;
 * the kernel doubles it. 7-25 % faster than its default. */
#define SNDBUF 212992

/* So many bytes of SO_SNDBUF are the kernel's own for each message. That is what
 * Linux does; unix(7) does not say so. */
#define SNDBUF_OVERHEAD 32

/* No more is read from a host program that is refused, so that it costs as much
 * as any other, however much it has written. */
#define REFUSED_READS 8
#define REFUSED_BYTES 2048

void host_end_init(struct host_end *host, int *fd)
{
	ring_watch_init(&host->watch);
	backlog_init(&host->backlog);
	messages_init(&host->ends);
	host->fd = fd_take(fd);
}

void host_end_widen(struct host_end *host)
{
	int size = SNDBUF;

	if (host->widened)
		return;
	host->widened = true;
	setsockopt(host->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int host_end_watch(struct host_end *host, struct loop *loop, ring_done *report)
{
	rights_set_up(loop->rights, host->fd);
	return ring_watch(loop->ring, &host->watch, host->fd, report);
}

/*
 * AF_VSOCK reports POLLHUP when both sides have ended. When a program is gone
 * it reports only that the program will send no more (POLLRDHUP). A send of no
 * bytes fails if the program will not receive any more either.
 */
static bool probe_gone(const struct host_end *host)
{
	return send(host->fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	       errno != EAGAIN;
}

bool host_end_note(struct host_end *host, int events)
{
	if (events & (POLLIN | POLLHUP | POLLRDHUP | POLLERR))
		host->readable = true;
	if (events & (POLLHUP | POLLRDHUP))
		host->half_closed = true;
	if (events & POLLHUP ||
	    (events & POLLRDHUP && host->forwarded && probe_gone(host)))
		host->hung_up = true;
	return events & (POLLOUT | POLLHUP | POLLERR);
}

/* AF_VSOCK answers since Linux 6.17. */
uint32_t host_end_holds(const struct host_end *host)
{
	int bytes;

	if (host->fd < 0)
		return 0;
	if (ioctl(host->fd, SIOCINQ, &bytes) < 0)
		return HOST_END_HOLDS_UNKNOWN;
	return bytes > 0 ? (uint32_t)bytes : 0;
}

/* The socket refuses a message that is longer than its send buffer, less what
 * the kernel takes of that for itself. */
uint32_t host_end_longest_message(struct host_end *host)
{
	socklen_t len = sizeof(int);
	int size;

	host_end_widen(host);
	if (getsockopt(host->fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0)
		return UINT32_MAX;
	return (uint32_t)size - SNDBUF_OVERHEAD;
}

/*
 * The answer is one send: it must come before any byte of the guest's, whole. A
 * host program that is gone already may still have sent something for the
 * guest.
 *
 * The CONNECT line, in which a look has found nothing but bytes, is taken off
 * the socket only now: AF_UNIX wakes the host program up when its bytes are
 * read, and the program should then find the answer.
 */
bool host_end_accept(struct host_end *host, uint32_t port)
{
	char line[HANDSHAKE_LINE_MAX], answer[HANDSHAKE_ANSWER_MAX];
	size_t len = handshake_answer(answer, port);
	ssize_t n = send(host->fd, answer, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	bool told = n == (ssize_t)len || (n < 0 && errno == EPIPE);

	host->unanswered = false;
	while (host->line) {
		n = recv(host->fd, line, host->line, MSG_DONTWAIT);
		if (n <= 0)
			return false;
		host->line -= (uint8_t)n;
	}
	return told;
}

void host_end_order(struct host_end *host, unsigned orders, bool flushed)
{
	if (orders & CONN_END_READS && host->fd >= 0 &&
	    !(orders & CONN_HANG_UP && flushed))
		shutdown(host->fd, SHUT_RD);
	if (orders & CONN_END_WRITES)
		host->end_writes = true;
	if (orders & CONN_HANG_UP)
		host->hang_up = true;
}

void host_end_end_writes(struct host_end *host)
{
	host->end_writes = false;
	shutdown(host->fd, SHUT_WR);
}

uint32_t host_end_drop_backlog(struct host_end *host)
{
	uint32_t len = backlog_len(&host->backlog);

	backlog_free(&host->backlog);
	messages_free(&host->ends);
	return len;
}

void host_end_drop_held(struct host_end *host)
{
	free(host->held.bytes);
	host->held.bytes = NULL;
}

void host_end_leave(struct host_end *host, struct loop *loop)
{
	ring_unwatch(loop->ring, &host->watch);
	host_end_drop_backlog(host);
	host_end_drop_held(host);
	host->readable = false;
}

/*
 * The program gets no connection. Reads what it has written: its line, which is
 * wrong, too long or refused, and what stands behind the line. Where bytes are
 * left unread, as those beyond the bound are, AF_UNIX reports ECONNRESET to the
 * program instead of the end of file.
 */
static void drop_refused(const struct host_end *host,
			 const struct rights *rights)
{
	char bytes[REFUSED_BYTES];
	unsigned i;

	for (i = 0; i < REFUSED_READS; i++)
		if (rights_recv(rights, host->fd, bytes, sizeof(bytes), 0) <= 0)
			return;
}

/*
 * close(2) alone would leave the host program waiting while the ring still
 * holds the file for a poll that is being cancelled. AF_UNIX reports POLLHUP
 * when both directions have been shut down, and then nobody waits.
 */
void host_end_close(struct host_end *host, struct guest *guest)
{
	struct loop *loop = guest->loop;

	if (host->fd < 0)
		return;
	if (!host->hung_up || host->forwarded)
		shutdown(host->fd, SHUT_RDWR);
	/* The program cannot send any more: this is the last of it. */
	if (host->unanswered && !host->forwarded)
		drop_refused(host, loop->rights);
	host_end_leave(host, loop);
	rights_close(loop->rights, guest, &host->fd);
	loop_count_chores(loop, 1);
}
