/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A port is the file <path>_<port> of each VM.  bind() makes the first VM's,
 * which keeps others from the port; the daemon is refused there until
 * listen(), as a guest should be.  With one VM the program's descriptor is
 * the listening Unix socket itself and nothing stands between; see fan.h for
 * several.
 */
#include "preload/listen.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <stddef.h>

#include "preload/claim.h"
#include "preload/fan.h"
#include "preload/hold.h"
#include "preload/real.h"
#include "preload/state.h"
#include "preload/table.h"

#define PORT_TRIES 24 /* as many as the kernel's */

static int claim_any(int fd, uint32_t *port)
{
	for (unsigned int i = 0; i < PORT_TRIES; i++) {
		int err;

		*port = address_any_port();
		err = claim_take(fd, vms_at(0), *port);
		if (err != -EADDRINUSE)
			return err;
	}
	return -EADDRNOTAVAIL;
}

static int may_bind(const struct endpoint *endpoint,
		    const struct vm_address *at)
{
	if (!endpoint || endpoint->state != ENDPOINT_IDLE ||
	    endpoint_bound(endpoint))
		return -EINVAL;
	if (!vms_count() ||
	    (at->cid != VMADDR_CID_ANY && at->cid != VMADDR_CID_HOST))
		return -EADDRNOTAVAIL;
	return 0;
}

/* Changes the state before there is a file, so that of two threads that call
 * bind() only one makes it. */
static int begin_bind(int fd, const struct vm_address *at)
{
	struct endpoint *endpoint;
	struct state_guard saved;
	int err;

	state_lock(&saved);
	endpoint = table_find(fd);
	err = may_bind(endpoint, at);
	if (!err)
		endpoint->state = ENDPOINT_BINDING;
	state_unlock(&saved);
	return err;
}

static void finish_bind(int fd, const struct vm_address *at, int err)
{
	struct endpoint *endpoint;
	struct state_guard saved;

	state_lock(&saved);
	endpoint = table_find(fd);
	if (endpoint)
		endpoint->state = ENDPOINT_IDLE;
	if (endpoint && !err) {
		endpoint->local = *at;
		endpoint->claimed = true;
	}
	state_unlock(&saved);
}

int listen_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct vm_address at;
	int err = address_take(address, length, &at);

	if (!err)
		err = begin_bind(fd, &at);
	if (err)
		return err;
	err = at.port == VMADDR_PORT_ANY ? claim_any(fd, &at.port)
					 : claim_take(fd, vms_at(0), at.port);
	finish_bind(fd, &at, err);
	return err;
}

static int start_one(int fd, int backlog)
{
	struct endpoint *endpoint;
	struct state_guard saved;

	if (real()->listen(fd, backlog) < 0)
		return -errno;
	state_lock(&saved);
	endpoint = table_find(fd);
	if (endpoint)
		endpoint->state = ENDPOINT_LISTENING;
	state_unlock(&saved);
	return 0;
}

int listen_start(int fd, int backlog)
{
	struct endpoint now;

	if (!table_view(fd, &now) || !now.claimed)
		return -EINVAL;
	switch (now.state) {
	case ENDPOINT_IDLE:
		return vms_count() == 1 ? start_one(fd, backlog)
					: fan_open(fd, &now, backlog);
	case ENDPOINT_LISTENING:
		return now.fan ? fan_listen(fd, backlog)
			       : start_one(fd, backlog);
	case ENDPOINT_BINDING:
	case ENDPOINT_CONNECTING:
	case ENDPOINT_CONNECTED:
		break;
	}
	return -EINVAL;
}

bool listen_addresses(int client, const struct sockaddr_un *peer,
		      socklen_t length, struct vm_address *local,
		      struct vm_address *remote)
{
	struct sockaddr_un own;
	socklen_t own_length = sizeof(own);
	const struct vm *vm;
	uint32_t port;

	if (real()->getsockname(client, (void *)&own, &own_length) < 0)
		return false;
	vm = vms_of_port(&own, own_length, &local->port);
	if (!vm)
		return false;
	local->cid = VMADDR_CID_HOST;
	*remote = (struct vm_address){ vm->cid, VMADDR_PORT_ANY };
	/* Only a socket that dials through this library has a name; a daemon's
	 * has none. */
	if (vms_of_port(peer, length, &port) ||
	    address_of_name(peer, length, &port, local))
		*remote = (struct vm_address){ VMADDR_CID_LOCAL, port };
	return true;
}

/* As in the kernel, what is accepted has the settings of its listener. */
static int adopt(int client, const struct endpoint *listener,
		 const struct sockaddr_un *peer, socklen_t length,
		 struct vm_address *remote)
{
	struct endpoint made;
	int err;

	endpoint_init(&made, listener->type);
	made.state = ENDPOINT_CONNECTED;
	made.buffer_size = listener->buffer_size;
	made.buffer_min = listener->buffer_min;
	made.buffer_max = listener->buffer_max;
	made.connect_timeout = listener->connect_timeout;
	listen_addresses(client, peer, length, &made.local, &made.remote);
	*remote = made.remote;
	err = table_add(client, &made);
	if (err)
		real()->close(client);
	return err ? err : client;
}

void listen_end(const struct endpoint *last)
{
	if (last->fan)
		fan_close(last->fan);
	if (!last->claimed)
		return;
	for (unsigned int i = 0; i < vms_count(); i++)
		claim_release(vms_at(i), last->local.port);
}

void listen_let_go(void *hold)
{
	struct endpoint last;

	if (hold_end(hold, &last))
		listen_end(&last);
}

/* Cancellation lets go as well. */
static int accept_from_fan(int fd, struct sockaddr_un *peer, socklen_t *length,
			   int flags)
{
	struct hold hold = hold_begin(fd);
	int client;

	pthread_cleanup_push(listen_let_go, &hold);
	client = fan_accept(hold.fd, peer, length, flags);
	pthread_cleanup_pop(1);
	return client;
}

int listen_accept(int fd, struct sockaddr *address, socklen_t *length,
		  int flags)
{
	struct sockaddr_un peer = { .sun_family = AF_UNIX };
	socklen_t peer_length = sizeof(peer);
	struct vm_address remote;
	struct endpoint listener;
	int client;

	if (!table_view(fd, &listener))
		return -EBADF;
	if (listener.fan) {
		client = accept_from_fan(fd, &peer, &peer_length, flags);
	} else {
		client =
			real()->accept4(fd, (void *)&peer, &peer_length, flags);
		if (client < 0)
			client = -errno;
	}
	if (client >= 0)
		client = adopt(client, &listener, &peer, peer_length, &remote);
	if (client >= 0 && address && length)
		address_give(&remote, address, length);
	return client;
}

void listen_end_all(void)
{
	for (int fd = table_next(0); fd >= 0; fd = table_next(fd + 1)) {
		struct endpoint last;
		bool gone;

		if (!table_view(fd, &last) || !last.claimed)
			continue;
		gone = table_drop(fd, &last);
		real()->close(fd);
		if (gone)
			listen_end(&last);
	}
}
