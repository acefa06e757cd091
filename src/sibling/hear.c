/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A message is heard in the order in which things came to be at the other end:
 * what the other guest grants, that it accepts, its data, its end. The end
 * waits for the data: while some is in the inbox, the end is only noted
 * (half->heard). A reset waits for nothing and drops the inbox.
 *
 * The id decides whether a message is for the half that has its ports. That
 * half could be of a newer connection, or of an older one, of whose end this
 * guest has yet to hear: then a request waits (half.h).
 */
#include "sibling/hear.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "config/config.h"
#include "guest/guest.h"
#include "guest/rx_buffers.h"
#include "link/half.h"
#include "link/half_message.h"
#include "link/link.h"
#include "sibling/refuse.h"
#include "sibling/switchboard.h"
#include "turn/loop.h"
#include "turn/turn.h"

/* Connections that a guest was asked for and has not answered yet. Beyond that,
 * further ones are refused at once. */
#define ASKED_MAX 4096

/* Receive buffers that one half fills in a turn, or by one message: 64 of an
 * ordinary guest's are about its credit. */
#define BUFFERS_MAX 64

/* The link of GUEST's that has M's addresses, or NULL. */
static struct link *find(struct guest *guest, const struct half_message *m)
{
	struct conn *conn = table_find(&guest->conns,
				       m->from->config->guest_cid, m->from_port,
				       m->to_port);

	return conn ? link_of(conn) : NULL;
}

/* False: out of memory. */
static bool begin_half(struct guest *guest, const struct half_message *m)
{
	struct link *link = link_new_half(guest, m->from, m->id);

	if (!link)
		return false;
	conn_init_from_host(&link->conn, m->type, m->from_port, m->to_port, 0);
	link->conn.local_cid = m->from->config->guest_cid;
	link->conn.end_to_end = true;
	if (link_join(link) < 0) {
		link_kill(link);
		return false;
	}
	link_refresh(link);
	return true;
}

/*
 * GUEST is asked for a connection. False: the request is to be refused, and the
 * guest does not get to know of it.
 *
 * A half may be left that has the request's ports. If this guest did not ask
 * for that one, its other half is gone, as its guest asks again: all that is
 * left is that this guest hears of the end, and the request waits for that.
 */
static bool hear_ask(struct guest *guest, const struct half_message *m)
{
	struct link *last;

	if (!guest_running(guest) || guest->siblings.asked >= ASKED_MAX ||
	    (m->type == PACKET_SEQPACKET && !guest_has_seqpacket(guest)))
		return false;
	last = find(guest, m);
	if (!last)
		return begin_half(guest, m);
	return last->is_half && last->conn.state != CONN_HOST_PENDING &&
	       half_keep_ask(guest, &last->half, m);
}

/* Gives the last *LEFT bytes of FROM to the guest, as far as it has credit and
 * buffers, of which BUFFERS may be used. *LEFT is what remains. FLAGS belong to
 * the last byte. */
static enum step fill_buffers(struct link *link, struct turn *turn,
			      struct iov_cursor *from, uint32_t *left,
			      uint32_t flags, unsigned buffers)
{
	uint32_t credit = conn_may_send(&link->conn);
	struct guest *guest = link->guest;
	struct turn_buffer *buffer;
	struct packet packet;
	uint32_t n;

	do {
		buffer = rx_take(guest, turn);
		if (!buffer)
			return STEP_NO_BUFFER;
		n = min_u32(min_u32(*left, credit), rx_room(buffer));
		rx_fill_from(buffer, from, n);
		*left -= n;
		conn_build_data(&link->conn, guest_cid(guest), n,
				*left ? 0 : flags, &packet);
		rx_give(guest, buffer, &packet);
		credit = *left ? conn_may_send(&link->conn) : 0;
	} while (credit && --buffers);
	return STEP_DONE;
}

/* The same, and counts what the guest got. */
static enum step send_to_guest(struct link *link, struct turn *turn,
			       struct iov_cursor *from, uint32_t *left,
			       uint32_t flags, unsigned buffers)
{
	uint32_t len = *left;
	enum step step = fill_buffers(link, turn, from, left, flags, buffers);

	share_gave(&link->guest->loop->share, &link->use, len - *left);
	return step;
}

/* The guest may be sent something of LEN bytes, or a part of it. What has no
 * byte needs a packet's credit all the same. */
static bool may_send(const struct link *link, uint32_t len)
{
	const struct conn *conn = &link->conn;

	if (len)
		return conn_may_send(conn);
	return conn->state == CONN_OPEN && !conn_speaks_first(conn) &&
	       credit_packets(&conn->credit);
}

