/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host programs that use AF_VSOCK: by the kernel's own sockets where its
 * vsock_loopback is there, elsewhere by what tests/system/fake_vsock.c puts in
 * their place in the daemon.
 */
#ifndef URING_VSOCK_TESTS_VSOCK_HOST_H
#define URING_VSOCK_TESTS_VSOCK_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define VSOCK_HOST_CID 1u /* the CID of these programs */

/* Whether the kernel's own are used. */
bool vsock_host_is_real(void);

/* Around the daemon's start: sets up its environment, and restores it. */
void vsock_host_prepare(void);
void vsock_host_done(void);

/* A non-blocking listening socket. */
int vsock_host_listen(uint32_t port, int backlog);
/* A connected one; -1 with errno. */
int vsock_host_dial(uint32_t port);

#endif
