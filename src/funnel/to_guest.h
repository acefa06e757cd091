/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The funnel of everything that goes to the guest. Serves the links that have
 * something for it one after the other: control packets first, then data, which
 * is read from the host socket straight into the guest's buffers.
 */
#ifndef URING_VSOCK_FUNNEL_TO_GUEST_H
#define URING_VSOCK_FUNNEL_TO_GUEST_H

#include "turn/step.h"

struct guest;
struct ring;
struct turn;

/* Writes what needs no reading, and queues reads on the ring. STEP_DONE, or
 * STEP_FULL if the turn has no room for this guest any more. */
enum step to_guest_collect(struct guest *guest, struct turn *turn,
			   struct ring *ring);

/* Call after ring_run(), and after sends_finish(), so that headers carry the
 * newest credit. */
void to_guest_finish(struct turn *turn);

#endif
