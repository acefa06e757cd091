/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's memory that is laid out by an input: one file, mapped whole for
 * the target, and region by region for the code under test. The target's view
 * is independent of src/virtq: it says byte by byte what is where.
 *
 * There is one such memory in a process; what is written to it through
 * regions_put() is zero again after regions_close().
 */
#ifndef URING_VSOCK_TESTS_FUZZ_REGIONS_H
#define URING_VSOCK_TESTS_FUZZ_REGIONS_H

#include "fuzz/fuzz.h"
#include "virtq/memory.h"

#define REGIONS_MAX 6
#define REGION_SIZE_MAX 65536	 /* bytes; the least is 1 */
#define REGION_HUGE (3ull << 30) /* but for some, of which two are over 4 GiB */

struct regions {
	struct memory_region region[REGIONS_MAX]; /* ascending, at least one */
	unsigned count;
	struct memory *memory; /* the map of them */
};

/* Lays regions out as the input says: their number, sizes, gaps, odd places in
 * the file, and where the first begins or the last ends. The first has LEAST
 * bytes or more, and all of its addresses are multiples of 16 together. */
void regions_open(struct regions *r, struct fuzz_input *in, uint64_t least);
void regions_close(struct regions *r);

/* The map of the same regions, elsewhere in our address space: a reference,
 * the caller's. */
struct memory *regions_again(const struct regions *r);

/* The same over another file, all zero, whose descriptor is the caller's. */
struct memory *regions_of_zeros(const struct regions *r, int *fd);

/* The target's view of a byte, or NULL where nothing is mapped. */
uint8_t *regions_byte(const struct regions *r, uint64_t guest_addr);

/* How many regions LEN bytes lie in, or -1 if one of them is not mapped. */
int regions_count(const struct regions *r, uint64_t guest_addr, uint64_t len);

/* Copies to and from the memory; what is not mapped is passed over, or zero. */
void regions_put(const struct regions *r, uint64_t guest_addr,
		 const void *bytes, size_t n);
void regions_get(const struct regions *r, uint64_t guest_addr, void *bytes,
		 size_t n);

/* N bytes at AT lie in one region of MEMORY, a map of R, as that maps it. */
bool regions_have(const struct regions *r, const struct memory *memory,
		  const void *at, size_t n);

/* An address near something, or anywhere; the user's address of a guest's. */
uint64_t regions_address(const struct regions *r, struct fuzz_input *in);
uint64_t regions_user(const struct regions *r, uint64_t guest_addr);

#endif
