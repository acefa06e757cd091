/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's memory: the regions that the front end shares, mapped here, and
 * translation of guest-physical and of the front end's user addresses.
 *
 * A map is immutable. Adding or removing a region makes a new map that shares
 * the unchanged mappings with the old one; a failed change leaves the old map
 * as it was. Whoever hands out pointers into a map keeps a reference on it
 * until the last of them is dead. The counters are plain integers: a guest,
 * its maps and all references to them belong to one worker thread.
 *
 * A file that shrinks under its mapping does not kill the process while the
 * guard is installed (virtq/guard.h): memory_lost() says that it happened.
 */
#ifndef URING_VSOCK_VIRTQ_MEMORY_H
#define URING_VSOCK_VIRTQ_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define MEMORY_SLOTS_MAX 512

/*
 * The most bytes of all regions: sparse files cost nothing, but the address
 * space that all guests share ends at 128 TiB. With pointers of 32 bits it is
 * half of the address space, so that the pages around a region have room, too.
 */
#if SIZE_MAX > UINT32_MAX
#define MEMORY_SIZE_MAX (16ull << 40)
#else
#define MEMORY_SIZE_MAX (SIZE_MAX / 2)
#endif

struct memory;

/* Laid out as in vhost-user's memory region description; bytes throughout. */
struct memory_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};

/* One mapped region as a caller may cache it; all zero never matches. */
struct memory_window {
	uint64_t guest_addr;
	uint64_t size;
	uint8_t *at;
};

/*
 * The following three return a map with one reference, the caller's, or NULL
 * with errno and a sentence in *WHY. Descriptors stay the caller's and may be
 * closed at once. Refused are empty and wrapping regions, regions that overlap
 * another one in guest-physical or user addresses, files too short for their
 * region, and more than MEMORY_SLOTS_MAX regions or MEMORY_SIZE_MAX bytes. OLD
 * keeps its references.
 */
struct memory *memory_new(const struct memory_region *regions, const int *fds,
			  unsigned n, const char **why);
struct memory *memory_add(const struct memory *old,
			  const struct memory_region *region, int fd,
			  const char **why);
/* REGION is found by both addresses and the size; mmap_offset is ignored. */
struct memory *memory_remove(const struct memory *old,
			     const struct memory_region *region,
			     const char **why);

/* Both accept NULL. The last memory_put() unmaps what no other map shares. */
struct memory *memory_get(struct memory *m);
void memory_put(struct memory *m);

/* LEN bytes at a front end's address, all in one region, or NULL. */
void *memory_at_user(const struct memory *m, uint64_t user_addr, size_t len);

/*
 * The segments that hold LEN bytes at GUEST_ADDR, over as many adjacent
 * regions as it takes: their count (0 for LEN 0), -EFAULT if a byte is not
 * mapped, -ENOBUFS if there are more than MAX.
 */
int memory_iov(const struct memory *m, uint64_t guest_addr, uint64_t len,
	       struct iovec *out, unsigned max);

/* The region that holds GUEST_ADDR; false, and OUT untouched, if none does. */
bool memory_find(const struct memory *m, uint64_t guest_addr,
		 struct memory_window *out);

/* Whether a mapping of M was replaced by zeros because its file shrank. It
 * stays so. */
bool memory_lost(const struct memory *m);

static inline void *memory_window_at(const struct memory_window *w,
				     uint64_t guest_addr, uint64_t len)
{
	uint64_t offset = guest_addr - w->guest_addr;

	if (offset >= w->size || len > w->size - offset)
		return NULL;
	return w->at + offset;
}

#endif
