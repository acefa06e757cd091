/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * dup3(2) puts another file behind a number in one step. At no moment is the
 * number free, so that no other thread's open() can get it.
 */
#include "preload/swap.h"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/time.h>
#include <unistd.h>

#include "preload/real.h"
#include "preload/table.h"

void swap_in(const struct endpoint *endpoint, int file)
{
	for (int fd = table_next(0); fd >= 0; fd = table_next(fd + 1)) {
		int flags;

		if (table_find(fd) != endpoint)
			continue;
		flags = real()->fcntl(fd, F_GETFD);
		real()->dup3(file, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	}
}

static void copy_option(int from, int to, int option, void *value,
			socklen_t length)
{
	if (real()->getsockopt(from, SOL_SOCKET, option, value, &length) == 0)
		real()->setsockopt(to, SOL_SOCKET, option, value, length);
}

static void copy_options(int from, int to)
{
	struct timeval time;
	int bytes;
	socklen_t length = sizeof(bytes);

	copy_option(from, to, SO_RCVTIMEO, &time, sizeof(time));
	copy_option(from, to, SO_SNDTIMEO, &time, sizeof(time));
	/* What is read is twice what was set. */
	if (real()->getsockopt(from, SOL_SOCKET, SO_SNDBUF, &bytes, &length) ==
	    0) {
		bytes /= 2;
		real()->setsockopt(to, SOL_SOCKET, SO_SNDBUF, &bytes,
				   sizeof(bytes));
	}
	real()->fcntl(to, F_SETFL, real()->fcntl(from, F_GETFL));
}

/* The old socket is bound to the port's file still, and about to go. */
static int bind_again(int fd, uint32_t port)
{
	struct sockaddr_un address;

	vm_port_address(vms_at(0), port, &address);
	unlink(address.sun_path);
	return real()->bind(fd, (const struct sockaddr *)&address,
			    sizeof(address));
}

void swap_fresh(struct endpoint *endpoint, int fd)
{
	int fresh = real()->socket(AF_UNIX, endpoint->type | SOCK_CLOEXEC, 0);

	if (fresh < 0)
		return;
	copy_options(fd, fresh);
	if (endpoint->claimed && bind_again(fresh, endpoint->local.port) < 0) {
		endpoint->claimed = false;
		endpoint->local.port = VMADDR_PORT_ANY;
	}
	swap_in(endpoint, fresh);
	real()->close(fresh);
}
