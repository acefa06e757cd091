/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The judge. A packet that no correct device sends ends the test, whatever that
 * is about: so each test is a test of all these rules. They contain the
 * specification's and what Linux does with its sockets, as a device that is
 * right on paper but makes Linux reset a connection is of no use.
 *
 * Unread packets are counted as a kernel of 2026 does: each costs 576 bytes of
 * the buffer beside its own, and a small one joins the packet before it if that
 * one's receive buffer has the room.
 */
#include "frontend/sockets_recv.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_OVERHEAD \
	576u /* overhead of an skb in the accounting of a 2026 kernel */
#define MERGE_MAX 128u /* packets up to this size join the one before */

struct unread {
	struct list node;
	uint32_t len;
	uint32_t off;
	uint32_t room; /* room in the receive buffer that it came in */
	bool ends;     /* a message: SEQPACKET */
	uint8_t bytes[];
};

static _Noreturn void wrong(const struct packet *p, const char *what)
{
	char text[128];

	die("%s: %s", what, packet_text(p, text));
}

/* Sends an RST to the sender of P, which belongs to no socket; but never in
 * answer to an RST. */
static void reset_no_socket(struct sockets *s, const struct packet *p)
{
	struct packet rst = {
		.src_cid = p->dst_cid,
		.dst_cid = p->src_cid,
		.src_port = p->dst_port,
		.dst_port = p->src_port,
		.type = p->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};

	s->strays += p->op == VIRTIO_VSOCK_OP_RW;
	s->resets += p->op == VIRTIO_VSOCK_OP_RST;
	if (p->op != VIRTIO_VSOCK_OP_RST)
		driver_send(&s->driver, &rst, true);
}

/* The only flags that data may have. */
static bool ends_message(const struct packet *p)
{
	return p->type == VIRTIO_VSOCK_TYPE_SEQPACKET &&
	       p->op == VIRTIO_VSOCK_OP_RW && p->flags == VIRTIO_VSOCK_SEQ_EOM;
}

static void check_packet(const struct sockets *s, const struct packet *p)
{
	if (p->dst_cid != s->cid)
		wrong(p, "a packet for another guest");
	if (p->op == VIRTIO_VSOCK_OP_INVALID ||
	    p->op > VIRTIO_VSOCK_OP_CREDIT_REQUEST)
		wrong(p, "no such operation");
	if (p->flags && p->op != VIRTIO_VSOCK_OP_SHUTDOWN && !ends_message(p))
		wrong(p, "flags where none are defined");
	if (p->op == VIRTIO_VSOCK_OP_SHUTDOWN &&
	    (!p->flags || p->flags & ~(uint32_t)SHUT_BOTH))
		wrong(p, "SHUTDOWN of nothing");
	if ((p->len != 0) != (p->op == VIRTIO_VSOCK_OP_RW) && !ends_message(p))
		wrong(p, "payload and operation disagree");
}

static void note_peer_credit(struct gsock *g, const struct packet *p)
{
	if (p->op == VIRTIO_VSOCK_OP_RST)
		return;
	if ((int32_t)(p->fwd_cnt - g->peer_fwd_cnt) < 0)
		wrong(p, "acknowledgements go back");
	if ((int32_t)(g->tx_cnt - p->fwd_cnt) < 0)
		wrong(p, "acknowledges more than was sent");
	if (!p->buf_alloc)
		wrong(p, "no buffer");
	/* Linux before 2026 then sends without a limit. */
	if ((int32_t)(p->fwd_cnt + p->buf_alloc - g->peer_fwd_cnt -
		      g->peer_buf_alloc) < 0)
		wrong(p, "credit is taken back");
	g->peer_buf_alloc = p->buf_alloc;
	g->peer_fwd_cnt = p->fwd_cnt;
	gsock_mark_ready(g);
}

/* Linux's virtio_transport_do_close() */
static void gsock_done(struct gsock *g)
{
	g->done = true;
	g->peer_shut = SHUT_BOTH;
	g->shut_after = 0;
	if (g->released)
		gsock_free(g);
}

static void recv_listen(struct gsock *g, const struct packet *p)
{
	struct gsock *child;

	if (g->mute)
		return;
	if (p->op != VIRTIO_VSOCK_OP_REQUEST || g->backlog == 0 ||
	    p->type != g->type) {
		reset_no_socket(g->owner, p);
		return;
	}
	child = gsock_new(g->owner, GSOCK_OPEN, p->dst_port, p->src_port);
	child->peer_cid = p->src_cid;
	child->type = g->type;
	note_peer_credit(child, p);
	list_append(&g->accept, &child->accept);
	gsock_emit(child, VIRTIO_VSOCK_OP_RESPONSE, 0, true);
}

static void recv_connecting(struct gsock *g, const struct packet *p)
{
	if (p->op == VIRTIO_VSOCK_OP_RESPONSE) {
		g->state = GSOCK_OPEN;
		note_peer_credit(g, p);
	} else if (p->op == VIRTIO_VSOCK_OP_RST) {
		g->state = GSOCK_CLOSED;
		g->refused = true;
		g->done = true;
	} else {
		wrong(p, "the first packet is neither RESPONSE nor RST");
	}
}

/*
 * Whether the packet joins the one before it: small packets do if there is room
 * behind that one in its buffer.
 */
static bool merge(struct gsock *g, const struct packet *p,
		  const struct buffer *buffer)
{
	struct unread *last = container_of(g->unread.prev, struct unread, node);

	if (list_empty(&g->unread) || p->len > MERGE_MAX ||
	    g->type != VIRTIO_VSOCK_TYPE_STREAM ||
	    last->len + p->len > last->room)
		return false;
	buffer_read(buffer, PACKET_HEADER, last->bytes + last->len, p->len);
	last->len += p->len;
	return true;
}

