/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "to_guest.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "guest.h"
#include "link.h"
#include "loop.h"
#include "ring/ring.h"
#include "turn.h"
#include "vsock/packet.h"

/* Buffers that one read may fill: 64 of 3,732 bytes are about the credit of
 * an ordinary guest, and one AF_UNIX read's best size. */
#define BURST_MAX 64

/* Bytes of one read. */
#define READ_MAX (253u * 1024)

/* Segments of a spare buffer that are looked at for a header's place. */
#define SETTLE_SEGMENTS 64

/* Links of one guest that are served in a turn, of each of its lists. */
#define LINKS_PER_TURN 32

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

/* The next receive buffer, or NULL: then the guest has none, or broke a
 * rule, or the turn is full. */
static struct turn_buffer *take_buffer(struct guest *guest, struct turn *turn)
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

static uint32_t room_for_data(const struct turn_buffer *buffer)
{
	return buffer->chain.write_bytes - PACKET_HEADER_SIZE;
}

/* Writes the header of PACKET and gives the buffer to the guest; its payload
 * is in place. */
static void give_packet(struct guest *guest, struct turn_buffer *buffer,
			const struct packet *packet)
{
	char header[PACKET_HEADER_SIZE];
	struct iov_cursor at;

	packet_build(packet, header);
	iov_begin(&at, buffer->chain.iov, buffer->chain.nwrite);
	iov_write(&at, header, sizeof(header));
	virtq_give(rx_queue(guest), buffer->chain.head,
		   PACKET_HEADER_SIZE + packet->len);
	buffer->used = true;
}

static void send_resets(struct guest *guest, struct turn *turn)
{
	bool blocked = resets_full(&guest->resets);
	struct turn_buffer *buffer;
	struct packet packet;

	while (guest->resets.count) {
		buffer = take_buffer(guest, turn);
		if (!buffer)
			break;
		resets_take(&guest->resets, guest_cid(guest), &packet);
		give_packet(guest, buffer, &packet);
	}
	/* The TX ring was left alone for want of room for more. */
	if (blocked && !resets_full(&guest->resets))
		guest_wake(guest);
}

/* False: there was no buffer for all of it. */
static bool send_control(struct link *link, struct turn *turn)
{
	struct guest *guest = link->guest;
	struct turn_buffer *buffer;
	struct packet packet;

	while (conn_has_control(&link->conn)) {
		buffer = take_buffer(guest, turn);
		if (!buffer)
			return false;
		conn_next_control(&link->conn, guest_cid(guest), &packet);
		give_packet(guest, buffer, &packet);
	}
	return true;
}

/* Appends the payload areas of BUFFER, at most MAX bytes. Returns the bytes. */
static uint32_t offer_payload(struct turn *turn, struct turn_buffer *buffer,
			      uint32_t max)
{
	struct iov_cursor at;
	size_t len = min_u32(max, room_for_data(buffer));

	iov_begin(&at, buffer->chain.iov, buffer->chain.nwrite);
	iov_skip(&at, PACKET_HEADER_SIZE);
	turn->npayload += iov_slice(&at, turn->payload + turn->npayload,
				    buffer->chain.nwrite, &len);
	return (uint32_t)len;
}

/* Queues a read of as much as credit, packets and buffers allow. */
static bool offer_buffers(struct link *link, struct turn *turn,
			  struct ring *ring)
{
	struct turn_recv *recv = &turn->recvs[turn->nrecvs];
	uint32_t left = min_u32(conn_may_send(&link->conn), READ_MAX);
	uint32_t packets =
		min_u32(credit_packets(&link->conn.credit), link->burst);
	struct turn_buffer *buffer;
	uint32_t first = turn->npayload;

	recv->link = link;
	recv->first = turn->nbuffers;
	recv->count = 0;
	while (left && recv->count < packets) {
		buffer = take_buffer(link->guest, turn);
		if (!buffer)
			break;
		left -= offer_payload(turn, buffer, left);
		recv->count++;
	}
	if (!recv->count)
		return false;
	recv->io.msg = (struct msghdr){
		.msg_iov = turn->payload + first,
		.msg_iovlen = min_u32(turn->npayload - first, 1024),
	};
	recv->io.watch = &link->watch;
	/* Forgotten before the read, as a report may come between its -EAGAIN
	 * and our looking at that. */
	link->readable = false;
	ring_recv(ring, &recv->io);
	turn->nrecvs++;
	return true;
}

/* False: no buffer is left, the link keeps its place at the head. */
static bool serve(struct link *link, struct turn *turn, struct ring *ring)
{
	bool data = link->readable && conn_may_send(&link->conn);

	/* A lone credit update rides on the data, if that comes. */
	if ((!data || conn_speaks_first(&link->conn)) &&
	    !send_control(link, turn))
		return false;
	if (link->readable && conn_may_send(&link->conn)) {
		if (!offer_buffers(link, turn, ring))
			return false;
		list_remove(&link->node);
		return true;
	}
	list_remove(&link->node);
	link_refresh(link);
	return true;
}

