/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Connections between guests of this daemon. Each guest has a half of it
 * (half.h), with a connection of its own to speak with; what one guest does is
 * told to the other half, and its bytes are copied from its buffers into the
 * other guest's. Credit is end to end: what one guest grants is passed on to
 * the other, so that hardly anything ever waits on our side, and never more
 * than was granted.
 *
 * Guests of one worker hand over directly, those of different workers through
 * lanes (lane.h). All of that happens at the end of a turn.
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
 * A guest's REQUEST to another CID than the host's. False: there is nobody of
 * that CID whom it may know of, so that RST is due. Nothing tells the guest
 * which of the reasons it was.
 */
bool sibling_ask(struct guest *guest, const struct packet *request);

/* After a packet of its guest's was dealt with: what the other half must know
 * beside the orders that were carried out. */
void sibling_note(struct link *link, const struct packet *packet);

/* At the end of a turn, after to_guest_finish(): hears what other workers tell,
 * passes this turn's bytes on, and tells the news. */
void sibling_finish(struct loop *loop, struct turn *turn);

#endif
