/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A worker: one ring, the VMs that it serves, and the turn that moves their
 * packets. See docs/architecture.md, "One turn". All functions are for the
 * worker's own thread.
 */
#ifndef URING_VSOCK_SERVICE_H
#define URING_VSOCK_SERVICE_H

struct config;
struct service;

/*
 * Makes the ring and the VMs of CONFIG, which must outlive the service. NULL
 * after an error that has been logged; nothing is left behind.
 */
struct service *service_new(const struct config *config);

/* Closes everything; host programs see EOF. Accepts NULL. */
void service_free(struct service *service);

/* Runs until SIGTERM or SIGINT, which the caller has blocked. 0, or -errno
 * after an error that has been logged. */
int service_run(struct service *service);

#endif
