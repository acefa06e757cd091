/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VM's <uds-path> and <uds-path>_seqpacket: host programs connect to it, say
 * which of the guest's ports they want (vsock/handshake.h), and become links.
 * Those that come to a port of AF_VSOCK (forward-listen) have said so already.
 *
 * On a stream a line is looked at with MSG_PEEK until it is whole, then exactly
 * it is read: what a program sends behind it stays in its socket as the
 * connection's first data. Descriptors are refused (rights.h). Where messages are
 * kept apart it is the first of them.
 */
#ifndef URING_VSOCK_HOST_LISTENER_H
#define URING_VSOCK_HOST_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "vsock/packet.h"

struct guest;
struct listener;
struct loop;

/* Programs that have not said what they want: beyond, the oldest is closed.
 * Fewer where descriptors are few. */
#define LISTENER_SILENT_MAX 1024

/* Accepts on the listening socket FD, which stays the caller's, for
 * connections of TYPE, which is the socket's. NULL and errno on failure. */
struct listener *listener_new(struct guest *guest, int fd,
			      enum packet_type type);

/* The same on a socket of AF_VSOCK whose programs get the guest's PORT. */
struct listener *listener_new_forwarding(struct guest *guest, int fd,
					 uint32_t port);

/* Stops accepting and closes all of the guest's that are silent. */
void listener_stop(struct listener *listener);

/* After listener_stop(): the ring still refers to it. */
bool listener_busy(const struct listener *listener);

/* After listener_stop(), when it is not busy or the ring is closed. Accepts
 * NULL. */
void listener_free(struct listener *listener);

/* Reads some of the lines that came, and accepts some of those who wait, but for
 * a guest whose last session still ends. Call in a turn. True: there are more,
 * come again without sleeping. */
bool listener_serve(struct guest *guest);

/* Closes some of those who stayed silent too long, on any listener of the
 * loop. */
void listener_expire(struct loop *loop, uint64_t now_ms);

#endif
