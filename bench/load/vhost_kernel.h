/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The kernel's own device, vhost-vsock: a machine's session with
 * /dev/vhost-vsock, by ioctls in the place of vhost-user's messages. A session
 * lasts as long as its descriptor. All failures end the process.
 */
#ifndef URING_VSOCK_BENCH_VHOST_KERNEL_H
#define URING_VSOCK_BENCH_VHOST_KERNEL_H

#include "frontend/ram.h"
#include "frontend/ring.h"

/* Whether PATH is the device, and not a vhost-user socket. */
bool vhost_kernel_at(const char *path);

/* Opens the device and becomes its owner: it works in the memory of the calling
 * process. *FEATURES are those that it offers. */
int vhost_kernel_open(const char *path, uint64_t *features);

/* Gives the device RAM and both rings, and starts it. The host reaches the
 * guest by its CID from now on, which no other guest may have. */
void vhost_kernel_start(int fd, uint64_t cid, uint64_t features,
			const struct ram *ram, const struct ring *rx,
			const struct ring *tx);

#endif
