/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The funnel of everything that comes from the guest: no other module takes from
 * its TX ring. However full the ring is, a turn takes a budget of it; when the
 * chains go back to the driver, guest/awake.c decides. Parses packets, tells their connections, and stages the payload
 * (sends.h).
 *
 * A chain goes back to the guest in the turn that took it, however much the host
 * socket takes: the rest waits in the connection's backlog, so that a slow
 * reader never holds the shared ring.
 *
 * In turns for light connections alone (share.h) their packets are used early:
 * before packets of others that came first, which stay in the ring.
 */
#ifndef URING_VSOCK_FUNNEL_FROM_GUEST_H
#define URING_VSOCK_FUNNEL_FROM_GUEST_H

#include <stdbool.h>

#include "turn/step.h"

struct guest;
struct turn;

/* Takes packets within the turn's budget, and stages what is for host sockets.
 * EARLY: also takes the packets that were used early, and those before them,
 * whatever the budget. STEP_MORE: more may be waiting. */
enum step from_guest_collect(struct guest *guest, struct turn *turn,
			     bool early);

/* Packets were used early, and wait to be taken and given back: the ring must
 * not stop before that. */
bool from_guest_early(struct guest *guest);

#endif
