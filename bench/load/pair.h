/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Two connected sockets, without any device between them. */
#ifndef URING_VSOCK_BENCH_PAIR_H
#define URING_VSOCK_BENCH_PAIR_H

enum pair_type {
	PAIR_STREAM,   /* of AF_UNIX */
	PAIR_MESSAGES, /* of AF_UNIX, SOCK_SEQPACKET */
	PAIR_TCP,      /* over the loopback device, with TCP's defaults */
};

/* Both block. They are the caller's to close; ends the process on failure. */
void pair_make(enum pair_type type, int fds[2]);

#endif
