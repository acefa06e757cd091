/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A request that waits for its ports. The guest that asks has done with its
 * last connection from the same port; this guest, whose half of that one is
 * still in its table, has not seen the end yet, or has not answered it. What
 * its kernel still says would end the new connection. So the request waits at
 * that half until it has left the table, then with the loop until it is heard
 * again: at most one for each half.
 *
 * The asking half's deadline is the request's: when that has passed, HALF_RESETS
 * comes, as for one that did not wait.
 */
#ifndef URING_VSOCK_LINK_HALF_ASK_H
#define URING_VSOCK_LINK_HALF_ASK_H

#include <stdbool.h>

#include "base/list.h"
#include "link/half_message.h"

struct guest;
struct half;
struct loop;

struct half_ask {
	struct list node; /* of the loop's asks, when its half has parted */
	struct half_message m;
};

/* ASK, with HALF_ASKS, waits for the ports of HALF, GUEST's, whose connection is
 * in its table. It takes the place of one that waited: the guest that asks has
 * done with that, too. Until it is released it counts as one that GUEST has not
 * answered. False: out of memory. */
bool half_keep_ask(struct guest *guest, struct half *half,
		   const struct half_message *ask);

/* M may be of the half whose request waits at HALF: then the request says what
 * M says, or is no more. */
void half_note_ask(struct guest *guest, struct half *half,
		   const struct half_message *m);

/* HALF, or NULL, has left GUEST's table: what waited is the loop's, and a turn
 * comes. */
void half_release_ask(struct guest *guest, struct half *half);

/* The first of LOOP's. False: there is none. */
bool half_next_ask(struct loop *loop, struct half_message *ask);

/* Forgets all of LOOP's. */
void half_drop_asks(struct loop *loop);

#endif
