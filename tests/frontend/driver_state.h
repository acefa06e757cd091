/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The driver's configuration and state, which its two halves share. */
#ifndef URING_VSOCK_FRONTEND_DRIVER_STATE_H
#define URING_VSOCK_FRONTEND_DRIVER_STATE_H

#include "frontend/buffer.h"
#include "frontend/world.h"

enum driver_ring { DRIVER_RX, DRIVER_TX, DRIVER_EVENT, DRIVER_RINGS };

struct driver_config {
	uint16_t rx_size;
	uint16_t tx_size;
	uint16_t event_size; /* 0: only two rings, as with QEMU */
	uint64_t features;   /* EVENT_IDX, INDIRECT and IN_ORDER matter here */
	struct shape
		rx_shape; /* only the cuts matter: a buffer is as long as they are */
	struct shape tx_shape;
	unsigned rx_buffers; /* at most so many; 0: as many as fit */
	bool polling; /* no interrupts: the rings are looked at all the time */
	bool kick_each; /* a kick for each packet, as on Linux 6.12's fast path, not one for a batch */
	bool lone;     /* there is one connection, so no packet ever moves up */
	bool trusting; /* for benches: nothing is poisoned or compared */
};

struct driver;

struct driver_ops {
	/* A packet has arrived; its payload lies at offset 44 of BUFFER. */
	void (*received)(struct driver *d, const struct packet *p,
			 const struct buffer *buffer);
	/* A run of received() calls is over. */
	void (*batch_over)(struct driver *d);
	/* There is room for a data packet: send one by driver_send_data(), or
	 * return false. */
	bool (*pull)(struct driver *d);
};

struct driver {
	struct driver_config config;
	const struct driver_ops *ops;
	struct world *world;
	struct ram *ram;
	struct ring rings[DRIVER_RINGS];
	struct watch rx_watch;
	struct watch tx_watch;
	struct ticker ticker;
	struct buffer *rx_buffers;
	struct buffer *tx_buffers;
	uint32_t *event_buffers;
	unsigned rx_count;
	unsigned tx_count;
	struct list rx_free;
	struct list tx_free;
	struct list queued; /* control packets that wait for the ring */
	unsigned queued_replies;
	unsigned rx_most; /* buffers in a full RX ring */
	bool rx_stalled;
	bool rx_paused; /* see driver_pause_rx() */
	bool running;
	uint64_t received;
	uint64_t sent;
	uint64_t events;	   /* transport resets */
	bool keeps_events;	   /* event buffers are not offered again */
	uint64_t packets_by_op[8]; /* received */
};

#endif
