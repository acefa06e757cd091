/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * bind(2), listen(2) and accept(2) of AF_VSOCK, for descriptors that the
 * table has.  All return 0, or what is named, or -errno.
 */
#ifndef URING_VSOCK_PRELOAD_LISTEN_H
#define URING_VSOCK_PRELOAD_LISTEN_H

#include <sys/socket.h>

#include "preload/endpoint.h"

/* FD of these two is a hold, as for dial(). */
int listen_bind(int fd, const struct sockaddr *address, socklen_t length);
int listen_start(int fd, int backlog);
/* The new descriptor, which the table has then. */
int listen_accept(int fd, struct sockaddr *address, socklen_t *length,
		  int flags);

/* Nothing refers to this endpoint any more (table_drop(), table_alias()):
 * what it has kept open is closed, and its port's files go if no other
 * process has it. */
void listen_end(const struct endpoint *last);
/* The same for all that this process has, when it exits. */
void listen_end_all(void);
/* Ends a struct hold (hold.h), and the endpoint if nothing else refers to it;
 * for pthread_cleanup_push(3). */
void listen_let_go(void *hold);

/* The addresses of CLIENT, whose peer has this name, if one of our ports is
 * what it was accepted from. */
bool listen_addresses(int client, const struct sockaddr_un *peer,
		      socklen_t length, struct vm_address *local,
		      struct vm_address *remote);

#endif
