/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Socket options as AF_VSOCK answers them (net/vmw_vsock/af_vsock.c): those of
 * its own level, which are kept and, but for the connect timeout, mean nothing
 * to a Unix socket; and what the socket says of its family.  0 or -errno.
 */
#ifndef URING_VSOCK_PRELOAD_SOCKOPTS_H
#define URING_VSOCK_PRELOAD_SOCKOPTS_H

#include <sys/socket.h>

#include "preload/endpoint.h"

/* Level AF_VSOCK of FD, which the table has. */
int sockopts_set(int fd, int option, const void *value, socklen_t length);
int sockopts_get(const struct endpoint *endpoint, int option, void *value,
		 socklen_t *length);

/* SO_DOMAIN's answer. */
int sockopts_get_domain(void *value, socklen_t *length);

#endif
