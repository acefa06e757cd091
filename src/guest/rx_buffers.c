/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The buffer that is given to the guest is always the oldest of those that were
 * taken. So a buffer is given as soon as it has its packet if all before it
 * were given. Otherwise its packet's header is kept, and rx_return() writes it
 * when it is known which buffer the packet goes into. The payload has to be
 * copied then only where a read fell short of what the socket was thought to
 * hold, which to_guest.c makes rare.
 *
 * Buffers may differ in size. A packet that is too large for the buffer that it
 * must go into is split: a stream has no borders, and of a message only the
 * last packet says that it ends.
 */
#include "guest/rx_buffers.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "guest/guest.h"
#include "turn/turn.h"
#include "vsock/conn.h"
#include "vsock/conn_output.h"

static struct virtq *rx_queue(struct guest *guest)
{
	return &guest->queue[GUEST_RX].vq;
}

void rx_begin(struct guest *guest)
{
	guest->rx.short_of_buffers = false;
}

struct turn_buffer *rx_take(struct guest *guest, struct turn *turn)
{
	struct turn_buffer *buffer = &turn->buffers[turn->nbuffers];
	struct iovec *iov = turn->rx_segments + turn->nrx_segments;

	if (turn->nbuffers == TURN_BUFFERS ||
	    turn->nrx_segments >= TURN_BUFFER_SEGMENTS)
		return NULL;
	if (virtq_take(rx_queue(guest), iov, VIRTQ_CHAIN_MAX, &buffer->chain) <=
	    0) {
		guest->rx.short_of_buffers = true;
		return NULL;
	}
	buffer->len = 0;
	turn->nrx_segments += buffer->chain.nwrite;
	turn->nbuffers++;
	return buffer;
}

uint32_t rx_append(struct turn *turn, const struct turn_buffer *buffer,
		   uint32_t max)
{
	size_t len = min_u32(max, rx_room(buffer));
	struct iov_cursor at;

	iov_begin(&at, buffer->chain.iov, buffer->chain.nwrite);
	iov_skip(&at, PACKET_HEADER_SIZE);
	turn->npayload += iov_slice(&at, turn->payload + turn->npayload,
				    buffer->chain.nwrite, &len);
	return (uint32_t)len;
}

/* As rx_offer(), but stops before the first buffer that has more than one segment or
 * that virtq_take_buffer() leaves to virtq_take() for another reason. */
static uint32_t offer_usual(struct guest *guest, struct turn *turn,
			    uint32_t count, uint32_t max)
{
	uint32_t left = max;

	count = min_u32(count, TURN_BUFFERS - turn->nbuffers);
	count = min_u32(count,
			TURN_BUFFER_SEGMENTS - min_u32(turn->nrx_segments,
						       TURN_BUFFER_SEGMENTS));
	for (; count && left; count--) {
		struct turn_buffer *buffer = &turn->buffers[turn->nbuffers];
		struct iovec *segment = turn->rx_segments + turn->nrx_segments;
		uint32_t len;

		if (!virtq_take_buffer(rx_queue(guest), segment,
				       &buffer->chain))
			break;
		len = min_u32(left, rx_room(buffer));
		buffer->len = 0;
		turn->payload[turn->npayload++] = (struct iovec){
			(char *)segment->iov_base + PACKET_HEADER_SIZE, len
		};
		turn->nbuffers++;
		turn->nrx_segments++;
		left -= len;
	}
	return max - left;
}

uint32_t rx_offer(struct guest *guest, struct turn *turn, uint32_t count,
		  uint32_t max)
{
	uint32_t end = turn->nbuffers + count;
	uint32_t left = max;
	struct turn_buffer *buffer;

	for (;;) {
		left -= offer_usual(guest, turn, end - turn->nbuffers, left);
		if (!left || turn->nbuffers == end)
			break;
		buffer = rx_take(guest, turn);
		if (!buffer)
			break;
		left -= rx_append(turn, buffer, left);
	}
	return max - left;
}

void rx_fill(const struct turn_buffer *buffer, const void *bytes, uint32_t len)
{
	struct iov_cursor at;

	iov_begin(&at, buffer->chain.iov, buffer->chain.nwrite);
	iov_skip(&at, PACKET_HEADER_SIZE);
	iov_write(&at, bytes, len);
}

