/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The sockets listen as long as the daemon runs; the listeners on them come and
 * go with the worker that serves the VM. While there is none, or accepting
 * pauses, programs that connect wait in the socket's backlog.
 */
#include "host/forwards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "host/host_address.h"
#include "host/listener.h"

#define BACKLOG 128

struct forward {
	int fd;
	uint32_t port;
	struct listener *listener; /* while its guest is served */
};

/* Listens on PORT, whichever of the host's CIDs programs connect to. A
 * descriptor, or -errno. */
static int listen_on(uint32_t port)
{
	int fd =
		socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct host_address address;
	int err = 0;

	if (fd < 0)
		return -errno;
	host_address_vsock(VMADDR_CID_ANY, port, &address);
	if (bind(fd, &address.any, address.len) < 0 || listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err)
		fd_close(&fd);
	return err ? err : fd;
}

int forwards_open(struct forwards *f, const struct vm_config *config)
{
	const struct ranges *ports = &config->forward_listen;
	uint64_t n = ranges_size(ports);
	int err = 0;

	if (!n)
		return 0;
	f->list = calloc(n, sizeof(*f->list));
	if (!f->list) {
		log_line(LOG_LEVEL_ERROR, config->name, "out of memory");
		return -ENOMEM;
	}
	while (f->count < n && !err) {
		struct forward *forward = &f->list[f->count];

		forward->port = ranges_nth(ports, f->count++);
		forward->fd = listen_on(forward->port);
		if (forward->fd >= 0)
			continue;
		err = forward->fd;
		log_line(LOG_LEVEL_ERROR, config->name,
			 "AF_VSOCK port %u: cannot listen: %s", forward->port,
			 strerror(-err));
	}
	return err;
}

void forwards_close(struct forwards *f)
{
	unsigned i;

	for (i = 0; i < f->count; i++)
		fd_close(&f->list[i].fd);
	free(f->list);
	*f = (struct forwards){ .count = 0 };
}

int forwards_start(struct forwards *f, struct guest *guest)
{
	struct forward *forward;
	unsigned i;

	for (i = 0; i < f->count; i++) {
		forward = &f->list[i];
		forward->listener = listener_new_forwarding(guest, forward->fd,
							    forward->port);
		if (!forward->listener)
			return -errno;
	}
	return 0;
}

void forwards_stop(struct forwards *f)
{
	unsigned i;

	for (i = 0; i < f->count; i++) {
		if (f->list[i].listener)
			listener_stop(f->list[i].listener);
	}
}

bool forwards_busy(const struct forwards *f)
{
	unsigned i;

	for (i = 0; i < f->count; i++) {
		if (f->list[i].listener && listener_busy(f->list[i].listener))
			return true;
	}
	return false;
}

void forwards_free(struct forwards *f)
{
	unsigned i;

	for (i = 0; i < f->count; i++) {
		listener_free(f->list[i].listener);
		f->list[i].listener = NULL;
	}
}
