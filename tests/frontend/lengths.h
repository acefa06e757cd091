/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The lengths of the messages that somebody got, in order. */
#ifndef URING_VSOCK_FRONTEND_LENGTHS_H
#define URING_VSOCK_FRONTEND_LENGTHS_H

#include "frontend/basics.h"

struct lengths {
	uint32_t *at;
	unsigned count;
	unsigned room;
};

void lengths_add(struct lengths *lengths, uint32_t length);
void lengths_free(struct lengths *lengths);

#endif
