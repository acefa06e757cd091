/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The program's own descriptor is what is connected, so that its options and
 * registrations with an epoll live on.  A daemon answers CONNECT in well under
 * a millisecond, with a refusal too, and gives up on a guest that is stopped
 * after two seconds.  That is why a non-blocking socket waits here as well:
 * POLLOUT could not be held back, since a Unix socket is writable as soon as
 * it is connected to the daemon, and POSIX lets connect() succeed at once.
 *
 * After a refusal the Unix socket is used up and a new one takes its place.
 */
#include "preload/dial.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>

#include "base/clock.h"
#include "preload/greet.h"
#include "preload/real.h"
#include "preload/state.h"
#include "preload/swap.h"
#include "preload/table.h"

#define NS_PER_S 1000000000u
#define RETRY_NS 1000000 /* a full backlog tells nobody when it has room */

struct call {
	int fd;
	int type;
	struct vm_address to;
	uint32_t local_port; /* VMADDR_PORT_ANY: not bound yet */
	uint64_t deadline;   /* of clock_ns() */
	bool used_up;	     /* the Unix socket is connected, or has a name */
};

static int may_connect(const struct endpoint *endpoint)
{
	switch (endpoint->state) {
	case ENDPOINT_IDLE:
		return 0;
	case ENDPOINT_BINDING:
	case ENDPOINT_CONNECTING:
		return -EALREADY;
	case ENDPOINT_CONNECTED:
		return -EISCONN;
	case ENDPOINT_LISTENING:
		break;
	}
	return -EINVAL;
}

/* The state changes under the lock: of two threads that call connect() one gets
 * EALREADY. All the rest is done without it. */
static int begin(struct call *call, const struct sockaddr *address,
		 socklen_t length)
{
	struct endpoint *endpoint;
	struct state_guard saved;
	int err = -EBADF;

	state_lock(&saved);
	endpoint = table_find(call->fd);
	if (endpoint)
		err = may_connect(endpoint);
	if (!err)
		err = address_take(address, length, &call->to);
	if (!err) {
		endpoint->state = ENDPOINT_CONNECTING;
		call->type = endpoint->type;
		call->local_port = endpoint->local.port;
		call->deadline =
			clock_ns() + (uint64_t)endpoint->connect_timeout * 1000;
	}
	state_unlock(&saved);
	return err;
}

static void finish(const struct call *call, int err)
{
	struct endpoint *endpoint;
	struct state_guard saved;

	state_lock(&saved);
	endpoint = table_find(call->fd);
	if (!endpoint) {
		/* closed by another thread, and there was no hold */
	} else if (err) {
		if (call->used_up)
			swap_fresh(endpoint, call->fd);
		endpoint->state = ENDPOINT_IDLE;
	} else {
		endpoint->state = ENDPOINT_CONNECTED;
		endpoint->remote = call->to;
		endpoint->local.port = call->local_port;
	}
	state_unlock(&saved);
}

/* A full backlog makes connect(2) wait if the socket blocks, for SO_SNDTIMEO:
 * -EAGAIN after the deadline, or at once. */
static int connect_once(const struct call *call, const struct sockaddr_un *to)
{
	uint64_t now = clock_ns();
	uint64_t left = now < call->deadline ? call->deadline - now : 0;
	struct timeval before;
	const struct timeval limit = {
		.tv_sec = (time_t)(left / NS_PER_S),
		/* 0 would be no limit */
		.tv_usec = (suseconds_t)(left % NS_PER_S / 1000 | 1),
	};
	socklen_t length = sizeof(before);
	int err = 0;

	real()->getsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &before, &length);
	real()->setsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
			   sizeof(limit));
	if (real()->connect(call->fd, (const struct sockaddr *)to,
			    sizeof(*to)) < 0)
		err = -errno;
	real()->setsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &before,
			   sizeof(before));
	return err;
}

static int reach(struct call *call, const struct sockaddr_un *to)
{
	static const struct timespec pause = { .tv_nsec = RETRY_NS };
	int err;

	for (;;) {
		err = connect_once(call, to);
		if (err != -EAGAIN && err != -EINTR)
			break;
		if (clock_ns() >= call->deadline)
			return -ETIMEDOUT;
		if (err == -EAGAIN)
			nanosleep(&pause, NULL);
	}
	if (!err)
		call->used_up = true;
	return err;
}

/* Fails where another socket has the name already, or where a security policy
 * forbids it; the connection works as well without a name. */
static void put_name(const struct call *call)
{
	struct sockaddr_un name;
	socklen_t length = address_name(call->local_port, &call->to, &name);

	real()->bind(call->fd, (const struct sockaddr *)&name, length);
}

/* A daemon that has no socket for messages has no guest that takes them. */
static int dial_guest(struct call *call)
{
	const struct vm *vm = vms_find(call->to.cid);
	struct sockaddr_un address;
	uint32_t host_port;
	int err;

	if (!vm)
		return -ENODEV;
	vm_dial_address(vm, call->type, &address);
	err = reach(call, &address);
	if (err == -ENOENT && call->type == SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	if (err == -ENOENT || err == -ECONNREFUSED)
		return -ENODEV;
	if (!err)
		err = greet(call->fd, call->type, call->to.port, call->deadline,
			    &host_port);
	if (err || call->local_port != VMADDR_PORT_ANY)
		return err;
	call->local_port = host_port;
	put_name(call);
	return 0;
}

/* The name comes first: it is what the listener learns of its peer. */
static int dial_host(struct call *call)
{
	if (call->local_port == VMADDR_PORT_ANY) {
		call->local_port = address_any_port();
		call->used_up = true;
		put_name(call);
	}
	for (unsigned int i = 0; i < vms_count(); i++) {
		struct sockaddr_un address;
		int err;

		vm_port_address(vms_at(i), call->to.port, &address);
		err = reach(call, &address);
		if (err != -ENOENT && err != -ECONNREFUSED &&
		    err != -EPROTOTYPE)
			return err;
	}
	return -ECONNRESET;
}

int dial(int fd, const struct sockaddr *address, socklen_t length)
{
	struct call call = { .fd = fd };
	int err = begin(&call, address, length);

	if (err)
		return err;
	switch (call.to.cid) {
	case VMADDR_CID_LOCAL:
	case VMADDR_CID_HOST:
		err = dial_host(&call);
		break;
	default:
		err = dial_guest(&call);
	}
	finish(&call, err);
	return err;
}
