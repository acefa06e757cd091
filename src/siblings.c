/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One message carries it all between two halves: facts, what the guest grants,
 * and a piece of its payload. hear() is what the other half makes of it, in
 * the order in which these came to be; deliver() is how it gets there.
 *
 *	from_guest	conn_input(), link_tell(), sends_add(): noted and staged
 *	tell()		the end of the turn: staged payload and news in messages
 *	deliver()	a call of hear(), or into the lane to the other's worker
 *	hear()		conn_*() of the other half; payload into RX buffers, or
 *			into the inbox if the guest has no room
 *
 * Where a lane is full, payload waits in the half's outbox and the facts in
 * its news, until the reader of the lane rings.
 */
#include "siblings.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "bell.h"
#include "config.h"
#include "guest.h"
#include "half.h"
#include "lane.h"
#include "link.h"
#include "loop.h"
#include "rx_buffers.h"
#include "switchboard.h"
#include "turn.h"
#include "vsock/packet.h"

/* Payload of one message through a lane. */
#define PIECE_MAX 65536u

/* Connections that a guest was asked for and has not answered: beyond, others
 * are refused at once. */
#define ASKED_MAX 1024

/* Messages without a byte, which no credit bounds, in one inbox or outbox. */
#define EMPTY_MAX 1024

/* Receive buffers for one half's inbox in a turn. */
#define BUFFERS_MAX 64

/* Between halves, and in lanes: followed by LEN bytes, padded to eight. */
struct message {
	struct switch_vm *from;
	struct switch_vm *to;
	uint32_t from_port;
	uint32_t to_port;
	uint32_t buf_alloc; /* what the guest at FROM grants */
	uint32_t fwd_cnt;
	uint32_t len;
	uint32_t flags; /* PACKET_END_OF_*, with a message's last bytes */
	uint16_t type;	/* enum packet_type */
	uint16_t facts; /* enum half_fact bits */
};

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/* The half that M is for; NULL if there is none any more. */
static struct link *addressed(struct guest *guest, const struct message *m)
{
	struct conn *conn = table_find(&guest->conns,
				       m->from->config->guest_cid, m->from_port,
				       m->to_port);

	return conn ? link_of(conn) : NULL;
}

static struct message about(const struct link *link, unsigned facts)
{
	const struct conn *conn = &link->conn;

	return (struct message){
		.from = link->guest->place,
		.to = link->half->other,
		.from_port = conn->peer_port,
		.to_port = conn->local_port,
		.buf_alloc = conn->credit.peer_buf_alloc,
		.fwd_cnt = conn->credit.peer_fwd_cnt,
		.type = conn->type,
		.facts = (uint16_t)facts,
	};
}

bool siblings_ask(struct guest *guest, const struct packet *request)
{
	struct switch_vm *other =
		switchboard_find(guest->loop->board, request->dst_cid);
	struct link *link;

	if (!other || other->config == guest->config ||
	    !switchboard_together(guest->config, other->config) ||
	    !atomic_load(&other->loop))
		return false;
	link = link_new_half(guest, other);
	if (!link)
		return false;
	conn_init_from_guest(&link->conn, request, 0);
	link->conn.end_to_end = true;
	if (link_join(link) < 0) {
		link_kill(link);
		return false;
	}
	link_tell(link, HALF_ASKS);
	link_refresh(link);
	return true;
}

/* What the other half said of its end takes effect: its bytes have gone. */
static void end_if_heard(struct link *link)
{
	struct half *half = link->half;
	unsigned heard = half->heard;
	unsigned orders;

	if (!heard || half->inbox.count)
		return;
	half->heard = 0;
	orders = conn_host_ended(&link->conn, heard & HALF_FINISHES);
	link_carry_out(link, orders);
}

void siblings_note(struct link *link, const struct packet *packet)
{
	if (link->phase != LINK_JOINED)
		return;
	end_if_heard(link);
	if (packet->op == PACKET_RW)
		link_tell(link, 0); /* what was staged */
	else if (packet->op == PACKET_CREDIT_UPDATE)
		link_tell(link, HALF_GRANTS);
	else if (packet->op == PACKET_CREDIT_REQUEST)
		link_tell(link, HALF_ASKS_CREDIT);
}

