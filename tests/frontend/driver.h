/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Linux's virtio_transport.c in small: an RX ring that is kept full of buffers;
 * a TX ring, and a queue of control packets before it; replies that are
 * counted, so that receiving stops while too many are owed; interrupts taken
 * from the call eventfds. What packets mean is the business of
 * frontend/sockets.h.
 *
 * Everything that arrives is checked: the used length is exactly 44 + len, and
 * nothing beyond it was written.
 */
#ifndef URING_VSOCK_FRONTEND_DRIVER_H
#define URING_VSOCK_FRONTEND_DRIVER_H

#include "frontend/driver_io.h"

/* About how much guest memory a driver of this configuration needs. */
size_t driver_ram_size(const struct driver_config *config);
/* Lays out rings and buffers in RAM, which stays the caller's. */
void driver_init(struct driver *d, const struct driver_config *config,
		 const struct driver_ops *ops, struct world *w,
		 struct ram *ram);
void driver_free(struct driver *d);
unsigned driver_rings(const struct driver *d);

/* The device is set up: the driver fills the RX ring and begins. */
void driver_run(struct driver *d);
/* The driver stops taking and offering; packets wait for driver_run(). */
void driver_halt(struct driver *d);
/* While PAUSED, nothing is taken from the RX ring and no buffer is offered. */
void driver_pause_rx(struct driver *d, bool paused);
/* Sets the rings up as after a device reset, and forgets all that was under
 * way. */
void driver_reset(struct driver *d, uint16_t rx_base, uint16_t tx_base);

#endif
