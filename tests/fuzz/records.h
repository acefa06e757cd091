/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Inputs that are lists of steps: eight bytes each, the first of which says
 * what is done. They are mutated step by step, so that inserting or removing
 * one does not change the meaning of all that follow.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_RECORDS_H
#define URING_VSOCK_TESTS_FUZZ_RECORDS_H

#include "fuzz/fuzz.h"

struct record {
	uint8_t op, a, b, c;
	uint16_t d, e;
};

#define RECORDS_MAX 256u

/* Reads the next one; false at the end. */
static inline bool record_next(struct fuzz_input *in, struct record *r)
{
	if (in->left < sizeof(*r))
		return false;
	fuzz_bytes(in, r, sizeof(*r));
	return true;
}

/* The target's number of ops: 0 to OPS - 1 are used. */
extern const unsigned records_ops;

/* What libFuzzer calls. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
				 const uint8_t *b, size_t b_size, uint8_t *out,
				 size_t max, unsigned seed);

#endif
