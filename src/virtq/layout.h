/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The split virtqueue in memory (virtio 1.3, 2.7): sizes and offsets of its
 * three parts, and the only functions that load from or store to them.
 *
 * The other side may change every byte at every moment. So each function here
 * does one access, the value it returns is private, and callers never read a
 * field twice for one decision.
 */
#ifndef URING_VSOCK_VIRTQ_LAYOUT_H
#define URING_VSOCK_VIRTQ_LAYOUT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_ring.h>

#define LAYOUT_SIZE_MAX 32768 /* entries; virtio 1.3, 2.7 */

/* A private copy of a descriptor in the host's byte order. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

#define DESC_BYTES sizeof(struct vring_desc)

static inline size_t layout_desc_bytes(unsigned size)
{
	return DESC_BYTES * size;
}

/* flags, idx, ring[size], used_event (only with EVENT_IDX) */
static inline size_t layout_avail_bytes(unsigned size, bool event_idx)
{
	return 4 + 2 * (size_t)size + (event_idx ? 2 : 0);
}

/* flags, idx, ring[size] of id and len, avail_event (only with EVENT_IDX) */
static inline size_t layout_used_bytes(unsigned size, bool event_idx)
{
	return 4 + 8 * (size_t)size + (event_idx ? 2 : 0);
}

/* Indirect tables need no alignment, hence the packed type. */
struct layout_word {
	uint64_t value;
} __attribute__((packed, may_alias));

static inline struct desc layout_desc(const void *at)
{
	const volatile struct layout_word *word = at;
	uint64_t addr = le64toh(word[0].value);
	uint64_t rest = le64toh(word[1].value);

	return (struct desc){
		.addr = addr,
		.len = (uint32_t)rest,
		.flags = (uint16_t)(rest >> 32),
		.next = (uint16_t)(rest >> 48),
	};
}

static inline uint16_t layout_load(const uint16_t *at, int order)
{
	return le16toh(__atomic_load_n(at, order));
}

static inline void layout_store(uint16_t *at, uint16_t value, int order)
{
	__atomic_store_n(at, htole16(value), order);
}

static inline void layout_used(struct vring_used_elem *at, uint16_t head,
			       uint32_t len)
{
	__atomic_store_n(&at->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&at->len, htole32(len), __ATOMIC_RELAXED);
}

#endif