/* A guest is asked for a connection. False: it does not get to know. */
static bool hear_ask(struct guest *guest, const struct message *m)
{
	struct link *link;

	if (!guest_running(guest) || guest->asked >= ASKED_MAX ||
	    (m->type == PACKET_SEQPACKET && !guest_has_seqpacket(guest)) ||
	    addressed(guest, m))
		return false;
	link = link_new_half(guest, m->from);
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

/* Of what the other guest grants we pass on as much as we would keep: more of
 * its buffer, if it has grown. */
static void hear_grant(struct link *link, const struct message *m)
{
	struct half *half = link->half;

	if (m->buf_alloc > half->grant)
		half->grant +=
			guest_grant(link->guest, m->buf_alloc - half->grant);
	conn_granted(&link->conn, min_u32(m->buf_alloc, half->grant),
		     m->fwd_cnt, m->facts & HALF_GRANTS);
}

/* The last LEFT bytes of FROM go to the guest, as far as it has credit and
 * buffers. *LEFT is what remains. False: it has no buffer. */
static bool send_to_guest(struct link *link, struct turn *turn,
			  struct iov_cursor *from, uint32_t *left,
			  uint32_t flags)
{
	struct guest *guest = link->guest;
	struct turn_buffer *buffer;
	struct packet packet;
	uint32_t n;

	do {
		n = min_u32(*left, conn_may_send(&link->conn));
		buffer = rx_take(guest, turn);
		if (!buffer)
			return false;
		n = min_u32(n, rx_room(buffer));
		rx_fill_from(buffer, from, n);
		*left -= n;
		conn_build_data(&link->conn, guest_cid(guest), n,
				*left ? 0 : flags, &packet);
		rx_give(guest, buffer, &packet);
	} while (*left && conn_may_send(&link->conn));
	return true;
}

/* Whatever has no byte needs a packet's credit all the same. */
static bool may_send(const struct link *link, uint32_t len)
{
	const struct conn *conn = &link->conn;

	if (len)
		return conn_may_send(conn);
	return conn->state == CONN_OPEN && !conn_speaks_first(conn) &&
	       credit_packets(&conn->credit);
}

static int keep(struct parcels *parcels, const struct link *link,
		struct iov_cursor *from, uint32_t len, uint32_t flags)
{
	if (!len && parcels->empty >= EMPTY_MAX)
		return -1;
	return parcels_add(parcels, from, len, flags,
			   !link_keeps_messages(link));
}

/* Payload for this half's guest. */
static void hear_data(struct link *link, struct turn *turn,
		      const struct message *m, struct iov_cursor *from)
{
	struct half *half = link->half;
	uint32_t left = m->len;
	bool sent = false;

	if ((!left && !m->flags) || (link->conn.guest_shut & PACKET_NO_RECEIVE))
		return;
	if (!half->inbox.count && guest_running(link->guest) &&
	    may_send(link, left))
		sent = send_to_guest(link, turn, from, &left, m->flags);
	guest_wake(link->guest);
	if (sent && !left)
		return;
	if (keep(&half->inbox, link, from, left, m->flags) < 0)
		link_carry_out(link, conn_abort(&link->conn));
}

static bool is_pending(const struct conn *conn)
{
	return conn->state == CONN_HOST_PENDING ||
	       conn->state == CONN_GUEST_PENDING;
}

static void hear_end(struct link *link, unsigned facts)
{
	struct half *half = link->half;

	if (facts & HALF_RESETS ||
	    (facts & HALF_FINISHES && is_pending(&link->conn))) {
		half->over = true;
		parcels_free(&half->inbox);
		link_carry_out(link, conn_abort(&link->conn));
		return;
	}
	if (facts & HALF_DEAF)
		link_carry_out(link, conn_host_deaf(&link->conn));
	half->heard |= (uint8_t)(facts & HALF_BEHIND_DATA);
	end_if_heard(link);
}

/* Told by a half that was never joined: the guest does not get to know. */
static void refuse(struct guest *guest, const struct message *m)
{
	struct link *link = link_new_half(guest, m->from);

	/* Without memory the other's deadline refuses. */
	if (!link)
		return;
	conn_init_from_host(&link->conn, m->type, m->from_port, m->to_port, 0);
	conn_guest_gone(&link->conn);
	link->half->over = true;
	link_tell(link, HALF_RESETS);
}

/*
 * Who talks to a half that is gone will hear that it is over, which was told
 * before it went.
 */
static void hear(struct loop *loop, struct turn *turn, const struct message *m,
		 struct iov_cursor *from)
{
	struct guest *guest = switchboard_guest(m->to, loop);
	struct link *link;

	if (!guest)
		return;
	if (m->facts & HALF_ASKS && !hear_ask(guest, m)) {
		refuse(guest, m);
		return;
	}
	link = addressed(guest, m);
	if (!link || !link->half)
		return;
	hear_grant(link, m);
	if (m->facts & HALF_ACCEPTS && link->conn.state == CONN_HOST_PENDING)
		link_carry_out(link, conn_host_connected(&link->conn));
	if (m->facts & HALF_ASKS_CREDIT)
		conn_ask_credit(&link->conn);
	hear_data(link, turn, m, from);
	hear_end(link, m->facts);
	link_refresh(link);
}

static bool put_into_lane(struct lane *lane, const struct message *m,
			  struct iov_cursor *from)
{
	size_t size = sizeof(*m) + padded(m->len);
	char *at = lane_reserve(lane, size);

	if (!at)
		return false;
	memcpy(at, m, sizeof(*m));
	if (m->len)
		iov_read(from, at + sizeof(*m), m->len);
	lane_commit(lane, size);
	return true;
}

/* False: there is no room in the lane. */
static bool deliver(struct loop *loop, struct turn *turn,
		    const struct message *m, struct iov_cursor *from)
{
	struct loop *to = atomic_load(&m->to->loop);
	struct lane *lane;

	if (!to)
		return true;
	if (to == loop) {
		hear(loop, turn, m, from);
		return true;
	}
	lane = switchboard_lane(loop->board, loop->index, to->index, true);
	return lane && put_into_lane(lane, m, from);
}

/* One message with what is to be told before the data. False: no room. */
static bool tell_piece(struct link *link, struct turn *turn,
		       struct iov_cursor *from, uint32_t len, uint32_t flags)
{
	struct half *half = link->half;
	struct message m =
		about(link, half->news & ~(unsigned)HALF_BEHIND_DATA);

	m.len = len;
	m.flags = flags;
	if (!deliver(link->guest->loop, turn, &m, from))
		return false;
	half->news &= HALF_BEHIND_DATA;
	return true;
}

/* The next LEN bytes of FROM, in pieces that lanes take; FLAGS belong to the
 * last. Returns the bytes that found no room. */
static uint32_t tell_bytes(struct link *link, struct turn *turn,
			   struct iov_cursor *from, uint32_t len,
			   uint32_t flags, bool *all)
{
	uint32_t n;

	do {
		n = min_u32(len, PIECE_MAX);
		*all = tell_piece(link, turn, from, n, n == len ? flags : 0);
		if (*all)
			len -= n;
	} while (*all && len);
	return len;
}

static bool tell_outbox(struct link *link, struct turn *turn)
{
	struct parcels *outbox = &link->half->outbox;
	struct iov_cursor from;
	struct iovec iov;
	struct parcel first;
	uint32_t left;
	bool all = true;

	while (all && outbox->count) {
		iov.iov_base = (char *)parcels_first(outbox, &first);
		iov.iov_len = first.len;
		iov_begin(&from, &iov, 1);
		left = tell_bytes(link, turn, &from, first.len, first.flags,
				  &all);
		if (all || left < first.len)
			parcels_drop(outbox, first.len - left);
	}
	return all;
}

static uint32_t flags_of(const struct piece *piece)
{
	return (piece->ends ? PACKET_END_OF_MESSAGE : 0) |
	       (piece->record ? PACKET_END_OF_RECORD : 0);
}

/* One piece of what the guest sent in this turn; with ALL false, and from
 * where it becomes so, it goes to the outbox. 0, or -1: out of memory. */
static int tell_staged_piece(struct link *link, struct turn *turn,
			     const struct piece *piece, bool *all)
{
	const struct iovec *iov = turn->segments + piece->first;
	uint32_t left = (uint32_t)iov_size(iov, piece->count);
	struct iov_cursor from;

	iov_begin(&from, iov, piece->count);
	if (*all)
		left = tell_bytes(link, turn, &from, left, flags_of(piece),
				  all);
	if (*all)
		return 0;
	return keep(&link->half->outbox, link, &from, left, flags_of(piece));
}

static bool tell_staged(struct link *link, struct turn *turn, bool all)
{
	const struct turn_send *send;
	const struct piece *piece;
	uint16_t i;
	int err = 0;

	if (link->staged == LINK_NOT_STAGED)
		return all;
	send = &turn->sends[link->staged];
	link->staged = LINK_NOT_STAGED;
	for (i = send->first_piece; i != TURN_NO_PIECE && !err;
	     i = piece->next) {
		piece = &turn->pieces[i];
		err = tell_staged_piece(link, turn, piece, &all);
	}
	if (err)
		link_carry_out(link, conn_abort(&link->conn));
	return all;
}

/* Nothing that waits matters any more. */
static void forget_data(struct link *link)
{
	link->staged = LINK_NOT_STAGED;
	parcels_free(&link->half->outbox);
}

/* The other VM has gone altogether, and its guest with it. */
static void nobody_there(struct link *link)
{
	forget_data(link);
	link->half->news = 0;
	link->half->over = true;
	link_carry_out(link, conn_abort(&link->conn));
}

/* False: lanes are full, and it is to be tried again. */
static bool tell(struct link *link, struct turn *turn)
{
	struct half *half = link->half;
	struct message m;

	if (!atomic_load(&half->other->loop))
		nobody_there(link);
	if (half->news & HALF_RESETS)
		forget_data(link);
	if (!tell_staged(link, turn, tell_outbox(link, turn)))
		return false;
	m = about(link, half->news);
	if (half->news && !deliver(link->guest->loop, turn, &m, NULL))
		return false;
	half->news = 0;
	link_refresh(link);
	return true;
}

static void tell_all(struct loop *loop, struct turn *turn)
{
	struct list again;
	struct half *half;
	struct link *link;

	list_init(&again);
	while (!list_empty(&loop->telling)) {
		half = list_first(&loop->telling, struct half, telling);
		link = half->link;
		list_remove(&half->telling);
		if (!tell(link, turn) && list_empty(&half->telling))
			list_append(&again, &half->telling);
	}
	list_move_all(&loop->telling, &again);
}

static void hear_lane(struct loop *loop, struct turn *turn, unsigned from)
{
	struct lane *lane =
		switchboard_lane(loop->board, from, loop->index, false);
	struct iov_cursor at;
	struct iovec iov;
	struct message m;
	const char *bytes;
	size_t size, done;
	bool waits = false;

	if (!lane)
		return;
	bytes = lane_peek(lane, &size);
	for (done = 0; done < size; done += sizeof(m) + padded(m.len)) {
		memcpy(&m, bytes + done, sizeof(m));
		iov.iov_base = (char *)bytes + done + sizeof(m);
		iov.iov_len = m.len;
		iov_begin(&at, &iov, 1);
		hear(loop, turn, &m, &at);
	}
	if (size)
		waits = lane_read(lane, size);
	if (waits)
		bell_ring(switchboard_bell(loop->board, from));
}

static void publish_lane(struct loop *loop, unsigned to)
{
	struct lane *lane =
		switchboard_lane(loop->board, loop->index, to, false);

	if (lane && lane_publish(lane))
		bell_ring(switchboard_bell(loop->board, to));
}

void siblings_finish(struct loop *loop, struct turn *turn)
{
	unsigned workers = switchboard_workers(loop->board);
	unsigned i;

	for (i = 0; workers > 1 && i < workers; i++)
		hear_lane(loop, turn, i);
	tell_all(loop, turn);
	for (i = 0; workers > 1 && i < workers; i++)
		publish_lane(loop, i);
}

bool siblings_serve(struct link *link, struct turn *turn)
{
	struct parcels *inbox = &link->half->inbox;
	uint32_t first_buffer = turn->nbuffers;
	struct iov_cursor from;
	struct iovec iov;
	struct parcel first;
	uint32_t left;
	bool served = true;

	while (served && inbox->count &&
	       turn->nbuffers - first_buffer < BUFFERS_MAX) {
		iov.iov_base = (char *)parcels_first(inbox, &first);
		if (!may_send(link, first.len))
			break;
		iov.iov_len = left = first.len;
		iov_begin(&from, &iov, 1);
		served = send_to_guest(link, turn, &from, &left, first.flags);
		if (served || left < first.len)
			parcels_drop(inbox, first.len - left);
	}
	link->burst = (uint8_t)min_u32(turn->nbuffers - first_buffer + 1,
				       BUFFERS_MAX);
	end_if_heard(link);
	return served;
}
