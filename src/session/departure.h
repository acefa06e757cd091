/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A driver that goes and does not come back: it is unbound, or its device is
 * removed.
 *
 * Front ends that send RESET_DEVICE say so. Others (QEMU before 9.1) say the
 * same as for a pause: the rings stop. But a paused guest does nothing, and a
 * driver that goes takes back the receive buffers that the device did not use.
 * Linux steps the available index back for each of them, and then frees the
 * ring, whose memory is used for other things. It does all of that right after
 * the rings stopped. So the place of the available index is read for three
 * seconds, and never written. A value there that a driver which stays cannot
 * have written shows that the driver has gone.
 *
 * The reset of a guest's machine is seldom noticed in this way, as its driver
 * does not run any more and takes nothing back. Its connections end when the
 * next driver starts the ring at another index (device.c).
 */
#ifndef URING_VSOCK_SESSION_DEPARTURE_H
#define URING_VSOCK_SESSION_DEPARTURE_H

#include <stdint.h>

struct guest;
struct loop;

/* The front end stopped the RX ring, and may go on with it later: the guest is
 * looked at from now on. */
void departure_expect(struct guest *guest);

/* The ring runs again, or it no longer matters whether it will. */
void departure_forget(struct guest *guest);

/* Looks at the guests that are due, and ends the connections of those whose
 * driver has gone. */
void departure_look(struct loop *loop, uint64_t now_ms);

#endif
