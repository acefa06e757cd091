/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The funnel of everything that comes from the guest: the only user of its TX
 * ring. Packets are parsed, connections told, and payload gathered, all of a
 * connection's in one send straight from guest memory.
 *
 * A chain goes back to the guest in the turn that took it, whatever the host
 * socket takes: the rest waits in the connection's backlog, so that a slow
 * reader never holds the shared ring.
 */
#ifndef URING_VSOCK_FROM_GUEST_H
#define URING_VSOCK_FROM_GUEST_H

#include <stdbool.h>

struct guest;
struct ring;
struct turn;

/* Takes packets within the turn's budget and queues the sends on the ring.
 * Returns whether more may be waiting. */
bool from_guest_collect(struct guest *guest, struct turn *turn);

/* Queues the sends of all guests: after the last collect. */
void from_guest_submit(struct ring *ring, struct turn *turn);

/* After ring_run(): what was sent, what has to wait. */
void from_guest_finish(struct turn *turn);

#endif
