/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * File descriptors. -1 is none; the verb says who owns: fd_close() closes and
 * forgets, fd_take() hands over.
 */
#ifndef URING_VSOCK_BASE_FD_H
#define URING_VSOCK_BASE_FD_H

#include <stdbool.h>

struct msghdr;

/* Closes *FD unless it is negative, and sets it to -1. Keeps errno. */
void fd_close(int *fd);

/* Returns *FD, whose owner the caller becomes, and sets it to -1. */
int fd_take(int *fd);

/* Sets O_NONBLOCK. 0 or -errno. */
int fd_nonblock(int fd);

/* 0, or the -errno with which a socket's connect(2) ended. Asking clears it. */
int fd_socket_error(int fd);

/* Whether the socket is connected: its connect(2) has succeeded. */
bool fd_has_peer(int fd);

/*
 * Makes an AF_UNIX socket refuse descriptors (SO_PASSRIGHTS, Linux 6.16): a
 * program that sends one gets EPERM, and nothing of its message arrives. To be
 * called before connect(2), or before listen(2), as accepted sockets inherit
 * it. 0, or -errno if the kernel does not know the option.
 */
int fd_refuse_rights(int fd);

/*
 * The descriptors that MSG has brought (SCM_RIGHTS), which become the caller's:
 * writes them to FDS, which has room for as many as MSG's control buffer holds,
 * and returns their number.
 */
unsigned fd_take_rights(struct msghdr *msg, int *fds);

/* Raises the soft limit on open files to the hard one. 0 or -errno. */
int fd_raise_limit(void);

/* How many descriptors are open in this process. */
unsigned fd_count_open(void);

/*
 * Adds 1 to an eventfd, or writes eight bytes to a pipe in its place. 0 or
 * -errno. Most errors change nothing, since a full eventfd has its reader's
 * attention already. -EINTR says that the call slept, which it never does on a
 * non-blocking descriptor.
 */
int eventfd_signal(int fd);

#endif
