/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's sockets: Linux 6.12's virtio_transport_common.c in small, with
 * the credit rules of 2026. A message of a SEQPACKET socket is one send(), and
 * is read once it is whole. Everything that the device sends is judged, and
 * what no correct device does ends the program: data beyond the credit, more
 * packets than a socket buffer may hold (a kernel of 2026 resets the
 * connection), a first packet other than RESPONSE or RST, a REQUEST for a pair
 * of ports that is in use, data after SHUTDOWN, acknowledging more than was
 * sent.
 */
#ifndef URING_VSOCK_FRONTEND_SOCKETS_H
#define URING_VSOCK_FRONTEND_SOCKETS_H

#include "frontend/sockets_table.h"

void sockets_init(struct sockets *s, uint64_t cid,
		  const struct driver_config *config, struct world *w,
		  struct ram *ram);
void sockets_free(struct sockets *s);
/* A new kernel boots: every socket is gone without a word. */
void sockets_forget(struct sockets *s);

struct gsock *gsock_listen(struct sockets *s, uint32_t port);
/* Connects from a new port; gsock_connect_from() does from a given one. */
struct gsock *gsock_connect(struct sockets *s, uint32_t host_port);
struct gsock *gsock_connect_from(struct sockets *s, uint32_t port,
				 uint64_t peer_cid, uint32_t host_port);
/* The same with a SEQPACKET socket. */
struct gsock *gsock_connect_seqpacket(struct sockets *s, uint32_t host_port);
struct gsock *gsock_raw(struct sockets *s, uint32_t port, uint32_t peer_port);
/* The next connection of a listener, or NULL. */
struct gsock *gsock_accept(struct gsock *listener);

/* Adds bytes to be sent; see frontend/flow.h. */
void gsock_send(struct gsock *g, uint32_t seed, uint64_t length);
void gsock_write(struct gsock *g, const char *text);
/* The size of each send() from now on; everything before must have been sent.
 * */
void gsock_set_write(struct gsock *g, size_t size);
/* Reads up to N bytes that have arrived or, with SEQPACKET, as many whole
 * messages as begin within them. Returns how many bytes. */
size_t gsock_read(struct gsock *g, size_t n);
/* From now on a reader takes everything at once. */
void gsock_read_all(struct gsock *g);
/* Sends SHUT_* after everything that is to be sent. */
void gsock_shutdown(struct gsock *g, uint8_t how);
/* close(2). G belongs to the guest's kernel from then on. */
void gsock_close(struct gsock *g);
/* Everything was read, and no more will come. */
bool gsock_eof(const struct gsock *g);
/* Everything that is to be sent is in the ring. */
bool gsock_sent(const struct gsock *g);
/* The device has acknowledged everything that was sent. */
bool gsock_acknowledged(const struct gsock *g);
/* setsockopt(SO_VM_SOCKETS_BUFFER_SIZE) */
void gsock_set_buffer(struct gsock *g, uint32_t bytes);

#endif
