/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * An AF_VSOCK socket can be made wherever the module is loaded, with a loopback
 * or without. Only vsock_loopback lets a socket bind to VMADDR_CID_LOCAL, as
 * Linux looks for a transport that has the CID: so that is what is tried.
 *
 * Without it the tests run over TCP, through a library that the daemon alone
 * preloads; this side opens TCP sockets itself. Each test is a process, and its
 * number makes the two middle bytes of its addresses, so that tests that run
 * side by side do not take each other's ports.
 */
#include "system/vsock_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "frontend/basics.h"
#include "system/system.h"

#define FLAGS (SOCK_STREAM | SOCK_CLOEXEC)

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_vm vm;
};

bool vsock_host_is_real(void)
{
	const struct sockaddr_vm local = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_LOCAL,
		.svm_port = VMADDR_PORT_ANY,
	};
	int fd = socket(AF_VSOCK, FLAGS, 0);
	bool real = fd >= 0 &&
		    !bind(fd, (const struct sockaddr *)&local, sizeof(local));

	if (fd >= 0)
		close(fd);
	return real;
}

/* The network of this process alone. */
static void net(char text[32])
{
	unsigned pid = (unsigned)getpid();

	snprintf(text, 32, "127.%u.%u", pid >> 8 & 255, pid & 255);
}

void vsock_host_prepare(void)
{
	char text[32];

	if (vsock_host_is_real())
		return;
	net(text);
	setenv("FAKE_VSOCK_NET", text, 1);
	preload_begin("FAKE_VSOCK", "tests/system/fake_vsock.so");
}

void vsock_host_done(void)
{
	preload_end();
}

static socklen_t fill(union address *a, uint32_t cid, uint32_t port)
{
	char text[64], prefix[32];

	memset(a, 0, sizeof(*a));
	if (vsock_host_is_real()) {
		a->vm.svm_family = AF_VSOCK;
		a->vm.svm_cid = cid;
		a->vm.svm_port = port;
		return sizeof(a->vm);
	}
	net(prefix);
	snprintf(text, sizeof(text), "%s.%u", prefix, cid);
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((uint16_t)port);
	need(inet_pton(AF_INET, text, &a->in.sin_addr) == 1, text);
	return sizeof(a->in);
}

int vsock_host_listen(uint32_t port, int backlog)
{
	union address a;
	socklen_t len = fill(&a, VSOCK_HOST_CID, port);
	int fd = socket(a.any.sa_family, FLAGS | SOCK_NONBLOCK, 0);
	int yes = 1;

	need(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	need(!bind(fd, &a.any, len), "bind");
	need(!listen(fd, backlog), "listen");
	return fd;
}

int vsock_host_dial(uint32_t port)
{
	union address a;
	socklen_t len = fill(&a, VSOCK_HOST_CID, port);
	int fd = socket(a.any.sa_family, FLAGS, 0);

	need(fd >= 0, "socket");
	if (!connect(fd, &a.any, len))
		return fd;
	close(fd);
	return -1;
}
