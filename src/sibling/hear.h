/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a half makes of what the other half tells it (half_message.h): facts for
 * its connection, and payload for its guest. Payload goes straight into receive
 * buffers or, where the guest has no room, into the half's inbox.
 */
#ifndef URING_VSOCK_SIBLING_HEAR_H
#define URING_VSOCK_SIBLING_HEAR_H

#include "turn/step.h"

struct half_message;
struct iov_cursor;
struct link;
struct loop;
struct turn;

/* Hears M, which is for a guest of LOOP's; its payload is next in FROM. At the
 * end of a turn, after to_guest_finish(). */
void sibling_hear(struct loop *loop, struct turn *turn,
		  const struct half_message *m, struct iov_cursor *from);

/* Hears the requests whose ports were not free (half.h) and are now.
 * sibling_hear() begins with it, so that no message overtakes them. */
void sibling_hear_waiting(struct loop *loop, struct turn *turn);

/* If the inbox is empty, what the other half said of its end takes effect. */
void sibling_end_if_heard(struct link *link);

/* Gives what waits in the half's inbox to its guest, within the guest's credit
 * and the half's share of a turn. STEP_NO_BUFFER: the guest has none left. */
enum step sibling_serve(struct link *link, struct turn *turn);

#endif