void sibling_end_if_heard(struct link *link)
{
	struct half *half = &link->half;
	unsigned heard = half->heard;
	unsigned orders;

	if (!heard || half->inbox.count)
		return;
	half->heard = 0;
	orders = conn_host_ended(&link->conn, heard & HALF_FINISHES);
	link_carry_out(link, orders);
}

/* M's payload is for this half's guest: into its buffers or into the inbox. */
static void hear_data(struct link *link, struct turn *turn,
		      const struct half_message *m, struct iov_cursor *from)
{
	struct half *half = &link->half;
	uint32_t left = m->len;

	if ((!left && !m->flags) || (link->conn.guest_shut & PACKET_NO_RECEIVE))
		return;
	guest_wake(link->guest);
	if (!half->inbox.count && guest_running(link->guest) &&
	    may_send(link, left) &&
	    send_to_guest(link, turn, from, &left, m->flags, BUFFERS_MAX) ==
		    STEP_DONE &&
	    !left)
		return;
	if (parcels_add(&half->inbox, from, left, m->flags,
			!link_keeps_messages(link)) < 0)
		link_carry_out(link, conn_abort(&link->conn));
}

static bool is_pending(const struct conn *conn)
{
	return conn->state == CONN_HOST_PENDING ||
	       conn->state == CONN_GUEST_PENDING;
}

/* What FACTS say of the other half's end. */
static void hear_end(struct link *link, unsigned facts)
{
	struct half *half = &link->half;

	if (facts & HALF_RESETS ||
	    (facts & HALF_FINISHES && is_pending(&link->conn))) {
		half->over = true;
		half->news &= (uint8_t)~HALF_ASKS;
		link_forget_outbox(link);
		parcels_free(&half->inbox);
		link_carry_out(link, conn_abort(&link->conn));
		return;
	}
	if (facts & HALF_DEAF)
		link_carry_out(link, conn_host_deaf(&link->conn));
	half->heard |= (uint8_t)(facts & HALF_BEHIND_DATA);
	sibling_end_if_heard(link);
}

/*
 * The guest may have gone to another worker while the message was in the lane.
 * It had no connection when it went. So only a request can be meant for it;
 * anything else is meant for a half that is gone, and the half that told it
 * will hear that the connection is over, which was told before the guest went.
 */
static void hear(struct loop *loop, struct turn *turn,
		 const struct half_message *m, struct iov_cursor *from)
{
	struct guest *guest = switchboard_guest(m->to, loop);
	struct link *link;

	if (m->facts & HALF_ASKS && (!guest || !hear_ask(guest, m))) {
		sibling_refuse(loop, m);
		return;
	}
	link = guest ? find(guest, m) : NULL;
	if (!link || !link->is_half)
		return;
	half_note_ask(guest, &link->half, m);
	if (link->half.id != m->id)
		return;
	conn_granted(&link->conn, m->buf_alloc, m->fwd_cnt,
		     m->facts & HALF_GRANTS);
	if (m->facts & HALF_ACCEPTS && link->conn.state == CONN_HOST_PENDING)
		link_carry_out(link, conn_host_connected(&link->conn));
	if (m->facts & HALF_ASKS_CREDIT)
		conn_ask_credit(&link->conn);
	hear_data(link, turn, m, from);
	hear_end(link, m->facts);
	link_refresh(link);
}

void sibling_hear_waiting(struct loop *loop, struct turn *turn)
{
	struct half_message m;

	while (unlikely(!list_empty(&loop->siblings.asks)) &&
	       half_next_ask(loop, &m))
		hear(loop, turn, &m, NULL);
}

void sibling_hear(struct loop *loop, struct turn *turn,
		  const struct half_message *m, struct iov_cursor *from)
{
	sibling_hear_waiting(loop, turn);
	hear(loop, turn, m, from);
}

enum step sibling_serve(struct link *link, struct turn *turn)
{
	struct parcels *inbox = &link->half.inbox;
	uint32_t first_buffer = turn->nbuffers;
	uint32_t used = 0;
	struct iov_cursor from;
	struct iovec iov;
	struct parcel first;
	uint32_t left;
	enum step step = STEP_DONE;

	while (step == STEP_DONE && inbox->count && used < BUFFERS_MAX &&
	       share_in(&link->guest->loop->share, &link->use)) {
		iov.iov_base = (char *)parcels_first(inbox, &first);
		if (!may_send(link, first.len))
			break;
		iov.iov_len = left = first.len;
		iov_begin(&from, &iov, 1);
		step = send_to_guest(link, turn, &from, &left, first.flags,
				     BUFFERS_MAX - used);
		used = turn->nbuffers - first_buffer;
		if (step == STEP_DONE || left < first.len)
			parcels_drop(inbox, first.len - left);
	}
	sibling_end_if_heard(link);
	return step;
}
