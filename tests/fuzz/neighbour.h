/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VM that does nothing wrong, and must not notice what others do. It has one
 * connection with a host program, from the beginning of an input to its end.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_NEIGHBOUR_H
#define URING_VSOCK_TESTS_FUZZ_NEIGHBOUR_H

#include "fuzz/driver.h"

struct neighbour {
	struct front front;
	struct driver driver;
	int program; /* the host program's end */
	uint32_t host_port;
	uint32_t got;  /* bytes from the program, */
	uint32_t sent; /* and to it */
};

/* The connection is open. */
void neighbour_open(struct neighbour *n, struct stage_vm *vm);

/* Moves LEN bytes in each direction, and compares them. */
void neighbour_check(struct neighbour *n, uint32_t len);

void neighbour_close(struct neighbour *n);

#endif