/* False: there are no buffers for all of them. */
static bool serve_list(struct list *list, struct turn *turn, struct ring *ring)
{
	unsigned links = LINKS_PER_TURN;

	while (links-- && turn->nrecvs < TURN_RECVS && !list_empty(list))
		if (!serve(list_first(list, struct link, node), turn, ring))
			return false;
	return true;
}

/* The light ones go first, but they may not starve the others. */
static void serve_lists(struct guest *guest, struct turn *turn,
			struct ring *ring)
{
	if (guest->ready_first) {
		guest->ready_first = false;
		if (serve_list(&guest->ready, turn, ring))
			serve_list(&guest->light, turn, ring);
	} else if (serve_list(&guest->light, turn, ring)) {
		serve_list(&guest->ready, turn, ring);
	} else {
		guest->ready_first = true;
	}
}

bool to_guest_collect(struct guest *guest, struct turn *turn, struct ring *ring)
{
	struct turn_guest *part = &turn->guests[turn->nguests];

	guest->rx_short = false;
	if (!guest_running(guest) || !guest_has_output(guest))
		return true;
	if (turn->nguests == TURN_RECVS || turn->nrecvs == TURN_RECVS)
		return false;
	*part = (struct turn_guest){ .guest = guest,
				     .first_buffer = turn->nbuffers,
				     .first_recv = turn->nrecvs };
	send_resets(guest, turn);
	serve_lists(guest, turn, ring);
	part->buffers = turn->nbuffers - part->first_buffer;
	part->recvs = turn->nrecvs - part->first_recv;
	turn->nguests++;
	return true;
}

/* Heads for the N bytes that were read, in as many buffers as they fill.
 * Returns the number of buffers. */
static uint32_t give_data(struct turn *turn, struct turn_recv *recv, uint32_t n)
{
	struct link *link = recv->link;
	struct guest *guest = link->guest;
	struct packet packet;
	uint32_t used = 0;

	while (n) {
		struct turn_buffer *buffer =
			&turn->buffers[recv->first + used++];
		uint32_t len = min_u32(n, room_for_data(buffer));

		debug_assert(used <= recv->count);
		conn_build_data(&link->conn, guest_cid(guest), len, 0,
				&packet);
		give_packet(guest, buffer, &packet);
		n -= len;
	}
	return used;
}

/* Twice as many next time if all were filled, else what this read needed. */
static void adapt_burst(struct link *link, uint32_t used, uint32_t offered)
{
	if (used < offered)
		link->burst = (uint8_t)(used + 1);
	else if (link->burst < BURST_MAX)
		link->burst = (uint8_t)min_u32(link->burst * 2u, BURST_MAX);
}

static void finish_recv(struct turn *turn, struct turn_recv *recv)
{
	struct link *link = recv->link;
	int n = recv->io.result;
	unsigned orders = 0;

	if (n > 0) {
		link->readable = true;
		adapt_burst(link, give_data(turn, recv, (uint32_t)n),
			    recv->count);
	} else if (n == -EFAULT) {
		virtq_break(rx_queue(link->guest),
			    "the guest's memory is gone");
	} else if (n != -EAGAIN) {
		orders = conn_host_ended(&link->conn, n < 0 || link->hung_up);
	}
	link_carry_out(link, orders);
}

/* The last chains taken go back to the ring, those before become spares. */
static void return_buffers(struct turn *turn, const struct turn_guest *part)
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

/* What became owed by this turn's reads and sends goes out with it. */
static void send_late_control(struct list *list, struct turn *turn)
{
	struct list *at = list->next;
	unsigned links = LINKS_PER_TURN;
	struct link *link;

	while (links-- && at != list) {
		link = container_of(at, struct link, node);
		at = at->next;
		if (!conn_has_control(&link->conn))
			continue;
		if (!send_control(link, turn))
			return;
		list_remove(&link->node);
		link_refresh(link);
	}
}

void to_guest_finish(struct turn *turn)
{
	uint32_t i, j;

	for (i = 0; i < turn->nguests; i++) {
		struct turn_guest *part = &turn->guests[i];

		for (j = 0; j < part->recvs; j++)
			finish_recv(turn, &turn->recvs[part->first_recv + j]);
		return_buffers(turn, part);
		if (guest_running(part->guest)) {
			send_late_control(&part->guest->light, turn);
			send_late_control(&part->guest->ready, turn);
		}
	}
	turn->nguests = 0;
	turn->nrecvs = 0;
	turn->nbuffers = 0;
	turn->nrx_segments = 0;
	turn->npayload = 0;
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

void to_guest_settle(struct guest *guest)
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
			give_packet(guest, &buffer, &packet);
		else
			virtq_give(vq, head, 0);
	}
}
