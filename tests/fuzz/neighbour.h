/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VM that does nothing wrong, and must not notice that others do: it has one
 * connection with a host program, which goes on from the beginning of an input
 * to its end.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_NEIGHBOUR_H
#define URING_VSOCK_TESTS_FUZZ_NEIGHBOUR_H

#include "fuzz/driver.h"

struct neighbour {
	struct front front;
	struct driver driver;
	int program; /* the host's end */
	uint32_t host_port;
	uint32_t got;  /* bytes from the program, */
	uint32_t sent; /* and to it */
};

/* The connection is there. */
void neighbour_open(struct neighbour *n, struct stage_vm *vm);

/* LEN bytes each way, compared. */
void neighbour_check(struct neighbour *n, uint32_t len);

void neighbour_close(struct neighbour *n);

#endif
