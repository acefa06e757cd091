/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The paths of Unix sockets: their directory, and the names beside a uds-path. */
#ifndef URING_VSOCK_BASE_SOCKET_PATH_H
#define URING_VSOCK_BASE_SOCKET_PATH_H

/* unix(7): the bytes that sun_path holds beside its terminating NUL. */
#define SOCKET_PATH_MAX 107u

/*
 * What follows a uds-path in the name of the socket on which host programs ask
 * for the guest's SOCK_SEQPACKET ports, and, as a format with an unsigned, in
 * the name of the socket at which the guest finds one of the host's ports.
 */
#define SOCKET_PATH_SEQPACKET "_seqpacket"
#define SOCKET_PATH_PORT "_%u"

/* The directory of PATH, which has at most SOCKET_PATH_MAX bytes: "." if PATH
 * names none. */
void socket_path_directory(const char *path, char out[SOCKET_PATH_MAX + 1]);

/* How long to wait for the lock: a second, or not at all. */
enum socket_path_wait { SOCKET_PATH_WAIT, SOCKET_PATH_NO_WAIT };

/*
 * Locks the directory of PATH by flock(2), while a stale socket file in it is
 * replaced: of two processes that find the same stale file, the second must not
 * remove the new socket that the first has made in its place. The lock is advice
 * among ourselves: a process that does not get it in time goes on without it.
 *
 * OPENER is open(2), or a function in its place. Returns its descriptor, which
 * has the lock until the caller closes it, or which has none, if it was not
 * free; -1 if the directory cannot be opened.
 */
int socket_path_lock(const char *path, enum socket_path_wait wait,
		     int (*opener)(const char *, int, ...));

#endif
