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

#include "frontend/driver_io.h"

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

#endif
