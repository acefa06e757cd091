/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests that are being served. From its first turn until the loop rests a
 * guest is awake: its kicks are suppressed, as its rings are looked at anyway,
 * and the calls to it are made in bulk.
 */
#ifndef URING_VSOCK_AWAKE_H
#define URING_VSOCK_AWAKE_H

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
 * After its part: received packets are for the guest to see at once. Sent ones
 * it only wants back, and each call for that costs it an interrupt: they wait
 * for more of them, but not for many turns, be they without the guest
 * (awake_notify_others()), nor beyond the loop's rest (awake_end()).
 */
void awake_notify(struct guest *guest);
void awake_notify_others(struct awake *awake);

/* Wakes who has something for us that no kick spoke of, as those that are awake
 * do not kick: from time to time however busy the loop is. True: there was
 * one. */
bool awake_look(struct awake *awake);

/*
 * The loop is about to rest: guests are to kick again, and are woken if
 * something came just now. Those whose driver never kicks stay awake, to be
 * looked at.
 */
void awake_end(struct awake *awake);

#endif
