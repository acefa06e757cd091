/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Linux's virtio_transport.c in small: an RX ring kept full of buffers, a TX
 * ring with a queue of control packets before it, replies counted so that RX
 * stops when too many are owed, interrupts taken from the call eventfds. What
 * packets mean is the business of frontend/sockets.h.
 *
 * Checks on everything that arrives: the used length is exactly 44 + len and
 * nothing was written beyond it.
 */
#ifndef URING_VSOCK_FRONTEND_DRIVER_H
#define URING_VSOCK_FRONTEND_DRIVER_H

#include "frontend/buffer.h"
#include "frontend/world.h"

enum driver_ring { DRIVER_RX, DRIVER_TX, DRIVER_EVENT, DRIVER_RINGS };

struct driver_config {
	uint16_t rx_size;
	uint16_t tx_size;
	uint16_t event_size;   /* 0: two rings only, as QEMU */
	uint64_t features;     /* EVENT_IDX and INDIRECT count here */
	struct shape rx_shape; /* cuts only: a buffer is as long as they are */
	struct shape tx_shape;
	unsigned rx_buffers; /* at most so many; 0: as many as fit */
	bool polling;	     /* nobody calls: look at the rings all the time */
	bool kick_each;	     /* Linux 6.12's fast path, not once per batch */
	bool trusting;	     /* for benches: no poison, no comparing */
};

struct driver;

struct driver_ops {
	/* A packet has arrived; its payload lies at offset 44 of BUFFER. */
	void (*received)(struct driver *d, const struct packet *p,
			 const struct buffer *buffer);
	/* A run of received() is over. */
	void (*batch_over)(struct driver *d);
	/* There is room: send one data packet by driver_send_data() or return
	 * false. */
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
	struct list queued; /* of control packets that wait for the ring */
	unsigned queued_replies;
	unsigned rx_most; /* buffers in a full RX ring */
	bool rx_stalled;
	bool rx_paused; /* see driver_pause_rx() */
	bool running;
	uint64_t received;
	uint64_t sent;
	uint64_t events;	   /* transport resets */
	uint64_t packets_by_op[8]; /* received */
};

/* Guest memory that a driver of this configuration needs, about. */
size_t driver_ram_size(const struct driver_config *config);
/* Lays out rings and buffers in RAM, which stays the caller's. */
void driver_init(struct driver *d, const struct driver_config *config,
		 const struct driver_ops *ops, struct world *w,
		 struct ram *ram);
void driver_free(struct driver *d);
unsigned driver_rings(const struct driver *d);

/* The device is set up: fill RX, let things move. */
void driver_run(struct driver *d);
/* Stops taking and offering; packets wait. driver_run() goes on. */
void driver_halt(struct driver *d);
/* Nothing is taken from RX and no buffer is offered while PAUSED. */
void driver_pause_rx(struct driver *d, bool paused);
/* The rings as after a device reset; whatever was under way is forgotten. */
void driver_reset(struct driver *d, uint16_t rx_base, uint16_t tx_base);

/* Sending is done by driver_io.c. */

/* A packet without payload; REPLY: it answers a received one. */
void driver_send(struct driver *d, const struct packet *p, bool reply);
/* Inside pull(): header and payload, the latter from pieces of SOURCE. */
struct source;
void driver_send_data(struct driver *d, const struct packet *p,
		      struct source *source);
/* Any header with any payload, at once; false if the ring is full. */
bool driver_send_raw(struct driver *d, const struct packet *p,
		     const void *payload, size_t length);
/* All that was sent has been used by the device. */
bool driver_tx_idle(const struct driver *d);

#endif
