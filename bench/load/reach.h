/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How host programs reach a guest and are reached by it: over the Unix sockets
 * of a vhost-user daemon, or over AF_VSOCK, where the device is the kernel's.
 */
#ifndef URING_VSOCK_BENCH_REACH_H
#define URING_VSOCK_BENCH_REACH_H

#include <stdbool.h>
#include <stdint.h>

struct reach {
	const char *uds; /* the hybrid socket; NULL: AF_VSOCK */
	unsigned cid;	 /* the guest's */
};

/* The VM with the CID whose DEVICE is a vhost-user socket or the kernel's
 * device; with that UDS does not matter. UDS stays the caller's. */
struct reach reach_guest(const char *device, const char *uds, unsigned cid);

/* A non-blocking listener at PORT, for streams or, with MESSAGES, for
 * SOCK_SEQPACKET. On AF_VSOCK it is that of all guests, so they must dial ports
 * of their own. A failure ends the process. */
int reach_listen(const struct reach *r, uint32_t port, int backlog,
		 bool messages);

/* A blocking connection to the guest's PORT, once the guest has accepted it. A
 * failure ends the process. */
int reach_dial(const struct reach *r, uint32_t port);

#endif
