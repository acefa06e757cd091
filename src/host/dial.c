/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * connect(2) on a Unix socket does not take time: it succeeds, is refused or,
 * if the socket does not block, finds the backlog full (EAGAIN). No event tells
 * when the backlog has room again, so connect(2) is tried again until the
 * connection's own deadline. AF_VSOCK answers later (EINPROGRESS), and then the
 * socket becomes writable.
 *
 * A link is made when the guest has something to wait for or to talk to. A
 * REQUEST that is refused at once leaves nothing behind but the RST that is
 * owed to it.
 */
#include "host/dial.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "guest/guest.h"
#include "host/host_address.h"
#include "link/link.h"
#include "link/rights.h"
#include "ring/ring.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "vsock/packet.h"

/* Links of one guest that may wait for a backlog: beyond, a connection that
 * finds a full backlog is refused at once. Fewer where descriptors are few. */
#define WAITING_MAX 1024

/* After LOOP_CHORES_OF_A_KIND dials that were tried again, of all guests
 * together, nobody is dialed again for so long: a guest that floods a full
 * backlog costs the others no more than that. */
#define REDIALS_MS 2

/* A socket for connections of TYPE. -EMFILE: the VM has its share of
 * descriptors. */
static int open_socket(struct guest *guest, int family, uint16_t type)
{
	int kind = type == PACKET_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;
	int fd;

	if (!rights_take_descriptor(guest))
		return -EMFILE;
	fd = socket(family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		if (family == AF_UNIX)
			fd_refuse_rights(fd);
		return fd;
	}
	fd = -errno;
	descriptors_give(guest->loop->descriptors, &guest->fds.held);
	return fd;
}

/* Connects FD. 0, -EAGAIN when the backlog is full, -EINPROGRESS when AF_VSOCK
 * will answer later, or another -errno. */
