/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The line by which a host program asks for a guest's port, and the answer:
 * "CONNECT <port>\n" and "OK <host port>\n", the hybrid vsock convention of
 * Firecracker's docs/vsock.md, which cloud-hypervisor and vhost-device-vsock
 * share.
 */
#ifndef URING_VSOCK_VSOCK_HANDSHAKE_H
#define URING_VSOCK_VSOCK_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

/* Longest line, with its newline. */
#define HANDSHAKE_LINE_MAX 32

/* "OK 4294967295\n" and a NUL. */
#define HANDSHAKE_ANSWER_MAX 15

/*
 * Looks at the N bytes that came so far. Returns the length of the line with
 * its newline, and *port; 0 if the line is not complete yet; -EPROTO if it
 * can't become one. The keyword may be in either case, the port is 0 to
 * 4294967294 in digits only; a carriage return before the newline is taken.
 */
int handshake_parse(const char *bytes, size_t n, uint32_t *port);

/*
 * The same for a socket that keeps messages apart, where the line is the whole
 * of the first one and may lack its newline. 0 and *port, or -EPROTO.
 */
int handshake_parse_message(const char *bytes, size_t n, uint32_t *port);

/* Writes the answer, returns its length (at most 9 for ports <= 65535). */
size_t handshake_answer(char out[HANDSHAKE_ANSWER_MAX], uint32_t host_port);

#endif
