/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The driver's side of a split virtqueue (virtio 1.3, 2.7), as Linux drives
 * one. The memory is open to tests that break the rules: they may write desc,
 * avail and used behind this module's back.
 */
#ifndef URING_VSOCK_FRONTEND_RING_H
#define URING_VSOCK_FRONTEND_RING_H

#include <linux/virtio_ring.h>

#include "frontend/ram.h"

enum ring_mode {
	RING_DIRECT,
	RING_INDIRECT, /* chains of two and more go into a table */
	RING_MIXED,    /* the first descriptor direct, the others in a table */
};

struct ring_segment {
	void *at; /* in guest memory */
	uint32_t len;
};

struct ring {
	struct ram *ram;
	uint16_t size;
	bool event_idx;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *tables; /* table_len entries for each head */
	unsigned table_len;
	int kick_fd;
	int call_fd;
	int err_fd;
	uint16_t free_head;
	uint16_t free_count;
	uint16_t avail_idx;  /* what avail->idx is, or will be */
	uint16_t kicked_idx; /* what it was at the last kick */
	uint16_t last_used;
	uint16_t *next;	  /* private: the free list, and chains in flight */
	uint16_t *length; /* descriptors of the chain in flight, by its head */
	void **tokens;	  /* of chains in flight, by head */
	uint16_t *heads;  /* of chains in flight, by the entry's index */
	uint32_t *room; /* bytes to be written in a chain in flight, by its head */
	bool in_order;	/* VIRTIO_F_IN_ORDER: one element stands for a batch */
	bool any_order; /* the device promises nothing without it */
	bool batch_open; /* LAST belongs to a batch that was not taken whole yet */
	struct vring_used_elem last;
	uint64_t kicks;
	uint64_t calls;
};

/*
 * Memory for SIZE entries, eventfds and, unless TABLE_LEN is 0, indirect tables
 * of that many entries. Both indexes start at 0.
 */
void ring_init(struct ring *r, struct ram *ram, uint16_t size, bool event_idx,
	       unsigned table_len);
void ring_free(struct ring *r);
/* As after a driver's reset: empty, nothing in flight, both indexes at BASE. */
void ring_reset(struct ring *r, uint16_t base);

/*
 * Offers a chain of NOUT segments to be read and NIN to be written. False if
 * there are too few descriptors. TOKEN, which is not NULL, comes back from
 * ring_take().
 */
bool ring_add(struct ring *r, const struct ring_segment *segments,
	      unsigned nout, unsigned nin, enum ring_mode mode, void *token);
/* Kicks if the device asked for it. */
void ring_kick(struct ring *r);
/* For tests that break the rules: offers HEAD, whatever desc[] says, and kicks.
 * */
void ring_offer(struct ring *r, uint16_t head);
/* The same with an index that is not the next one. */
void ring_set_avail(struct ring *r, uint16_t idx);
/* Whether the device has signalled the ring's error eventfd since the last
 * call. */
bool ring_failed(struct ring *r);

/*
 * The next chain that was used, or NULL. Fails if the device has used a chain
 * that it did not have.
 */
void *ring_take(struct ring *r, uint32_t *len);
uint16_t ring_in_flight(const struct ring *r);
/* How many used elements were not taken yet. */
uint16_t ring_waiting(const struct ring *r);

void ring_calls_off(struct ring *r);
/* True: something was used meanwhile and must be taken first. */
bool ring_calls_on(struct ring *r);
/* Empties the call eventfd; false if it was not signalled. */
bool ring_called(struct ring *r);

#endif
