/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Data goes past this library: read(), write(), send() and recv() are not
 * interposed.  The functions here are for programs that name an address with
 * their data, which connection-oriented sockets of AF_VSOCK refuse and never
 * fill in, and for programs that ask for errors (MSG_ERRQUEUE), where a Unix
 * socket would return data.
 */
#undef _FORTIFY_SOURCE /* which defines recvfrom() inline */

#include <sys/socket.h>

#include "preload/answer.h"
#include "preload/real.h"
#include "preload/table.h"

/* 0 if FD is none of ours. */
static int refusal(int fd)
{
	struct endpoint now;

	if (!table_view(fd, &now))
		return 0;
	return now.state == ENDPOINT_CONNECTED ? -EISCONN : -EOPNOTSUPP;
}

EXPORT ssize_t sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *address, socklen_t length)
{
	int err = address && length ? refusal(fd) : 0;

	if (err)
		return answer(err, errno);
	return real()->sendto(fd, data, size, flags, address, length);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	int err = message && message->msg_namelen ? refusal(fd) : 0;

	if (err)
		return answer(err, errno);
	return real()->sendmsg(fd, message, flags);
}

EXPORT ssize_t recvfrom(int fd, void *data, size_t size, int flags,
			struct sockaddr *address, socklen_t *length)
{
	ssize_t n;

	if ((!address && !(flags & MSG_ERRQUEUE)) || !table_has(fd))
		return real()->recvfrom(fd, data, size, flags, address, length);
	if (flags & MSG_ERRQUEUE)
		return answer(-EAGAIN, 0);
	n = real()->recvfrom(fd, data, size, flags, NULL, NULL);
	if (n >= 0 && length)
		*length = 0;
	return n;
}

/*
 * What recvfrom() becomes under _FORTIFY_SOURCE, ROOM being what the compiler
 * knows of the buffer. The C library's own ends a program that asks for more.
 */
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
		       struct sockaddr *address, socklen_t *length);

EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room,
			      int flags, struct sockaddr *address,
			      socklen_t *length)
{
	if (size > room && real()->__recvfrom_chk)
		return real()->__recvfrom_chk(fd, data, size, room, flags,
					      address, length);
	return recvfrom(fd, data, size, flags, address, length);
}

/* AF_VSOCK tells no address with data. The kernel would write a Unix one into
 * the program's buffer, so it is not given that. */
EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	void *name;
	ssize_t n;

	if (!message || (!message->msg_name && !(flags & MSG_ERRQUEUE)) ||
	    !table_has(fd))
		return real()->recvmsg(fd, message, flags);
	if (flags & MSG_ERRQUEUE)
		return answer(-EAGAIN, 0);
	name = message->msg_name;
	message->msg_name = NULL;
	n = real()->recvmsg(fd, message, flags);
	message->msg_name = name;
	if (n >= 0)
		message->msg_namelen = 0;
	return n;
}
