/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A client of the hybrid socket that sends its line in its own way. */
#ifndef URING_VSOCK_TESTS_CLIENT_H
#define URING_VSOCK_TESTS_CLIENT_H

#include "system/system.h"

/* Connects and sends nothing; the answer's line is awaited. */
void client_dial(struct scene *s, struct host_conn *c);
/* Sends N BYTES in pieces of CHUNK; false if the daemon hung up meanwhile. */
bool client_say(struct scene *s, struct host_conn *c, const char *bytes,
		size_t n, size_t chunk);
/* The daemon closes C without having sent a byte, and so do we. */
void client_expect_refusal(struct scene *s, struct host_conn *c);
/* The same for a client whose line was right: it sees an end of file, and no
 * error. */
void client_expect_end(struct scene *s, struct host_conn *c);

#endif
