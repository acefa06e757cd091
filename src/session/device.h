/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device as a front end's requests set it up: features, memory, and rings.
 * Each ring starts as soon as all that it needs was said, in whatever order. A
 * change of a ring that may run is bracketed:
 *
 *	device_pause_queue(guest, i);
 *	... queue_set_...(&guest->queue[i], ...);
 *	device_start_queues(guest);
 *
 * A ring that starts at another index than it was stopped at belongs to a new
 * guest, and then the old one's connections end.
 */
#ifndef URING_VSOCK_SESSION_DEVICE_H
#define URING_VSOCK_SESSION_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct memory;

/* What is offered: virtio's feature bits, which depend on the VM's
 * configuration, and vhost-user's protocol features. */
uint64_t device_features(const struct guest *guest);
extern const uint64_t device_protocol_features;

/* 0, or -EINVAL with *WHY for a bit that was not offered. */
int device_set_features(struct guest *guest, uint64_t features,
			const char **why);
int device_set_protocol_features(struct guest *guest, uint64_t features,
				 const char **why);

/*
 * Takes over the caller's reference on MEMORY. Rings that are not in it any
 * more wait until a later map has them again.
 */
void device_set_memory(struct guest *guest, struct memory *memory);

/* Kicks come by the eventfd FD, which becomes ours. -1: none will come, so the
 * ring is polled. 0, or -EINVAL with *WHY. */
int device_set_kick(struct guest *guest, unsigned i, int fd, const char **why);

/*
 * Call when guest->session.doubt is due, a second after a kick for which nothing
 * was in any ring. Warns if nothing is there yet: the hypervisor shares memory,
 * but its own mapping, and the guest's, is a private one.
 */
void device_doubt(struct guest *guest);

/* Stops the queue: nothing of it is in flight or written to afterwards. */
void device_pause_queue(struct guest *guest, unsigned i);

/* Starts every queue that has all that it needs and does not run. */
void device_start_queues(struct guest *guest);

/* GET_VRING_BASE: stops the queue until the next kick descriptor comes. Returns
 * the next index. */
uint16_t device_stop_queue(struct guest *guest, unsigned i);

void device_enable_queue(struct guest *guest, unsigned i, bool enable);

void device_set_status(struct guest *guest, uint8_t status);

/* Stops and forgets the rings, and ends the connections. The session goes on. */
void device_reset(struct guest *guest);

/* The front end is gone: everything is as before it came. */
void device_release(struct guest *guest);

#endif
