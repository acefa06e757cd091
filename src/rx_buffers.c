/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A ring gives buffers back in any order, but takes them in its own: what was
 * taken last and not used is untaken, what was overtaken by used ones stays
 * with us as a spare and is the first to be taken again.
 */
#include "rx_buffers.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "guest.h"
#include "turn.h"
#include "vsock/conn.h"
#include "vsock/conn_output.h"

/* Segments of a spare buffer that are looked at for a header's place. */
#define SETTLE_SEGMENTS 64

static_assert(GUEST_SPARE_MAX >= TURN_BUFFERS,
	      "all buffers of a turn may become spares");

static struct virtq *rx_queue(struct guest *guest)
{
	return &guest->queue[GUEST_RX].vq;
}

/* A spare is walked again: its descriptors may have moved with the memory. */
static int take_chain(struct guest *guest, struct iovec *iov,
		      struct turn_buffer *buffer)
{
	struct virtq *vq = rx_queue(guest);

	buffer->spare = guest->spares;
	if (!buffer->spare)
		return virtq_take(vq, iov, VIRTQ_CHAIN_MAX, &buffer->chain);
	if (chain_walk(&vq->source, guest->spare[0], iov, VIRTQ_CHAIN_MAX,
		       &buffer->chain) < 0) {
		virtq_break(vq, "a receive buffer changed while it was ours");
		return -EPROTO;
	}
	guest->spares--;
	memmove(guest->spare, guest->spare + 1,
		guest->spares * sizeof(*guest->spare));
	return 1;
}

struct turn_buffer *rx_take(struct guest *guest, struct turn *turn)
{
	struct turn_buffer *buffer = &turn->buffers[turn->nbuffers];
	struct chain *chain = &buffer->chain;

	if (turn->nbuffers == TURN_BUFFERS ||
	    turn->nrx_segments >= TURN_BUFFER_SEGMENTS)
		return NULL;
	if (take_chain(guest, turn->rx_segments + turn->nrx_segments, buffer) <=
	    0) {
		guest->rx_short = true;
		return NULL;
	}
	if (chain->nread || chain->write_bytes <= PACKET_HEADER_SIZE) {
		virtq_break(rx_queue(guest),
			    chain->nread ? "a readable buffer in the RX ring"
					 : "a receive buffer without room for "
					   "data");
		return NULL;
	}
	buffer->used = false;
	turn->nrx_segments += chain->nwrite;
	turn->nbuffers++;
	return buffer;
}

uint32_t rx_offer(struct turn *turn, const struct turn_buffer *buffer,
		  uint32_t max)
{
	struct iov_cursor at;
	size_t len = min_u32(max, rx_room(buffer));

	iov_begin(&at, buffer->chain.iov, buffer->chain.nwrite);
	iov_skip(&at, PACKET_HEADER_SIZE);
	turn->npayload += iov_slice(&at, turn->payload + turn->npayload,
				    buffer->chain.nwrite, &len);
	return (uint32_t)len;
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

	/* As drivers make them: one segment for all. */
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

void rx_give(struct guest *guest, struct turn_buffer *buffer,
	     const struct packet *packet)
{
	write_header(&buffer->chain, packet);
	virtq_give(rx_queue(guest), buffer->chain.head,
		   PACKET_HEADER_SIZE + packet->len);
	guest->counts.bytes_in += packet->len;
	buffer->used = true;
}

void rx_return(struct turn *turn, const struct turn_guest *part)
{
	struct turn_buffer *buffers = turn->buffers + part->first_buffer;
	struct guest *guest = part->guest;
	uint32_t last = part->buffers;
	uint32_t i;

	while (last && !buffers[last - 1].used && !buffers[last - 1].spare)
		last--;
	virtq_untake(rx_queue(guest), (uint16_t)(part->buffers - last));
	for (i = 0; i < last; i++)
		if (!buffers[i].used)
			guest->spare[guest->spares++] = buffers[i].chain.head;
}

/* An update that says nothing new; or, to nobody, what nobody answers. */
static void build_filler(struct guest *guest, struct packet *packet)
{
	uint32_t pos = 0;
	struct conn *conn;

	while ((conn = table_next(&guest->conns, &pos)))
		if (conn_build_update(conn, guest_cid(guest), packet))
			return;
	*packet = (struct packet){
		.op = PACKET_RST,
		.type = PACKET_STREAM,
		.src_cid = PACKET_HOST_CID,
		.dst_cid = guest_cid(guest),
		.src_port = UINT32_MAX,
		.dst_port = UINT32_MAX,
	};
}

void rx_settle(struct guest *guest)
{
	struct virtq *vq = rx_queue(guest);
	struct iovec iov[SETTLE_SEGMENTS];
	struct turn_buffer buffer;
	struct packet packet;

	/* Building an update counts as having told the guest. */
	if (!guest->spares)
		return;
	build_filler(guest, &packet);
	while (guest->spares) {
		uint16_t head = guest->spare[--guest->spares];

		if (chain_walk(&vq->source, head, iov, SETTLE_SEGMENTS,
			       &buffer.chain) == 0)
			rx_give(guest, &buffer, &packet);
		else
			virtq_give(vq, head, 0);
	}
}