void rx_fill_from(const struct turn_buffer *buffer, struct iov_cursor *from,
		  uint32_t len)
{
	const struct iovec *part = buffer->chain.iov;
	size_t skip = PACKET_HEADER_SIZE;

	/* Drivers make one segment for header and payload. */
	if (likely(part->iov_len >= PACKET_HEADER_SIZE + (size_t)len)) {
		iov_read(from, (char *)part->iov_base + skip, len);
		return;
	}
	for (; len; part++) {
		size_t cut = min_size(skip, part->iov_len);
		size_t n = min_size(len, part->iov_len - cut);

		iov_read(from, (char *)part->iov_base + cut, n);
		skip -= cut;
		len -= (uint32_t)n;
	}
}

void rx_memory_gone(struct guest *guest)
{
	virtq_break(rx_queue(guest), "the guest's memory is gone");
}

static void write_header(const struct chain *chain, const struct packet *packet)
{
	char header[PACKET_HEADER_SIZE];
	struct iov_cursor at;

	if (likely(chain->iov->iov_len >= PACKET_HEADER_SIZE)) {
		packet_build(packet, chain->iov->iov_base);
		return;
	}
	packet_build(packet, header);
	iov_begin(&at, chain->iov, chain->nwrite);
	iov_write(&at, header, sizeof(header));
}

static void give(struct guest *guest, const struct turn_buffer *buffer,
		 const struct packet *packet)
{
	write_header(&buffer->chain, packet);
	virtq_give(rx_queue(guest), &buffer->chain,
		   PACKET_HEADER_SIZE + packet->len);
}

void rx_give(struct guest *guest, struct turn_buffer *buffer,
	     const struct packet *packet)
{
	buffer->len = PACKET_HEADER_SIZE + packet->len;
	guest->counts.bytes_in += packet->len;
	if (likely(virtq_gives_next(rx_queue(guest), &buffer->chain)))
		give(guest, buffer, packet);
	else
		buffer->packet = *packet;
}

/* Copies LEN bytes of FROM's payload, behind its first SKIP, to TO. */
static void copy_payload(const struct turn_buffer *from, size_t skip,
			 const struct turn_buffer *to, uint32_t len)
{
	struct iov_cursor at;

	iov_begin(&at, from->chain.iov, from->chain.nwrite);
	iov_skip(&at, PACKET_HEADER_SIZE + skip);
	rx_fill_from(to, &at, len);
}

/* The first bytes of FROM's packet go to the guest in TO, as many as fit. */
static void give_part(struct guest *guest, struct turn_buffer *from,
		      const struct turn_buffer *to)
{
	struct packet *rest = &from->packet;
	struct packet first = *rest;
	struct conn *conn = table_find(&guest->conns, rest->src_cid,
				       rest->src_port, rest->dst_port);

	first.len = rx_room(to);
	first.flags = 0;
	rest->len -= first.len;
	copy_payload(from, 0, to, first.len);
	copy_payload(from, first.len, from, rest->len);
	give(guest, to, &first);
	if (conn)
		conn_split_data(conn);
}

/* FROM's packet goes to the guest in TO, and in the buffers behind TO if it is
 * too large. Returns the next buffer to be given. */
static struct turn_buffer *
give_at(struct guest *guest, struct turn_buffer *from, struct turn_buffer *to)
{
	while (to < from && from->packet.len > rx_room(to))
		give_part(guest, from, to++);
	if (to < from)
		copy_payload(from, 0, to, from->packet.len);
	give(guest, to, &from->packet);
	return to + 1;
}

void rx_return(struct turn *turn, const struct turn_guest *part)
{
	struct turn_buffer *end =
		turn->buffers + part->first_buffer + part->buffers;
	struct virtq *vq = rx_queue(part->guest);
	struct turn_buffer *from, *to = end - vq->in_flight;

	if (unlikely(!vq->live))
		return;
	for (from = to; from < end; from++)
		if (from->len)
			to = give_at(part->guest, from, to);
	virtq_untake(vq, (uint16_t)(end - to));
}