static int try_connect(int fd, const struct host_address *addr)
{
	int ret;

	do {
		ret = connect(fd, &addr->any, addr->len);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* Nobody listens there: AF_VSOCK resets where AF_UNIX refuses. */
static bool nobody_listens(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -ECONNRESET;
}

/* That nobody listens is everyday business; anything else wants a look. */
static void log_refusal(struct guest *guest, uint32_t port,
			const struct host_address *addr, int err)
{
	char where[HOST_ADDRESS_TEXT_MAX];

	host_address_text(addr, where);
	guest_log_limited(guest, guest,
			  nobody_listens(err) ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
			  "guest's connection to port %u refused: %s: %s", port,
			  where, descriptors_error(err));
}

static void give_up(struct link *link, const struct host_address *addr, int err)
{
	log_refusal(link->guest, link->conn.local_port, addr, err);
	link_carry_out(link, conn_abort(&link->conn));
}

/* The host socket is connected: tells the guest, or ends it all. */
static void connected(struct link *link, const struct host_address *addr)
{
	int err;

	link_stop_waiting(link);
	err = link_watch(link);
	if (err)
		give_up(link, addr, err);
	else
		link_carry_out(link, conn_host_connected(&link->conn));
}

static void wait_for_backlog(struct link *link)
{
	link_wait_for_backlog(link);
	link_refresh(link);
}

/* *FD, whose connect(2) came to ERR (0, -EAGAIN or -EINPROGRESS), becomes a
 * link's. 0, or -errno where no link could be made. */
static int join(struct guest *guest, const struct packet *request, int *fd,
		const struct host_address *addr, int err)
{
	struct link *link = link_new_from_guest(guest, request, fd);
	int joined;

	if (!link)
		return -ENOMEM;
	link->host.forwarded = addr->any.sa_family == AF_VSOCK;
	joined = link_join(link);
	if (joined < 0) {
		link_kill(link);
		return joined;
	}
	if (!err) {
		connected(link, addr);
	} else if (err == -EAGAIN) {
		wait_for_backlog(link);
	} else {
		err = link_watch_connect(link);
		if (err)
			give_up(link, addr, err);
		else
			link_refresh(link);
	}
	return 0;
}

/* A link may wait for a backlog, beside those that do already. */
static bool may_wait(const struct guest *guest)
{
	return guest->dialing.waiting <
	       descriptors_for_waiting(guest->loop->descriptors, WAITING_MAX);
}

/* 0: the request has its answer, or waits for it. -errno: nobody can be reached
 * at ADDR. */
static int dial_address(struct guest *guest, const struct packet *request,
			const struct host_address *addr)
{
	int fd = open_socket(guest, addr->any.sa_family, request->type);
	int err;

	loop_count_chores(guest->loop, 1);
	if (fd < 0)
		return fd;
	err = try_connect(fd, addr);
	if (!err || err == -EINPROGRESS || (err == -EAGAIN && may_wait(guest)))
		err = join(guest, request, &fd, addr, err);
	if (fd >= 0)
		rights_close(guest->loop->rights, guest, &fd);
	return err;
}

void dial(struct guest *guest, const struct packet *request)
{
	uint32_t forward_cid = guest->config->forward_cid;
	struct host_address addr = { .len = 0 };
	int err = -ENOENT;

	/* For CID 2 our own sockets come first; a request to any other CID that
	 * comes here is AF_VSOCK's, where that is asked at all. */
	if (request->dst_cid == PACKET_HOST_CID || !forward_cid) {
		err = host_address_unix(guest->config, request->dst_port,
					&addr);
		if (!err)
			err = dial_address(guest, request, &addr);
	}
	if (nobody_listens(err) && forward_cid &&
	    request->type == PACKET_STREAM) {
		host_address_vsock(forward_cid, request->dst_port, &addr);
		err = dial_address(guest, request, &addr);
	}
	if (err) {
		log_refusal(guest, request->dst_port, &addr, err);
		resets_add(&guest->resets, request);
	}
}

/* A connect(2) that was under way has come to an end. */
static void conclude(struct link *link)
{
	struct host_address addr;
	int err = fd_socket_error(link->host.fd);

	/* AF_VSOCK wakes io_uring's polls up before the socket is writable. */
	if (!err && !link->host.hung_up && !fd_has_peer(link->host.fd)) {
		ring_watch_writable(link->guest->loop->ring, &link->host.watch);
		return;
	}
	link->host.connecting = false;
	if (!err) {
		link_carry_out(link, conn_host_connected(&link->conn));
		return;
	}
	host_address_vsock(link->guest->config->forward_cid,
			   link->conn.local_port, &addr);
	give_up(link, &addr, err);
}

enum step dial_conclude(struct guest *guest)
{
	struct link *link;
	unsigned enough = guest->loop->chores + LOOP_CHORES_OF_A_KIND;

	while (!list_empty(&guest->dialing.dialed) &&
	       guest->loop->chores < enough) {
		loop_count_chores(guest->loop, 1);
		link = list_first(&guest->dialing.dialed, struct link,
				  host_node);
		list_remove(&link->host_node);
		conclude(link);
	}
	return step_left(!list_empty(&guest->dialing.dialed));
}

static void redial(struct link *link)
{
	struct host_address addr;
	int err = host_address_unix(link->guest->config, link->conn.local_port,
				    &addr);

	if (!err)
		err = try_connect(link->host.fd, &addr);
	if (err == -EAGAIN)
		wait_for_backlog(link);
	else if (err)
		give_up(link, &addr, err);
	else
		connected(link, &addr);
}

void dial_again(struct loop *loop, uint64_t now_ms)
{
	unsigned redials = LOOP_CHORES_OF_A_KIND;
	struct timer *timer;

	if (now_ms < loop->dialing.redial_ms)
		return;
	while (redials &&
	       (timer = timer_take_due(&loop->dialing.timers, now_ms))) {
		redials--;
		loop_count_chores(loop, 1);
		redial(container_of(timer, struct link, timer));
	}
	if (!redials)
		loop->dialing.redial_ms = now_ms + REDIALS_MS;
}

uint64_t dial_next(const struct loop *loop)
{
	uint64_t next = timer_next(&loop->dialing.timers);

	return next < loop->dialing.redial_ms ? loop->dialing.redial_ms : next;
}
