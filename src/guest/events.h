/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The event queue (virtio 1.3, 5.10.6.7). There is one event: TRANSPORT_RESET
 * says that connections the guest may believe in are gone, and that it is to
 * read its CID again. It is owed when rings go on in the middle, as a guest's
 * do that was restored, or whose device was restarted under it. Front ends that
 * keep the queue to themselves (QEMU) leave it owed for ever.
 */
#ifndef URING_VSOCK_GUEST_EVENTS_H
#define URING_VSOCK_GUEST_EVENTS_H

struct guest;

/* Sends what is owed, if the guest has a buffer for it. Call in a turn. */
void events_send(struct guest *guest);

#endif
