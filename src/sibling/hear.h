/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a half makes of what the other half tells (half_message.h): facts for
 * its connection, and payload for its guest, straight into receive buffers or,
 * where the guest has no room, into the half's inbox.
 */
#ifndef URING_VSOCK_SIBLING_HEAR_H
#define URING_VSOCK_SIBLING_HEAR_H

#include <stdbool.h>

struct half_message;
struct iov_cursor;
struct link;
struct loop;
struct turn;

/* M is for a guest of LOOP's; its payload is next in FROM. At the end of a
 * turn, after to_guest_finish(). */
void sibling_hear(struct loop *loop, struct turn *turn,
		  const struct half_message *m, struct iov_cursor *from);

/* Requests whose ports were not free (half.h), and are now. Before messages
 * are heard this is done in any case, so that none overtakes them. */
void sibling_hear_waiting(struct loop *loop, struct turn *turn);

/* What the other half said of its end takes effect, if the inbox is empty. */
void sibling_end_if_heard(struct link *link);

/* What waits in the half's inbox goes to its guest, within credit and its
 * share of a turn. False: no buffer is left. */
bool sibling_serve(struct link *link, struct turn *turn);

#endif
