/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Packets cut into descriptors. A shape says where the cuts are; a buffer is a
 * span of guest memory into which one packet is laid by a shape. Poisoned gaps
 * keep the segments apart, so that a device that ignores their borders is
 * found.
 */
#ifndef URING_VSOCK_FRONTEND_BUFFER_H
#define URING_VSOCK_FRONTEND_BUFFER_H

#include "frontend/packet.h"
#include "frontend/ring.h"

#define SHAPE_CUTS_MAX 8
#define BUFFER_GAP 16u

/*
 * The lengths of the first segments; after them come segments of REST bytes
 * until the packet ends. REST 0: all that is left is one segment. Zero lengths
 * among the cuts are descriptors without bytes.
 */
struct shape {
	const char *name;
	unsigned ncuts;
	uint32_t cuts[SHAPE_CUTS_MAX];
	uint32_t rest;
	enum ring_mode mode;
	bool across; /* buffers lie across two regions of guest memory */
};

/* The most segments that this shape makes of a packet of BYTES. */
unsigned shape_segments_max(const struct shape *shape, size_t bytes);

struct buffer {
	struct list node; /* the owner's */
	uint8_t *span;
	size_t room; /* bytes of the span */
	struct ring_segment *segments;
	unsigned segments_max;
	unsigned count;
	size_t bytes; /* of the packet, all segments together */
	bool poisoned;
	bool reply; /* the driver's: counts as a queued reply */
};

/* A buffer for packets of up to BYTES cut by SHAPE, in RAM. */
void buffer_init(struct buffer *b, struct ram *ram, const struct shape *shape,
		 size_t bytes);
void buffer_free(struct buffer *b);

/* Cuts the buffer for a packet of BYTES; poisons the gaps if POISON. */
void buffer_cut(struct buffer *b, const struct shape *shape, size_t bytes,
		bool poison);
void buffer_write(struct buffer *b, size_t offset, const void *from, size_t n);
void buffer_read(const struct buffer *b, size_t offset, void *to, size_t n);
/* The packet's bytes at OFFSET that lie in one piece, at most *N of them. */
void *buffer_piece(const struct buffer *b, size_t offset, size_t *n);
/* Fails if anything outside the segments was written or, with EXACT, outside
 * their first USED bytes. A device may write more of a buffer than it reports
 * (virtio 1.3, 2.7.8.2): packets that it read behind an empty buffer move up.
 * */
void buffer_check_poison(const struct buffer *b, size_t used, bool exact);

#endif
