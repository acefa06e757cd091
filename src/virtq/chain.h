/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A descriptor chain, walked once into a private and validated form: what the
 * guest does to its descriptors afterwards changes nothing here. Segments lie
 * inside mapped regions, sizes add up, directions are in order, and the chain
 * is what its queue is for (struct chain_rule); nobody checks that again.
 *
 * Every shape of virtio 1.3, 2.7.5, is accepted: direct, indirect, direct
 * descriptors followed by an indirect table, buffers and tables that cross
 * regions, empty buffers (dropped).
 */
#ifndef URING_VSOCK_VIRTQ_CHAIN_H
#define URING_VSOCK_VIRTQ_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "virtq/memory.h"

/* The fault of a chain that refers to WHAT outside the shared memory. */
#define CHAIN_UNMAPPED(what)                                               \
	what " outside the memory that the hypervisor shares, which must " \
	     "be all of the guest's, each DIMM and NUMA node"

/* Descriptors with a buffer in one chain; the next one is a fault. */
#define CHAIN_DESCRIPTORS_MAX 1024
/*
 * Room for any chain: buffers that do not overlap add at most one segment for
 * each region's end. A chain with more segments is a fault.
 */
#define CHAIN_SEGMENTS_MAX (CHAIN_DESCRIPTORS_MAX + MEMORY_SLOTS_MAX)

/* What a queue's chains are for: to be read or written by the device. */
enum chain_use {
	CHAIN_ANY, /* both, in virtio's order */
	CHAIN_TO_READ,
	CHAIN_TO_WRITE,
};

/*
 * What every walk of a queue's chains promises to the caller: only segments of
 * that direction, and LEAST bytes or more in them, so that with LEAST > 0 there
 * is a segment. A chain that breaks the rule is the guest's fault.
 */
struct chain_rule {
	enum chain_use use;
	uint32_t least;
};

struct chain {
	uint16_t head;	      /* what the used element names */
	uint16_t index;	      /* of its available entry; set by virtq.c */
	uint16_t nread;	      /* segments to read, from iov[0] on */
	uint16_t nwrite;      /* segments to write, from iov[nread] on */
	uint16_t descriptors; /* that were looked at, empty ones too */
	uint32_t read_bytes;
	uint32_t write_bytes;
	bool early;	   /* no more than a head: see virtq_peek() */
	struct iovec *iov; /* the caller's array; no empty segments */
};

/* Where chains come from. The windows are a cache; zero them at set-up. */
struct chain_source {
	const uint8_t *table; /* SIZE descriptors */
	uint32_t size;
	struct chain_rule rule;
	const struct memory *memory;
	struct memory_window buffers;
	struct memory_window tables;
	const char *fault;    /* after -EPROTO: which rule was broken, static */
	uint32_t fault_index; /* and by which descriptor of its table */
};

/*
 * Walks the chain at HEAD into OUT and IOV. Returns 0; -EPROTO if the chain
 * breaks a rule (SOURCE says which); -ENOBUFS if it has more than MAX segments,
 * never if MAX >= CHAIN_SEGMENTS_MAX. OUT and IOV are undefined on failure.
 */
int chain_walk(struct chain_source *source, uint16_t head, struct iovec *iov,
	       unsigned max, struct chain *out);

/*
 * Walks the chain at HEAD of a queue of writable chains if it is a receive
 * buffer as drivers make it: one writable descriptor of the direct table, whose
 * buffer is in the region that was hit last. False: chain_walk() decides, which
 * reads the descriptor again and judges what it reads.
 */
bool chain_walk_buffer(struct chain_source *source, uint16_t head,
		       struct iovec *segment, struct chain *out);

#endif
