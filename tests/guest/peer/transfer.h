/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The work of one connection: to send and to receive a given amount of the
 * known stream, at the same time or one after the other, and to end as it was
 * asked to.
 */
#ifndef URING_VSOCK_GUEST_TRANSFER_H
#define URING_VSOCK_GUEST_TRANSFER_H

#include "pattern.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What is asked of every connection; read-only while transfers run. */
struct transfer_plan {
	uint64_t send;
	uint64_t receive;
	uint64_t wait_at;  /* bytes received before waiting for wait_fd */
	size_t write_size; /* at most PATTERN_CHUNK */
	int wait_fd;	   /* readable: go on; -1 to never wait */
	bool reply;	   /* send only after all is received */
	bool half_close;   /* shut the sending half when all is sent */
	bool expect_eof;   /* nothing may follow but the peer's end */
	bool zerocopy;
	bool tagged; /* streams begin where the connecting side says */
	bool connecting;
	bool messages; /* each message is sent back, and nothing else */
};

struct transfer {
	const struct transfer_plan *plan;
	int fd;		/* the caller's */
	uint32_t start; /* offset where this connection's streams begin */
	_Atomic uint64_t sent, received;
	struct checksum sent_sum, received_sum;
	unsigned int copied; /* zerocopy sends that the kernel copied */
	char error[128];     /* empty: everything went as planned */
};

/* Runs one connection to its end; blocks. Errors are in transfer->error. */
void transfer_run(struct transfer *transfer);

#endif
