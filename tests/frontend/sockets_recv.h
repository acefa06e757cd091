/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What packets from the device do to the guest's sockets. */
#ifndef URING_VSOCK_FRONTEND_SOCKETS_RECV_H
#define URING_VSOCK_FRONTEND_SOCKETS_RECV_H

#include "frontend/sockets_table.h"

/* Reads N bytes of the first unread packet, or what is left of it. */
size_t gsock_consume(struct gsock *g, size_t n);

/* There is something to read: with SEQPACKET, the rest of a whole message. */
bool gsock_readable(const struct gsock *g);

void sockets_received(struct driver *d, const struct packet *p,
		      const struct buffer *buffer);

#endif
