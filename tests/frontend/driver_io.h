/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The driver's work on its rings; driver.c decides when it is done. All of it
 * may be called at any time, and does nothing while the driver is halted.
 */
#ifndef URING_VSOCK_FRONTEND_DRIVER_IO_H
#define URING_VSOCK_FRONTEND_DRIVER_IO_H

#include "frontend/driver_state.h"

/* Bytes of one RX buffer. */
size_t driver_rx_bytes(const struct driver_config *c);

/* Offers all RX buffers that the driver has. */
void driver_fill_rx(struct driver *d);
/* Takes what was received, hands it on, and refills the ring. */
void driver_run_rx(struct driver *d);
/* Sends what waits: control packets first, then what pull() gives. */
void driver_run_tx(struct driver *d);
/* Takes back the buffers of sent packets. */
void driver_reclaim_tx(struct driver *d);
/* Counts the events that the device has sent. */
void driver_run_events(struct driver *d);
/* Offers one of the event buffers that were kept back, and keeps back none from
 * now on. */
void driver_return_events(struct driver *d);
void driver_forget_queued(struct driver *d);

/* Queues a packet without payload. REPLY: it answers a packet that was
 * received. */
void driver_send(struct driver *d, const struct packet *p, bool reply);
/* Called by pull(): sends the header with payload from pieces of SOURCE. */
struct source;
void driver_send_data(struct driver *d, const struct packet *p,
		      struct source *source);
/* Sends any header with any payload at once; false if the ring is full. */
bool driver_send_raw(struct driver *d, const struct packet *p,
		     const void *payload, size_t length);
/* The device has used all that was sent. */
bool driver_tx_idle(const struct driver *d);

#endif
