/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A set of 32-bit numbers, such as ports or CPUs, as sorted ranges. */
#ifndef URING_VSOCK_BASE_RANGES_H
#define URING_VSOCK_BASE_RANGES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct range {
	uint32_t first;
	uint32_t last; /* itself in the range */
};

/* All zero: the empty set. Between two ranges there is a gap. */
struct ranges {
	struct range *list; /* ascending */
	unsigned count;
};

void ranges_free(struct ranges *r);

/* Adds FIRST to LAST, FIRST <= LAST. 0, or -ENOMEM and nothing is added. */
int ranges_add(struct ranges *r, uint32_t first, uint32_t last);

/*
 * Adds a list such as "22,80-90", its items as text_item() parts them. 0;
 * -EINVAL: this is no such list, or an empty one; -ERANGE: a number is higher
 * than MAX; -ENOMEM. After an error some of it may have been added.
 */
int ranges_parse(struct ranges *r, const char *text, uint32_t max);

bool ranges_contain(const struct ranges *r, uint32_t n);

/* How many numbers there are. */
uint64_t ranges_size(const struct ranges *r);

/* The number of the set that has I lower ones in it; I < ranges_size(). */
uint32_t ranges_nth(const struct ranges *r, uint64_t i);

/* Writes what ranges_parse() reads; nothing for the empty set. */
void ranges_print(const struct ranges *r, FILE *out);

#endif
