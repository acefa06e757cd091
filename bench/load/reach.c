/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * connect(2) returns on AF_VSOCK when the guest has answered, and on a hybrid
 * socket when the daemon listens: there the OK line says what the guest said.
 */
#include "reach.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "frontend/host.h"
#include "vhost_kernel.h"

struct reach reach_guest(const char *device, const char *uds, unsigned cid)
{
	return (struct reach){
		.uds = vhost_kernel_at(device) ? NULL : uds,
		.cid = cid,
	};
}

static int vsock_socket(int type)
{
	int fd = socket(AF_VSOCK, type | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket(AF_VSOCK)");
	return fd;
}

int reach_listen(const struct reach *r, uint32_t port, int backlog,
		 bool messages)
{
	struct sockaddr_vm at = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port,
	};
	int fd;

	if (r->uds && messages)
		return host_listen_seqpacket(r->uds, port, backlog);
	if (r->uds)
		return host_listen(r->uds, port, backlog);
	fd = vsock_socket((messages ? SOCK_SEQPACKET : SOCK_STREAM) |
			  SOCK_NONBLOCK);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die("bind to vsock port %u: %s", port, strerror(errno));
	need(!listen(fd, backlog), "listen");
	return fd;
}

static int dial_vsock(unsigned cid, uint32_t port)
{
	struct sockaddr_vm to = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = port,
	};
	int fd = vsock_socket(SOCK_STREAM);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect to vsock %u:%u: %s", cid, port, strerror(errno));
	return fd;
}

/* Reads the "OK <port>" line byte by byte, as the message may follow at once.
 * */
static void await_line(int fd)
{
	char c = 0;

	while (c != '\n') {
		ssize_t n = recv(fd, &c, 1, 0);

		if (n <= 0)
			die("no OK line: %s",
			    n ? strerror(errno) : "end of file");
	}
}

static int dial_hybrid(const char *uds, uint32_t port)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);
	int fd = host_dial(uds);

	if (fd < 0)
		die("connect to %s: %s", uds, strerror(errno));
	need(send(fd, line, (size_t)n, MSG_NOSIGNAL) == n, "send");
	await_line(fd);
	return fd;
}

int reach_dial(const struct reach *r, uint32_t port)
{
	return r->uds ? dial_hybrid(r->uds, port) : dial_vsock(r->cid, port);
}
