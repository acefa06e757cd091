/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests that are being served. From its first turn until the loop rests, or
 * nothing has happened to it for a while, a guest is awake: its kicks are
 * suppressed, as its rings are looked at anyway, and the calls to it are made
 * in bulk.
 */
#ifndef URING_VSOCK_GUEST_AWAKE_H
#define URING_VSOCK_GUEST_AWAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct guest;

struct awake {
	struct list guests;
	uint32_t turns; /* so far, modulo 2^32; counted by the service */
};

/* GUEST has a part in the coming turn. */
void awake_begin(struct awake *awake, struct guest *guest);

/*
 * After its part: received packets are for the guest to see at once, but for
 * those of greedy connections in short turns. Nothing in the guest waits for
 * the buffers of sent ones, and each call for them costs it an interrupt: so
 * they are given back several at a time, but not after many turns, nor after
 * the loop has begun to rest.
 */
void awake_notify(struct guest *guest);

/*
 * After each turn, for guests that had no part in it. They do not kick, and the
 * loop may not rest for long: some of them are looked at, and wake if they have
 * something for us; sent packets go back to them; and those to whom nothing has
 * happened for a while are asked to kick again.
 */
void awake_go_round(struct awake *awake);

/* Looks at all of them. True: one has something, and was woken. */
bool awake_look(struct awake *awake);

/*
 * The loop is about to rest: guests are to kick again, and are woken if
 * something came just now. Those whose driver never kicks stay awake, to be
 * looked at.
 */
void awake_end(struct awake *awake);

#endif
