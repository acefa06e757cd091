/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's receive buffers: taken in a turn, filled or not, given back. The
 * only user of its RX ring.
 *
 * Buffers are offered to sockets before it is known how much there is to read,
 * and they go back to the guest in the order in which they were taken. So a
 * packet behind a buffer that stayed empty is moved up into that one, and what
 * is empty at the end of the turn is always what was taken last: it goes back
 * to the ring untouched. Nothing is taken between turns.
 */
#ifndef URING_VSOCK_GUEST_RX_BUFFERS_H
#define URING_VSOCK_GUEST_RX_BUFFERS_H

#include <stdint.h>

#include "base/iov.h"
#include "turn/turn.h"
#include "vsock/packet.h"

/* The next receive buffer, or NULL: then the guest has none, or broke a
 * rule, or the turn is full. */
struct turn_buffer *rx_take(struct guest *guest, struct turn *turn);

/* Bytes of payload that fit. */
static inline uint32_t rx_room(const struct turn_buffer *buffer)
{
	return buffer->chain.write_bytes - PACKET_HEADER_SIZE;
}

/* Appends the payload areas of BUFFER to the turn's, at most MAX bytes of
 * them. Returns the bytes. */
uint32_t rx_offer(struct turn *turn, const struct turn_buffer *buffer,
		  uint32_t max);

/* Copies LEN bytes of payload, which fit, into BUFFER. */
void rx_fill(const struct turn_buffer *buffer, const void *bytes, uint32_t len);

/* The same, the next LEN bytes of FROM, which may lie in another guest. */
void rx_fill_from(const struct turn_buffer *buffer, struct iov_cursor *from,
		  uint32_t len);

/* BUFFER goes to the guest with PACKET's header, at once or when those before
 * it do; the payload is in place. */
void rx_give(struct guest *guest, struct turn_buffer *buffer,
	     const struct packet *packet);

/* Reading into a buffer failed with -EFAULT: the ring breaks. */
void rx_memory_gone(struct guest *guest);

/* When all reads of a turn are done: packets of PART move up into the buffers
 * that stayed empty and go to the guest, and the rest waits in the ring again. */
void rx_return(struct turn *turn, const struct turn_guest *part);

#endif
