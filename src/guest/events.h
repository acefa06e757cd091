/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The event queue (virtio 1.3, 5.10.6.7). There is one event: TRANSPORT_RESET
 * tells the guest that connections it may believe in are gone, and that it has
 * to read its CID again. It is owed when rings go on in the middle: the guest
 * was restored, or its device was restarted under it. A front end that keeps
 * the queue to itself (QEMU) leaves the event owed for ever.
 */
#ifndef URING_VSOCK_GUEST_EVENTS_H
#define URING_VSOCK_GUEST_EVENTS_H

struct guest;

/* Sends the event if it is owed and the guest has a buffer for it. Call in a
 * turn. */
void events_send(struct guest *guest);

#endif
