/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A worker: one ring, the guests that it serves, and the turn that moves
 * their packets. See docs/architecture.md, "One turn".
 *
 * All functions are for the service's own thread.
 */
#ifndef URING_VSOCK_SERVICE_H
#define URING_VSOCK_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct guest;
struct ring;
struct service;

/*
 * Makes the rings, guests and sockets of CONFIG, which must outlive the
 * service. NULL after an error that has been logged; nothing is left behind.
 */
struct service *service_new(const struct config *config);

/* Closes everything; host programs see EOF. Accepts NULL. */
void service_free(struct service *service);

/* Runs until SIGTERM or SIGINT. Returns 0, or -errno after a logged error. */
int service_run(struct service *service);

struct ring *service_ring(struct service *service);

/*
 * For the vhost-user session.
 *
 * service_wake(): the guest's rings, memory or connections need a look in the
 * coming turn: call when a queue started or was enabled, and on a kick.
 */
void service_wake(struct guest *guest);

/*
 * Before a queue stops or its memory map changes: hands back receive buffers
 * that were taken and not used, so that nothing of ours refers to the ring.
 */
void service_settle(struct guest *guest);

/* The guest is gone or new: its connections end, host programs see EOF. */
void service_guest_reset(struct guest *guest);

#endif
