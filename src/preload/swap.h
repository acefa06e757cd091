/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Another file behind the descriptors that the program holds.  Their numbers
 * and close-on-exec flags stay; registrations with an epoll do not follow, nor
 * do copies that other processes have.
 */
#ifndef URING_VSOCK_PRELOAD_SWAP_H
#define URING_VSOCK_PRELOAD_SWAP_H

#include "preload/endpoint.h"

/* All are called with the lock held. */

/* All descriptors of ENDPOINT refer to FILE's file; FILE stays open. */
void swap_in(const struct endpoint *endpoint, int file);
/*
 * All descriptors of ENDPOINT, of which FD is one, refer to a new Unix socket
 * with the old one's options and port: a Unix socket that was connected once
 * cannot be connected again.
 */
void swap_fresh(struct endpoint *endpoint, int fd);

#endif
