/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The completions of sends with MSG_ZEROCOPY, counted.
 */
#ifndef URING_VSOCK_GUEST_ZEROCOPY_H
#define URING_VSOCK_GUEST_ZEROCOPY_H

#include <stdint.h>

struct zerocopy {
	uint32_t sends;	    /* begun */
	uint32_t completed; /* whose memory is ours again */
	uint32_t copied;    /* of those, what the kernel copied after all */
};

/* Lets fd send without copies; 0 or a negative errno. */
int zerocopy_enable(int fd);

/* Collects completions until none but at most `most` are outstanding. */
int zerocopy_collect(int fd, struct zerocopy *zerocopy, uint32_t most);

#endif
