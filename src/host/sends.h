/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A turn's bytes for host sockets: gathered for each connection, sent straight
 * from guest memory, and kept in the connection's backlog as far as the socket
 * does not take them. A stream's go out as one send, messages as one each. What
 * goes to another guest is gathered here as well, and left to sibling/.
 */
#ifndef URING_VSOCK_HOST_SENDS_H
#define URING_VSOCK_HOST_SENDS_H

#include <stdbool.h>
#include <stdint.h>

struct chain;
struct link;
struct ring;
struct turn;

/* There is room in TURN for one more packet. */
bool sends_have_room(const struct turn *turn);

/*
 * Adds the LEN payload bytes of CHAIN, whose segments lie behind those that
 * the turn has in use; for SEQPACKET, FLAGS are PACKET_END_OF_*, else 0.
 * False: the connection has as much as one send should move.
 */
bool sends_add(struct turn *turn, struct link *link, struct chain *chain,
	       uint32_t len, uint32_t flags);

/* The host socket takes bytes again. False: the turn is full. */
bool sends_add_backlog(struct turn *turn, struct link *link);

/* Queues the sends of all guests: after the last collect. */
void sends_submit(struct ring *ring, struct turn *turn);

/* After ring_run(): what was sent, what has to wait. */
void sends_finish(struct turn *turn);

#endif
