/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's memory that an input lays out: one file, mapped whole for the
 * target, and region by region for the code under test. The target's view is
 * independent of src/virtq: it says byte by byte what is where.
 *
 * A process has one such memory. regions_close() clears all that was written to
 * it through regions_put().
 */
#ifndef URING_VSOCK_TESTS_FUZZ_REGIONS_H
#define URING_VSOCK_TESTS_FUZZ_REGIONS_H

#include "fuzz/fuzz.h"
#include "virtq/memory.h"

#define REGIONS_MAX 6
#define REGION_SIZE_MAX 65536 /* bytes, at least 1 */
#define REGION_HUGE \
	(3ull << 30) /* except for some; two of these are over 4 GiB */

struct regions {
	struct memory_region region[REGIONS_MAX]; /* ascending, at least one */
	unsigned count;
	struct memory *memory; /* the map of them */
};

/* Lays regions out as the input says: their number, sizes and gaps, odd places
 * in the file, and where the first one begins or the last one ends. The first
 * has LEAST bytes or more, and all of its addresses are multiples of 16. */
void regions_open(struct regions *r, struct fuzz_input *in, uint64_t least);
void regions_close(struct regions *r);

/* A map of the same regions, elsewhere in our address space. The caller owns
 * the reference. */
struct memory *regions_again(const struct regions *r);

/* The same over another file, which is all zeros. The caller owns its
 * descriptor. */
struct memory *regions_of_zeros(const struct regions *r, int *fd);

/* The target's view of a byte, or NULL where nothing is mapped. */
uint8_t *regions_byte(const struct regions *r, uint64_t guest_addr);

/* How many regions LEN bytes lie in, or -1 if one of them is not mapped. */
int regions_count(const struct regions *r, uint64_t guest_addr, uint64_t len);

/* Copy from and to the memory. Bytes that are not mapped read as zeros, and
 * writes to them are ignored. */
void regions_put(const struct regions *r, uint64_t guest_addr,
		 const void *bytes, size_t n);
void regions_get(const struct regions *r, uint64_t guest_addr, void *bytes,
		 size_t n);

/* The N bytes at AT lie in one region of MEMORY, a map of R, where that maps
 * them. */
bool regions_have(const struct regions *r, const struct memory *memory,
		  const void *at, size_t n);

/* An address near something, or anywhere; and the user address of a guest
 * address. */
uint64_t regions_address(const struct regions *r, struct fuzz_input *in);
uint64_t regions_user(const struct regions *r, uint64_t guest_addr);

#endif
