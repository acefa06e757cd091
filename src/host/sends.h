/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A turn's bytes for host sockets: gathered for each connection, sent straight
 * from guest memory, and kept in the connection's backlog as far as the socket
 * does not take them. A stream's bytes go out as one send, messages as one send
 * each. Bytes for another guest are gathered here as well; sibling/ takes them
 * from here.
 */
#ifndef URING_VSOCK_HOST_SENDS_H
#define URING_VSOCK_HOST_SENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "turn/step.h"

struct chain;
struct link;
struct ring;
struct turn;

/* There is room in TURN for one more packet. */
bool sends_have_room(const struct turn *turn);

/*
 * Adds the LEN payload bytes of CHAIN, whose segments lie behind those that the
 * turn has in use. FLAGS are PACKET_END_OF_* for SEQPACKET, else 0. STEP_FULL:
 * the connection now has as much as one send should move.
 */
enum step sends_add(struct turn *turn, struct link *link, struct chain *chain,
		    uint32_t len, uint32_t flags);

/* LINK's backlog is sent in this turn, as its host socket takes bytes again.
 * STEP_FULL: it is not, as the turn has no room for another send. */
enum step sends_add_backlog(struct turn *turn, struct link *link);

/* Queues the sends of all guests. After the last collect. */
void sends_submit(struct ring *ring, struct turn *turn);

/* Deals with what was sent and what has to wait. After ring_run(). */
void sends_finish(struct turn *turn);

#endif
