/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Nothing is queued here. A packet is built when there is a receive buffer for
 * it, from what the connection owes at that moment. So a packet that became
 * owed many times is sent once, with the newest numbers.
 *
 * Every packet carries buf_alloc and fwd_cnt, so any packet settles an owed
 * CREDIT_UPDATE. Therefore a CREDIT_UPDATE of its own comes last, and waits for
 * data that may carry the numbers (conn_speaks_first()).
 *
 * A connection that ends by RST owes nothing else. Otherwise replies come
 * first, then SHUTDOWN.
 */
#include "vsock/conn_output.h"

#include "base/check.h"
#include "vsock/conn.h"
#include "vsock/packet.h"

uint32_t conn_may_send(const struct conn *conn)
{
	if (conn->state != CONN_OPEN || (conn->pending & OWES_RESPONSE) ||
	    (conn->guest_shut & PACKET_NO_RECEIVE))
		return 0;
	return credit_room(&conn->credit);
}

void conn_starved(struct conn *conn)
{
	if (conn->starving || conn->state != CONN_OPEN ||
	    (conn->guest_shut & PACKET_NO_RECEIVE) ||
	    credit_room(&conn->credit))
		return;
	conn->starving = true;
	conn->probes = 0;
	/* Linux announces bytes that it consumed, but not a few packets. */
	if (!conn->peer_updates || !credit_packets(&conn->credit))
		conn->pending |= OWES_CREDIT_REQUEST;
}

/* What the guest has not been told of host_shut. Before OPEN there is nothing
 * to shut down, after CLOSING an RST says it all. */
static unsigned untold_shut(const struct conn *conn)
{
	if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
		return 0;
	return conn->host_shut & ~(unsigned)conn->told_shut;
}

bool conn_has_control(const struct conn *conn)
{
	return conn->pending || untold_shut(conn);
}

bool conn_speaks_first(const struct conn *conn)
{
	return conn->pending & ~OWES_CREDIT_UPDATE;
}

/* The only place that tells the guest of our buffer. */
static void address_packet(struct conn *conn, uint32_t guest_cid,
			   struct packet *out)
{
	credit_announce(&conn->credit);
	*out = (struct packet){
		.type = conn->type,
		.src_cid = conn->local_cid,
		.dst_cid = guest_cid,
		.src_port = conn->local_port,
		.dst_port = conn->peer_port,
		.buf_alloc = conn->credit.buf_alloc,
		.fwd_cnt = conn->credit.fwd_cnt,
	};
	conn->pending &= (uint8_t)~OWES_CREDIT_UPDATE;
}

void conn_build_data(struct conn *conn, uint32_t guest_cid, uint32_t len,
		     uint32_t flags, struct packet *out)
{
	address_packet(conn, guest_cid, out);
	out->op = PACKET_RW;
	out->len = len;
	out->flags = flags;
	credit_sent(&conn->credit, len);
}

void conn_build_next_data(struct conn *conn, uint32_t len,
			  struct packet *packet)
{
	packet->len = len;
	credit_sent(&conn->credit, len);
}

/* Replies that may come first, in the order in which the guest must
 * see them. */
static const struct {
	uint8_t bit;
	enum packet_op op;
} replies[] = {
	{ OWES_RST, PACKET_RST },
	{ OWES_REQUEST, PACKET_REQUEST },
	{ OWES_RESPONSE, PACKET_RESPONSE },
	{ OWES_CREDIT_REQUEST, PACKET_CREDIT_REQUEST },
};

bool conn_next_control(struct conn *conn, uint32_t guest_cid,
		       struct packet *out)
{
	unsigned i, shut = untold_shut(conn);
	uint8_t owed = conn->pending;

	if (!owed && !shut)
		return false;
	address_packet(conn, guest_cid, out);
	for (i = 0; i < ARRAY_SIZE(replies); i++) {
		if (owed & replies[i].bit) {
			conn->pending &= (uint8_t)~replies[i].bit;
			out->op = replies[i].op;
			if (out->op == PACKET_CREDIT_REQUEST)
				conn->asked = true;
			return true;
		}
	}
	if (shut) {
		conn->told_shut = conn->host_shut;
		out->op = PACKET_SHUTDOWN;
		out->flags = conn->told_shut;
		return true;
	}
	out->op = PACKET_CREDIT_UPDATE;
	return true;
}

void conn_split_data(struct conn *conn)
{
	credit_split(&conn->credit);
}
