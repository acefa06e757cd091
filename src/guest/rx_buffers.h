/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's receive buffers: taken in a turn, filled or not, and given back. No
 * other module takes from the RX ring.
 *
 * Buffers are offered to sockets before it is known how much there is to read,
 * and they go back to the guest in the order in which they were taken. So a
 * packet behind a buffer that stayed empty is moved up into that one. At the
 * end of the turn the empty buffers are then the ones that were taken last, and
 * go back to the ring untouched. No buffer stays taken between turns.
 */
#ifndef URING_VSOCK_GUEST_RX_BUFFERS_H
#define URING_VSOCK_GUEST_RX_BUFFERS_H

#include <stdint.h>

#include "base/iov.h"
#include "turn/turn.h"
#include "vsock/packet.h"

/* GUEST's part of the turn begins: no link has missed a buffer yet. */
void rx_begin(struct guest *guest);

/* The next receive buffer, or NULL: the guest has none, or broke a rule, or the
 * turn is full. */
struct turn_buffer *rx_take(struct guest *guest, struct turn *turn);

/* Bytes of payload that BUFFER has room for. */
static inline uint32_t rx_room(const struct turn_buffer *buffer)
{
	return buffer->chain.write_bytes - PACKET_HEADER_SIZE;
}

/* Appends BUFFER's payload areas, MAX bytes of them at the most, to the turn's.
 * Returns the number of bytes. */
uint32_t rx_append(struct turn *turn, const struct turn_buffer *buffer,
		   uint32_t max);

/* Takes receive buffers, and appends their payload areas to the turn's, until these
 * have MAX bytes or COUNT buffers were taken, or rx_take() has none. Returns the
 * number of bytes. */
uint32_t rx_offer(struct guest *guest, struct turn *turn, uint32_t count,
		  uint32_t max);

/* Copies LEN bytes of payload, which fit, into BUFFER. */
void rx_fill(const struct turn_buffer *buffer, const void *bytes, uint32_t len);

/* Copies the next LEN bytes of FROM, which may lie in another guest's memory
 * and fit, into BUFFER. */
void rx_fill_from(const struct turn_buffer *buffer, struct iov_cursor *from,
		  uint32_t len);

/* BUFFER, whose payload is in place, goes to the guest with PACKET's header: at
 * once, or with rx_return() when a buffer before it is still undecided. */
void rx_give(struct guest *guest, struct turn_buffer *buffer,
	     const struct packet *packet);

/* Reading into a buffer failed with -EFAULT: the ring breaks. */
void rx_memory_gone(struct guest *guest);

/* When all reads of a turn are done: PART's packets move up into buffers that
 * stayed empty, and go to the guest. The empty buffers wait in the ring again. */
void rx_return(struct turn *turn, const struct turn_guest *part);

#endif
