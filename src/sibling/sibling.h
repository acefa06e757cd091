/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Connections between guests of this daemon. Each guest has a half (half.h),
 * with a connection of its own to speak with. What one guest does is told to
 * the other half, and its bytes are copied from its buffers into the other
 * guest's. Credit is end to end: what one guest grants is passed on to the
 * other, so that hardly anything ever waits on our side, and never more than
 * was granted.
 *
 * Halves of one worker hand over to each other directly, halves of different
 * workers through lanes (lane.h). All of that happens at the end of a turn.
 */
#ifndef URING_VSOCK_SIBLING_SIBLING_H
#define URING_VSOCK_SIBLING_SIBLING_H

#include <stdbool.h>

struct guest;
struct link;
struct loop;
struct packet;
struct turn;

/*
 * A guest's REQUEST to another CID than the host's. False: an RST is due, as no
 * guest with that CID is here, as the two share no group, or as too many
 * connections wait. Nothing tells the guest which of the reasons it was.
 */
bool sibling_ask(struct guest *guest, const struct packet *request);

/* PACKET, of LINK's guest, was dealt with and the orders were carried out:
 * notes what else the other half must know. */
void sibling_note(struct link *link, const struct packet *packet);

/* Hears what other workers tell, passes this turn's bytes on, and tells the
 * news. At the end of a turn, after to_guest_finish(). */
void sibling_finish(struct loop *loop, struct turn *turn);

#endif
