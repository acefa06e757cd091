/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The funnel of everything that goes to the guest: the only user of its RX
 * ring. Serves the links on the guest's ready list in turn: control packets,
 * then data, read from the host socket straight into the guest's buffers.
 *
 * Buffers are offered to sockets before it is known how much there is to read.
 * What remains goes back to the ring where that is possible, that is behind
 * the last one used; those before it stay taken as spares for the next packet.
 */
#ifndef URING_VSOCK_TO_GUEST_H
#define URING_VSOCK_TO_GUEST_H

#include <stdbool.h>

struct guest;
struct ring;
struct turn;

/* Writes what needs no reading, and queues reads on the ring. Returns false
 * if the turn has no room for this guest any more. */
bool to_guest_collect(struct guest *guest, struct turn *turn,
		      struct ring *ring);

/* After ring_run(), and after from_guest_finish(), so that headers carry the
 * newest counters. */
void to_guest_finish(struct turn *turn);

/* Gives spares back to the guest, each with a packet that changes nothing:
 * before the ring stops or its memory goes. */
void to_guest_settle(struct guest *guest);

#endif
