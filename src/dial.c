/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/fd.h"
#include "config.h"
#include "guest.h"
#include "link.h"
#include "loop.h"
#include "vsock/packet.h"

/* 0, -ENOENT where no port has one, or -ENAMETOOLONG where PORT's does not fit. */
static int port_address(const struct guest *guest, uint32_t port,
			struct sockaddr_un *addr)
{
	int n;

	if (!guest->config->uds_path)
		return -ENOENT;
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s_%u",
		     guest->config->uds_path, port);
	return n < (int)sizeof(addr->sun_path) ? 0 : -ENAMETOOLONG;
}

/* For connections of TYPE. The last descriptors are left to hypervisors. */
static int open_socket(const struct loop *loop, uint16_t type)
{
	int kind = type == PACKET_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;
	int fd = socket(AF_UNIX, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (fd <= loop->descriptor_max)
		return fd;
	fd_close(&fd);
	return -EMFILE;
}

/* Connects FD: 0, -EAGAIN when the backlog is full, or another -errno. */
static int try_connect(int fd, const struct sockaddr_un *addr)
{
	int ret;

	do {
		ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* Somebody not listening is everyday business; anything else wants a look. */
static void log_refusal(struct guest *guest, uint32_t port, int err)
{
	bool absent = err == -ENOENT || err == -ECONNREFUSED;

	guest_log_limited(guest, limit_guest,
			  absent ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
			  "guest's connection to port %u refused: %s_%u: %s",
			  port,
			  guest->config->uds_path ? guest->config->uds_path
						  : "no uds-path",
			  port, strerror(-err));
}

/* Links of one guest whose dialing waits: beyond, it is refused at once. */
#define WAITING_MAX 1024

/* Dials that are tried again every LOOP_DIALING_MS, of all guests together: a
 * guest that floods a full backlog costs the others no more than that. */
#define REDIALS 64

/* The socket is connected: tell the guest, or end it all. */
static void connected(struct link *link)
{
	int err;

	link_stop_waiting(link);
	err = link_watch(link);
	if (err) {
		log_refusal(link->guest, link->conn.local_port, err);
		link_carry_out(link, conn_abort(&link->conn));
		return;
	}
	link_carry_out(link, conn_host_connected(&link->conn));
}

static void wait_for_backlog(struct link *link)
{
	link_wait(link);
	link_refresh(link);
}

/* FD, connected or waiting for the backlog by ERR, becomes a link's. */
static int join(struct guest *guest, const struct packet *request, int *fd,
		int err)
{
	struct link *link = link_new_from_guest(guest, request, fd);
	int joined;

	if (!link)
		return -ENOMEM;
	joined = link_join(link);
	if (joined < 0) {
		link_kill(link);
		return joined;
	}
	if (err)
		wait_for_backlog(link);
	else
		connected(link);
	return 0;
}

static bool may_wait(const struct guest *guest)
{
	return guest->waiting < WAITING_MAX;
}

void dial(struct guest *guest, const struct packet *request)
{
	struct sockaddr_un addr;
	int fd = -1;
	int err = port_address(guest, request->dst_port, &addr);

	if (!err)
		err = fd = open_socket(guest->loop, request->type);
	if (fd >= 0) {
		err = try_connect(fd, &addr);
		if (!err || (err == -EAGAIN && may_wait(guest)))
			err = join(guest, request, &fd, err);
		fd_close(&fd);
	}
	if (err < 0) {
		log_refusal(guest, request->dst_port, err);
		resets_add(&guest->resets, request);
	}
}

static void redial(struct link *link)
{
	struct sockaddr_un addr;
	int err = port_address(link->guest, link->conn.local_port, &addr);

	if (!err)
		err = try_connect(link->fd, &addr);
	if (err == -EAGAIN) {
		wait_for_backlog(link);
	} else if (err) {
		log_refusal(link->guest, link->conn.local_port, err);
		link_carry_out(link, conn_abort(&link->conn));
	} else {
		connected(link);
	}
}

void dial_again(struct loop *loop, uint64_t now_ms)
{
	unsigned redials = REDIALS;
	struct timer *timer;

	if (now_ms < loop->redial_ms)
		return;
	while (redials-- && (timer = timer_take_due(&loop->dialing, now_ms)))
		redial(container_of(timer, struct link, timer));
	loop->redial_ms = now_ms + LOOP_DIALING_MS;
}

uint64_t dial_next(const struct loop *loop)
{
	uint64_t next = timer_next(&loop->dialing);

	return next < loop->redial_ms ? loop->redial_ms : next;
}
