/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Descriptor chains as the specification has them, read one descriptor at a
 * time from the target's view of a memory. src/virtq must agree with this.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_WALKER_H
#define URING_VSOCK_TESTS_FUZZ_WALKER_H

#include <linux/virtio_ring.h>

#include "fuzz/regions.h"
#include "virtq/chain.h"

/* A descriptor that the input describes, mostly near something. */
struct vring_desc walker_desc(const struct regions *r, struct fuzz_input *in);

/* Walks the chain at HEAD of a table of SIZE. Returns whether it is good, and
 * obeys RULE. It is kept for walker_compare() until the next walk. */
bool walker_walk(const struct regions *r, const struct vring_desc *table,
		 uint32_t size, uint16_t head, struct chain_rule rule);

/* Any chain, or what RX and TX queues take. */
struct chain_rule walker_rule(struct fuzz_input *in);

/* C, found in MEMORY, is that chain: its buffers in order and direction, each
 * whole, and nothing else. */
void walker_compare(const struct regions *r, const struct memory *memory,
		    const struct chain *c);

/* What chain.h promises about a chain of up to ROOM segments, whatever the
 * guest has done meanwhile. Both ends of each segment are read. */
void walker_check(const struct regions *r, const struct memory *memory,
		  const struct chain *c, unsigned room);

#endif
