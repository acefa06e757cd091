/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The first words on a hybrid socket: CONNECT, and OK if the guest takes it. */
#ifndef URING_VSOCK_PRELOAD_GREET_H
#define URING_VSOCK_PRELOAD_GREET_H

#include <stdint.h>

/*
 * Asks for PORT over FD, a Unix socket of this TYPE that is connected to the
 * hybrid socket, and waits for the answer until DEADLINE of clock_ns(), whether
 * or not FD blocks.  Nothing behind the answer is read.  0 and *HOST_PORT, the
 * port that the guest sees; -ECONNRESET if the guest refuses, -ETIMEDOUT, or
 * -EPROTO if the answer is none.
 */
int greet(int fd, int type, uint32_t port, uint64_t deadline,
	  uint32_t *host_port);

#endif