static void enqueue(struct gsock *g, const struct packet *p,
		    const struct buffer *buffer)
{
	uint32_t room = (uint32_t)(buffer->bytes - PACKET_HEADER);
	struct unread *u;

	if (merge(g, p, buffer))
		return;
	if ((g->rx_packets + 1) * PACKET_OVERHEAD > g->buf_alloc &&
	    g->rx_packets)
		wrong(p, "more packets than a 2026 kernel takes");
	u = need_zeroed(1, sizeof(*u) + room);
	u->len = p->len;
	u->room = room;
	u->ends = ends_message(p);
	g->rx_messages += u->ends;
	buffer_read(buffer, PACKET_HEADER, u->bytes, p->len);
	list_append(&g->unread, &u->node);
	g->rx_packets++;
}

/* A reader that never waits needs no queue. */
static void consume_at_once(struct gsock *g, const struct packet *p,
			    const struct buffer *buffer)
{
	size_t at = 0;

	while (at < p->len) {
		size_t n = p->len - at;
		const void *piece =
			buffer_piece(buffer, PACKET_HEADER + at, &n);

		sink_take(&g->in, piece, n);
		at += n;
	}
	g->fwd_cnt += p->len;
}

static void recv_data(struct gsock *g, const struct packet *p,
		      const struct buffer *buffer)
{
	if (g->peer_shut & SHUT_SEND)
		wrong(p, "data after SHUTDOWN");
	g->rx_total += p->len;
	if (g->rx_total > g->rx_limit)
		wrong(p, "data beyond the credit");
	if (g->reading && list_empty(&g->unread) &&
	    g->type == VIRTIO_VSOCK_TYPE_STREAM) {
		consume_at_once(g, p, buffer);
	} else {
		g->rx_bytes += p->len;
		enqueue(g, p, buffer);
	}
	if (list_empty(&g->touched))
		list_append(&g->owner->touched, &g->touched);
}

/* Its ports are free from then on, or once its program closes. */
static void recv_shutdown(struct gsock *g, const struct packet *p)
{
	g->peer_shut |= (uint8_t)p->flags;
	if (g->peer_shut != SHUT_BOTH || !list_empty(&g->unread))
		return;
	gsock_emit(g, VIRTIO_VSOCK_OP_RST, 0, false);
	if (g->owner->eager)
		list_remove(&g->node);
	gsock_done(g);
}

static void recv_open(struct gsock *g, const struct packet *p,
		      const struct buffer *buffer)
{
	switch ((enum virtio_vsock_op)p->op) {
	case VIRTIO_VSOCK_OP_RW:
		recv_data(g, p, buffer);
		return;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		g->updates++;
		gsock_emit(g, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, true);
		return;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		g->updates++;
		return;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		recv_shutdown(g, p);
		return;
	case VIRTIO_VSOCK_OP_RST:
		g->reset = true;
		g->cut = g->peer_shut != SHUT_BOTH;
		gsock_done(g);
		return;
	case VIRTIO_VSOCK_OP_REQUEST:
		wrong(p, "a pair of ports is used again while it lives");
	case VIRTIO_VSOCK_OP_RESPONSE:
	case VIRTIO_VSOCK_OP_INVALID:
		wrong(p, "not for an open connection");
	}
}

void sockets_received(struct driver *d, const struct packet *p,
		      const struct buffer *buffer)
{
	struct sockets *s = container_of(d, struct sockets, driver);
	struct gsock *g;

	if (s->deaf)
		return;
	check_packet(s, p);
	g = sockets_find(s, p->dst_port, p->src_port);
	if (!g)
		g = sockets_find_listener(s, p->dst_port);
	if (!g || g->done) {
		reset_no_socket(s, p);
		return;
	}
	if (p->type != g->type && g->state != GSOCK_RAW &&
	    g->state != GSOCK_LISTEN)
		wrong(p, "a packet of another type");
	g->packets++;
	g->last = *p;
	switch (g->state) {
	case GSOCK_LISTEN:
		recv_listen(g, p);
		return;
	case GSOCK_CONNECTING:
		recv_connecting(g, p);
		return;
	case GSOCK_OPEN:
		if (p->src_cid != g->peer_cid)
			wrong(p, "an answer from another CID");
		note_peer_credit(g, p);
		recv_open(g, p, buffer);
		return;
	case GSOCK_CLOSED:
		reset_no_socket(s, p);
		return;
	case GSOCK_RAW:
		if (p->len)
			consume_at_once(g, p, buffer);
		return;
	}
}

bool gsock_readable(const struct gsock *g)
{
	if (g->type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		return g->rx_messages || g->rx_message;
	return !list_empty(&g->unread);
}

/* A whole SEQPACKET packet was read. */
static void follow_message(struct gsock *g, const struct unread *u)
{
	g->rx_message += u->len;
	if (!u->ends)
		return;
	lengths_add(&g->messages, g->rx_message);
	g->rx_message = 0;
	g->rx_messages--;
}

size_t gsock_consume(struct gsock *g, size_t n)
{
	struct unread *u = list_first(&g->unread, struct unread, node);
	uint32_t take = (uint32_t)min_size(n, u->len - u->off);

	sink_take(&g->in, u->bytes + u->off, take);
	u->off += take;
	if (u->off < u->len)
		return take;
	g->rx_bytes -= u->len;
	g->fwd_cnt += u->len;
	g->rx_packets--;
	if (g->type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		follow_message(g, u);
	list_remove(&u->node);
	free(u);
	return take;
}
