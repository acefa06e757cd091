/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Listening AF_UNIX sockets: made without disturbing anybody who lives
 * there already, and removed without touching what became somebody else's.
 * All sockets are non-blocking and close on exec. For the time before and
 * after the loop: a call may take up to a second.
 */
#ifndef URING_VSOCK_HOST_UNIX_SOCKET_H
#define URING_VSOCK_HOST_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

struct vm_config;

struct unix_socket {
	int fd;		  /* listening, or -1 */
	const char *path; /* NULL: nothing of ours to remove */
	dev_t dev;	  /* which file we made there */
	ino_t ino;
};

/* How a socket listens. */
struct unix_socket_kind {
	int type; /* SOCK_STREAM or SOCK_SEQPACKET */
	int backlog;
	bool takes_rights; /* if not, programs that send descriptors to the
			      accepted sockets are refused, where it can be */
};

#define UNIX_SOCKET_NONE ((struct unix_socket){ .fd = -1 })

/*
 * Listens on PATH, which must outlive S, by a socket of that KIND with the
 * socket-mode and socket-owner of VM. A stale socket file (connect(2) says
 * ECONNREFUSED) is replaced; one on which somebody listens and what is not a
 * socket are left alone: -EADDRINUSE and -ENOTSOCK. 0, or -errno with *WHY, a
 * sentence for "PATH: WHY"; S is then UNIX_SOCKET_NONE.
 */
int unix_socket_listen(struct unix_socket *s, const char *path,
		       const struct unix_socket_kind *kind,
		       const struct vm_config *vm, const char **why);

/* Removes the file if it is still the one we made, and closes. */
void unix_socket_close(struct unix_socket *s);

/*
 * Takes a socket that was inherited (--fd): sets it up, and *LISTENING to
 * whether it is to be accepted from or a connection itself. FD stays the
 * caller's. 0, or -errno with *WHY, for "fd N: WHY".
 */
int unix_socket_inherit(int fd, bool *listening, const char **why);

#endif
