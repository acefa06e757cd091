/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests that are being served. From its first turn until the loop rests, or
 * until nothing has happened to it for a while, a guest is awake: its kicks are
 * suppressed, as its rings are looked at anyway, and the calls to it are made
 * in bulk.
 */
#ifndef URING_VSOCK_GUEST_AWAKE_H
#define URING_VSOCK_GUEST_AWAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "guest/guest.h"

struct awake {
	struct list guests;
	uint32_t turns; /* so far, modulo 2^32 */
};

void awake_init(struct awake *awake);

/* Another turn begins. */
static inline void awake_next_turn(struct awake *awake)
{
	awake->turns++;
}

/* GUEST has a part in this turn. */
void awake_begin(struct awake *awake, struct guest *guest);

/* In the guest's part: a TX chain of SEGMENTS segments was used. */
static inline void awake_note_sent(struct guest *guest, uint16_t segments)
{
	guest->awake.tx_held += segments;
}

/* In the guest's part: N receive buffers were filled that the guest need not see
 * at once. */
static inline void awake_note_patient(struct guest *guest, uint32_t n)
{
	guest->awake.rx_patient = (uint16_t)(guest->awake.rx_patient + n);
}

/*
 * After the guest's part: shows it the received packets, but those of greedy
 * connections may wait while turns are short, and gives its TX chains back if
 * they are many or have waited for long. See awake.c.
 */
void awake_notify(struct guest *guest);

/*
 * After each turn, for guests that had no part in it. They do not kick, and the
 * loop may not rest for long. So this looks at some of them, and wakes those
 * that have put something into their rings; gives their TX chains back; and
 * asks those to whom nothing has happened for a while to kick again.
 */
void awake_go_round(struct awake *awake);

/* Looks at all awake guests, and wakes those that have put something into their
 * rings. True: there was one. */
bool awake_look(struct awake *awake);

/*
 * The loop is about to rest: asks all awake guests to kick again, and wakes
 * those that have just put something into their rings. A guest whose driver
 * never kicks stays awake, to be looked at.
 */
void awake_end(struct awake *awake);

#endif
