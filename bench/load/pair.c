/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "pair.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/basics.h"

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket");
	return fd;
}

/* With a listener of its own, on a port that the kernel chooses. */
static void make_tcp(int fds[2])
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *addr = (struct sockaddr *)&at;
	socklen_t len = sizeof(at);
	int listener = new_socket();

	need(!bind(listener, addr, len) && !listen(listener, 1) &&
		     !getsockname(listener, addr, &len),
	     "a TCP listener");
	fds[0] = new_socket();
	need(!connect(fds[0], addr, len), "connect");
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	need(fds[1] >= 0, "accept");
	close(listener);
}

void pair_make(enum pair_type type, int fds[2])
{
	int kind = type == PAIR_MESSAGES ? SOCK_SEQPACKET : SOCK_STREAM;

	if (type == PAIR_TCP)
		make_tcp(fds);
	else
		need(!socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, fds),
		     "socketpair");
}
