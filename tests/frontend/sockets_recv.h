/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a packet from the device does to the guest's sockets. */
#ifndef URING_VSOCK_FRONTEND_SOCKETS_RECV_H
#define URING_VSOCK_FRONTEND_SOCKETS_RECV_H

#include "frontend/sockets.h"

struct gsock *sockets_find(struct sockets *s, uint32_t port,
			   uint32_t peer_port);
struct gsock *sockets_find_listener(struct sockets *s, uint32_t port);
struct gsock *gsock_new(struct sockets *s, enum gsock_state state,
			uint32_t port, uint32_t peer_port);
void gsock_free(struct gsock *g);
/* Something may be due to be sent. */
void gsock_mark_ready(struct gsock *g);
/* After reading: a credit update where Linux sends one. */
void gsock_update_credit(struct gsock *g);
/* One unread packet less, or its first N bytes. */
size_t gsock_consume(struct gsock *g, size_t n);

void sockets_received(struct driver *d, const struct packet *p,
		      const struct buffer *buffer);

#endif
