/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The byte stream that both ends of a test connection know.
 *
 * It repeats after a prime number of bytes, so that a byte that arrives at
 * another place than it was sent from, a packet's or a page's size away for
 * example, differs from what belongs there. Any PATTERN_CHUNK bytes of it lie
 * together in memory, and can be sent without a copy.
 */
#ifndef URING_VSOCK_GUEST_PATTERN_H
#define URING_VSOCK_GUEST_PATTERN_H

#include <stddef.h>
#include <stdint.h>

enum {
	PATTERN_PERIOD = 1048573,
	PATTERN_CHUNK = 262144,
};

/* It depends on the order: two streams with one value had the same bytes. */
struct checksum {
	uint64_t value;
	uint64_t word;
	unsigned int filled;
};

/* Fills the table; once, before anything else of this header. */
void pattern_init(void);

/* The stream from an offset on, good for PATTERN_CHUNK bytes. */
const uint8_t *pattern_at(uint64_t offset);

/* The index at which bytes[0..n) differ from the stream at OFFSET first; n if
 * nowhere. */
size_t pattern_compare(uint64_t offset, const uint8_t *bytes, size_t n);

void checksum_add(struct checksum *sum, const uint8_t *bytes, size_t n);

/* The checksum of all that was added; more may follow. */
uint64_t checksum_value(const struct checksum *sum);

#endif
