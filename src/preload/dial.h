/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* connect(2) of AF_VSOCK. */
#ifndef URING_VSOCK_PRELOAD_DIAL_H
#define URING_VSOCK_PRELOAD_DIAL_H

#include <sys/socket.h>

/*
 * FD, which the table has, is connected to a guest's port, or through a
 * listener of this host to its port.  Waits for the answer, at most for the
 * socket's connect timeout, even if FD does not block.  FD is a hold, or its
 * number might come back for another file meanwhile.  0 or -errno.
 */
int dial(int fd, const struct sockaddr *address, socklen_t length);

#endif
