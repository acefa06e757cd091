/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's driver: it offers buffers and packets in several shapes, and takes
 * back what was used. What it remembers is what a ring's memory says as long as
 * nobody tampers with it; whoever wants to finds the memory by driver_desc()
 * and the like.
 *
 * A queue has up to DRIVER_CHAINS chains in flight, each with four descriptors
 * of its own in the table, and room in the RAM (stage.h).
 */
#ifndef URING_VSOCK_TESTS_FUZZ_DRIVER_H
#define URING_VSOCK_TESTS_FUZZ_DRIVER_H

#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>

#include "fuzz/front.h"

#define DRIVER_CHAINS 32u
#define DRIVER_RX 0u
#define DRIVER_TX 1u
#define DRIVER_HEADER 44u

enum driver_shape {
	DRIVER_WHOLE,	 /* one descriptor */
	DRIVER_LINUX,	 /* header and payload */
	DRIVER_CUT,	 /* in the middle of the header, and of the payload */
	DRIVER_INDIRECT, /* header and payload, in a table */
	DRIVER_CRUMBS,	 /* a table of eight */
	DRIVER_SHAPES
};

struct driver_queue {
	uint16_t avail;		       /* the next entry to fill */
	uint16_t used;		       /* the next used element to look at */
	uint16_t given;		       /* the entry that is due back next */
	uint32_t busy;		       /* chains in flight, a bit each */
	uint16_t heads[FRONT_ENTRIES]; /* by entry */
	uint32_t room[DRIVER_CHAINS];  /* bytes of a receive buffer */
	/* VIRTIO_F_IN_ORDER: a used element that stands for several chains. */
	bool batch;
	uint32_t batch_id;
	uint32_t batch_len;
};

struct driver {
	uint8_t *ram;
	bool in_order; /* VIRTIO_F_IN_ORDER */
	struct driver_queue queue[2];
};

/* For a guest whose front end called front_set_up() with the same HOW and BASE.
 * */
void driver_init(struct driver *d, uint8_t *ram, unsigned how, uint16_t base);

struct vring_desc *driver_desc(struct driver *d, unsigned queue);
uint16_t *driver_avail(struct driver *d, unsigned queue); /* flags, index, .. */
uint16_t *driver_used(struct driver *d, unsigned queue);

/* Offers a receive buffer of LEN bytes, up to STAGE_BUFFER. False: no chain is
 * left. */
bool driver_offer(struct driver *d, enum driver_shape shape, uint32_t len);

/* Sends a packet whose payload is LEN bytes of the RAM's payload bytes, from AT
 * on. The header's own length may say something else. */
bool driver_send(struct driver *d, enum driver_shape shape,
		 const struct virtio_vsock_hdr *hdr, uint32_t at, uint32_t len);

/* Shows the device what was offered and sent. */
void driver_publish(struct driver *d, unsigned queue);

/*
 * The next chain that the device has used, which must be the oldest one in
 * flight, or -1. LEN is how much was written to it.
 */
int driver_take(struct driver *d, unsigned queue, uint32_t *len);

/* Copies N bytes from SKIP on out of receive buffer CHAIN. */
void driver_read(const struct driver *d, int chain, uint32_t skip, void *to,
		 uint32_t n);

#endif
