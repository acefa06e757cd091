/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's memory: one span of guest-physical addresses, cut into regions that
 * are a memory file each. Here the regions are mapped side by side, so that a
 * pointer into the span and a guest address differ by a constant, even in a
 * buffer that crosses regions. The back end sees separate files.
 */
#ifndef URING_VSOCK_FRONTEND_RAM_H
#define URING_VSOCK_FRONTEND_RAM_H

#include "frontend/basics.h"
#include "frontend/wire.h"

#define RAM_REGIONS_MAX 512
#define RAM_GUEST_BASE 0x40000000ull /* guest-physical, of the span */

struct ram {
	uint8_t *base; /* of the span, page aligned */
	size_t size;
	unsigned count;
	size_t region_size; /* of all regions but the last, which takes the rest */
	size_t file_offset; /* of each region in its file */
	int *fds;
	size_t used; /* by the allocator, from the start */
};

/*
 * SIZE bytes in COUNT regions, each FILE_OFFSET bytes into its memfd. Sizes are
 * rounded up to pages.
 */
void ram_init(struct ram *ram, size_t size, unsigned count, size_t file_offset);
void ram_free(struct ram *ram);

/* Zeroed memory, inside one region if it fits into one. It is freed with all of
 * the RAM. */
void *ram_alloc(struct ram *ram, size_t size, size_t align);
/* The same, but half on each side of the next border between two regions. */
void *ram_alloc_across(struct ram *ram, size_t size);

uint64_t ram_guest_addr(const struct ram *ram, const void *at);
/* The address that SET_VRING_ADDR wants. */
uint64_t ram_user_addr(const struct ram *ram, const void *at);

/* Region I as SET_MEM_TABLE and ADD_MEM_REG describe it; its descriptor is
 * ram->fds[I]. */
struct vu_region ram_region(const struct ram *ram, unsigned i);

/* A checksum of all bytes, which tells whether any has changed. */
uint64_t ram_sum(const struct ram *ram);

#endif
