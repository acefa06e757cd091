/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef URING_VSOCK_PEER_OPTIONS_H
#define URING_VSOCK_PEER_OPTIONS_H

#include "address.h"
#include "transfer.h"

struct options {
	struct address address;
	struct transfer_plan plan;
	unsigned int count; /* connections, all open at the same time */
	bool progress;
};

/* 0, or -EINVAL after having said on stderr what is wrong. */
int options_parse(int argc, char **argv, struct options *out);

#endif
