/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A driver that goes and does not come back: unbound, its device removed.
 *
 * Front ends that send RESET_DEVICE say so. Others (QEMU before 9.1) say what
 * they say of a pause: the rings stop. But a paused guest does nothing, and a
 * driver that goes takes back the receive buffers that the device did not use:
 * Linux steps the available index back for each, and then frees the ring, whose
 * memory others use. All of that is done right after the rings stopped, so the
 * index is looked at, where it lies, for three seconds, and only read. A value
 * that a driver which stays could not have put there is the sign.
 *
 * A guest whose machine is reset is seldom told apart so: its driver does not
 * run any more, and takes nothing back. Its connections end when its next
 * driver starts the ring at another index (device.c).
 */
#ifndef URING_VSOCK_SESSION_DEPARTURE_H
#define URING_VSOCK_SESSION_DEPARTURE_H

#include <stdint.h>

struct guest;
struct loop;

/* The RX ring was stopped by the front end, which may go on with it. */
void departure_expect(struct guest *guest);

/* It runs again, or whether it does matters no more. */
void departure_forget(struct guest *guest);

/* Looks at the guests that are due; connections of drivers that went end. */
void departure_look(struct loop *loop, uint64_t now_ms);

#endif
