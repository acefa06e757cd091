/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VM's <uds-path> and <uds-path>_seqpacket: host programs connect there, say
 * which of the guest's ports they want (vsock/handshake.h), and become links.
 * Programs that connect to a port of AF_VSOCK (forward-listen) say it by the
 * choice of that port.
 *
 * A stream's CONNECT line is looked at with MSG_PEEK until it is whole, and
 * then exactly the line is read: what a program sends behind it stays in its
 * socket as the connection's first data. Where messages are kept apart, the
 * line is the first message. Descriptors are refused (rights.h).
 */
#ifndef URING_VSOCK_HOST_LISTENER_H
#define URING_VSOCK_HOST_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "turn/step.h"
#include "vsock/packet.h"

struct guest;
struct listener;
struct loop;

/* Programs of one guest that have not said what they want: beyond, the oldest
 * is closed. Fewer where descriptors are few. */
#define LISTENER_SILENT_MAX 1024

/* Accepts on the listening socket FD, which stays the caller's, for
 * connections of TYPE, which is the socket's. NULL and errno on failure. */
struct listener *listener_new(struct guest *guest, int fd,
			      enum packet_type type);

/* The same on a socket of AF_VSOCK, whose programs get the guest's PORT. */
struct listener *listener_new_forwarding(struct guest *guest, int fd,
					 uint32_t port);

/* Stops accepting, and closes all links of the guest that are silent. */
void listener_stop(struct listener *listener);

/* After listener_stop(): the ring still refers to it. */
bool listener_busy(const struct listener *listener);

/* After listener_stop(), when it is not busy or the ring is closed. Accepts
 * NULL. */
void listener_free(struct listener *listener);

/* Reads some of the lines that came, and accepts some of the programs that
 * wait; does nothing for a guest whose last session still ends. Call in a turn.
 * STEP_MORE: others wait. */
enum step listener_serve(struct guest *guest);

/* Closes some of the links that have been silent for LOOP_GREETING_MS, on any
 * listener of the loop. */
void listener_expire(struct loop *loop, uint64_t now_ms);

#endif
