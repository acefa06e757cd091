/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * From a guest's REQUEST to a connected host socket.
 *
 * A non-blocking connect(2) goes to where host_address.h finds the port, on a
 * socket of the type that the REQUEST asks for; a socket of the other type
 * there refuses it (EPROTOTYPE), as if nobody listened. Where the backlog is
 * full (EAGAIN), connect(2) is tried again every LOOP_DIALING_MS until the
 * connection's own deadline, and nobody else waits meanwhile. Where nobody
 * listens on a Unix socket and the VM has a forward-cid, AF_VSOCK is asked for
 * a stream; it answers later, within the same deadline.
 */
#ifndef URING_VSOCK_HOST_DIAL_H
#define URING_VSOCK_HOST_DIAL_H

#include <stdint.h>

#include "turn/step.h"

struct guest;
struct loop;
struct packet;

/*
 * Answers REQUEST for a connection that is not in the table: a link that owes
 * RESPONSE or waits, or an RST owed.
 */
void dial(struct guest *guest, const struct packet *request);

/* Goes on with connections that AF_VSOCK has answered, as far as LOOP_CHORES
 * allow. Call in a turn. STEP_MORE: others have been answered as well. */
enum step dial_conclude(struct guest *guest);

/* Dials the connections again that have waited for LOOP_DIALING_MS. Call once a
 * turn. */
void dial_again(struct loop *loop, uint64_t now_ms);

/* When dial_again() is to be called next, or TIMER_NEVER. */
uint64_t dial_next(const struct loop *loop);

#endif
