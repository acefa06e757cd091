/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The interposed functions that set sockets up and ask them. */
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload/answer.h"
#include "preload/dial.h"
#include "preload/fan.h"
#include "preload/hold.h"
#include "preload/listen.h"
#include "preload/real.h"
#include "preload/sockopts.h"
#include "preload/table.h"

#define TYPE_MASK 0xf /* the rest of socket()'s type are flags */

/*
 * FD was just opened. An entry that the table has for its number is that of a
 * descriptor which was closed unseen, by fclose() for instance, and is dropped.
 * Returns FD.
 */
static int note_new(int fd)
{
	struct endpoint last;

	if (fd >= 0 && table_drop(fd, &last))
		listen_end(&last);
	return fd;
}

static int check_type(int type, int protocol)
{
	if (protocol && protocol != AF_VSOCK)
		return -EPROTONOSUPPORT;
	switch (type) {
	case SOCK_STREAM:
	case SOCK_SEQPACKET:
		return 0;
	case SOCK_DGRAM:
		return -ENODEV; /* no transport has them */
	default:
		return -ESOCKTNOSUPPORT;
	}
}

static int make_socket(int type, int protocol)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	int err = check_type(type & TYPE_MASK, protocol);
	struct endpoint made;
	int fd;

	/* A wrong setting matters here first; most programs of a script never
	 * get here. */
	if (vms_mistake() && !atomic_flag_test_and_set(&said))
		dprintf(STDERR_FILENO, "VSOCK_OVER_UDS: %s\n", vms_mistake());
	if (err)
		return err;
	fd = note_new(real()->socket(AF_UNIX, type, 0));
	if (fd < 0)
		return -errno;
	endpoint_init(&made, type & TYPE_MASK);
	err = table_add(fd, &made);
	if (err)
		real()->close(fd);
	return err ? err : fd;
}

EXPORT int socket(int domain, int type, int protocol)
{
	const int saved = errno;

	if (domain != AF_VSOCK || !vms_given())
		return note_new(real()->socket(domain, type, protocol));
	return answer(make_socket(type, protocol), saved);
}

/*
 * The next three hold the file that they work on, as the kernel does. The hold
 * ends when the thread is cancelled, too.
 */
static int held_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct hold hold = hold_begin(fd);
	int err;

	pthread_cleanup_push(listen_let_go, &hold);
	err = listen_bind(hold.fd, address, length);
	pthread_cleanup_pop(1);
	return err;
}

static int held_listen(int fd, int backlog)
{
	struct hold hold = hold_begin(fd);
	int err;

	pthread_cleanup_push(listen_let_go, &hold);
	err = listen_start(hold.fd, backlog);
	pthread_cleanup_pop(1);
	return err;
}

static int held_dial(int fd, const struct sockaddr *address, socklen_t length)
{
	struct hold hold = hold_begin(fd);
	int err;

	pthread_cleanup_push(listen_let_go, &hold);
	err = dial(hold.fd, address, length);
	pthread_cleanup_pop(1);
	return err;
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	const int saved = errno;

	if (!table_has(fd))
		return real()->bind(fd, address, length);
	return answer(held_bind(fd, address, length), saved);
}

EXPORT int listen(int fd, int backlog)
{
	const int saved = errno;

	if (!table_has(fd))
		return real()->listen(fd, backlog);
	return answer(held_listen(fd, backlog), saved);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	const int saved = errno;

	if (!table_has(fd))
		return real()->connect(fd, address, length);
	return answer(held_dial(fd, address, length), saved);
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length,
		   int flags)
{
	const int saved = errno;

	if (!table_has(fd))
		return note_new(real()->accept4(fd, address, length, flags));
	return answer(listen_accept(fd, address, length, flags), saved);
}

EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return accept4(fd, address, length, 0);
}

EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	const int saved = errno;
	struct endpoint now;

	if (!table_view(fd, &now))
		return real()->getsockname(fd, address, length);
	return answer(address_give(&now.local, address, length), saved);
}

EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	const int saved = errno;
	struct endpoint now;

	if (!table_view(fd, &now))
		return real()->getpeername(fd, address, length);
	if (now.state != ENDPOINT_CONNECTED)
		return answer(-ENOTCONN, saved);
	return answer(address_give(&now.remote, address, length), saved);
}

EXPORT int getsockopt(int fd, int level, int option, void *value,
		      socklen_t *length)
{
	const int saved = errno;
	struct endpoint now;

	if (!table_view(fd, &now))
		return real()->getsockopt(fd, level, option, value, length);
	if (level == AF_VSOCK)
		return answer(sockopts_get(&now, option, value, length), saved);
	if (level == SOL_SOCKET && option == SO_DOMAIN)
		return answer(sockopts_get_domain(value, length), saved);
	if (now.fan)
		return answer(fan_getsockopt(fd, level, option, value, length),
			      saved);
	return real()->getsockopt(fd, level, option, value, length);
}

EXPORT int setsockopt(int fd, int level, int option, const void *value,
		      socklen_t length)
{
	const int saved = errno;
	struct endpoint now;

	if (!table_view(fd, &now))
		return real()->setsockopt(fd, level, option, value, length);
	if (level == AF_VSOCK)
		return answer(sockopts_set(fd, option, value, length), saved);
	if (now.fan)
		return answer(fan_setsockopt(fd, level, option, value, length),
			      saved);
	return real()->setsockopt(fd, level, option, value, length);
}

EXPORT int shutdown(int fd, int how)
{
	struct endpoint now;

	if (table_view(fd, &now) && now.state != ENDPOINT_CONNECTED)
		return answer(-ENOTCONN, errno);
	return real()->shutdown(fd, how);
}
