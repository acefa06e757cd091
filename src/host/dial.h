/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * From a guest's REQUEST to a connected host socket: non-blocking connect(2)
 * to where host_address.h finds the port, of the type that it asks for; a
 * socket of the other type there refuses it (EPROTOTYPE), like none. A full
 * backlog (EAGAIN) is tried again every LOOP_DIALING_MS until the connection's
 * own deadline, and nobody waits meanwhile. Where nobody listens on a Unix
 * socket, AF_VSOCK is asked for a stream if there is a forward-cid; it answers
 * later, within the same deadline.
 */
#ifndef URING_VSOCK_HOST_DIAL_H
#define URING_VSOCK_HOST_DIAL_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct loop;
struct packet;

/*
 * Answers REQUEST for a connection that is not in the table: a link that owes
 * RESPONSE or waits, or an RST owed.
 */
void dial(struct guest *guest, const struct packet *request);

/* Goes on where AF_VSOCK has answered, with some of them. Call in a turn. True:
 * others have been answered, come again without sleeping. */
bool dial_conclude(struct guest *guest);

/* Dials again whose time has come. Call once a turn. */
void dial_again(struct loop *loop, uint64_t now_ms);

/* When dial_again() is to be called next, or TIMER_NEVER. */
uint64_t dial_next(const struct loop *loop);

#endif
