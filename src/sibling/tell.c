/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * While a lane is full, payload waits in the half's outbox, and facts wait in
 * its news. The reader of the lane rings when there is room again.
 */
#include "sibling/tell.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "config/config.h"
#include "guest/guest.h"
#include "link/half.h"
#include "link/half_message.h"
#include "link/link.h"
#include "sibling/hear.h"
#include "sibling/lane.h"
#include "sibling/refuse.h"
#include "sibling/switchboard.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "vsock/packet.h"

/* Bytes of payload in one message. */
#define PIECE_MAX 65536u

/*
 * Grants what LINK's guest announced as its buffer, as far as we would keep
 * bytes where the guest does not take them: what is kept counts against the
 * announcing guest until its half ends. Returns the window that the other guest
 * may be told of.
 */
static uint32_t grant_window(struct link *link)
{
	uint32_t wanted =
		min_u32(link->conn.credit.peer_buf_alloc, CONFIG_TX_BUFFER_MAX);
	uint32_t window;

	if (!link->grant)
		link->grant = guest_grant(link->guest, wanted);
	else if (wanted > link->grant)
		link->grant +=
			guest_grant_more(link->guest, wanted - link->grant);
	window = min_u32(wanted, link->grant);
	conn_share_buffer(&link->conn, window);
	return window;
}

/* A message without payload that says FACTS, and what the guest grants. */
static struct half_message compose(struct link *link, unsigned facts)
{
	const struct conn *conn = &link->conn;

	return (struct half_message){
		.from = link->guest->place,
		.to = link->half.other,
		.from_port = conn->peer_port,
		.to_port = conn->local_port,
		.id = link->half.id,
		.buf_alloc = grant_window(link),
		.fwd_cnt = conn->credit.peer_fwd_cnt,
		.type = conn->type,
		.facts = (uint16_t)facts,
	};
}

/* False: there is no room in the lane. */
static bool put_into_lane(struct lane *lane, const struct half_message *m,
			  struct iov_cursor *from)
{
	size_t size = half_message_size(m);
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
		    const struct half_message *m, struct iov_cursor *from)
{
	struct loop *to = atomic_load(&m->to->loop);
	struct lane *lane;

	if (!to) {
		/* The VM went since the caller looked. */
		if (m->facts & HALF_ASKS)
			sibling_refuse(loop, m);
		return true;
	}
	if (to == loop) {
		sibling_hear(loop, turn, m, from);
		return true;
	}
	lane = switchboard_lane(loop->board, loop->index, to->index, true);
	return lane && put_into_lane(lane, m, from);
}

/* Tells LEN bytes of FROM, and with them the facts that come before the data.
 * False: there is no room in the lane. */
static bool tell_piece(struct link *link, struct turn *turn,
		       struct iov_cursor *from, uint32_t len, uint32_t flags)
{
	struct half *half = &link->half;
	struct half_message m =
		compose(link, half->news & ~(unsigned)HALF_BEHIND_DATA);

	m.len = len;
	m.flags = flags;
	if (!deliver(link->guest->loop, turn, &m, from))
		return false;
	half->news &= HALF_BEHIND_DATA;
	return true;
}

/* Tells the next LEN bytes of FROM, in pieces that lanes take; FLAGS belong to
 * the last byte. *ALL: all found room. Returns the bytes that did not. */
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

/* False: some is left, as there is no room in the lane. */
static bool tell_outbox(struct link *link, struct turn *turn)
{
	struct parcels *outbox = &link->half.outbox;
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

/* Tells one piece of what the guest sent in this turn. Where *ALL is false, and
 * from where it becomes so, the piece goes to the outbox. 0 or -errno. */
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
	return parcels_add(&link->half.outbox, &from, left, flags_of(piece),
			   !link_keeps_messages(link));
}

/* Tells what the guest sent in this turn; with ALL false, everything goes to
 * the outbox. False: something is in the outbox. */
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

/* There is a worker at the other end, and a lane to it, which this makes. */
static bool make_way(const struct link *link)
{
	const struct loop *loop = link->guest->loop;
	const struct loop *to = atomic_load(&link->half.other->loop);

	return to && (to == loop || switchboard_lane(loop->board, loop->index,
						     to->index, true));
}

/* The other VM has gone altogether, and its guest with it; or there is no
 * memory for a lane. */
static void give_up(struct link *link)
{
	link_forget_outbox(link);
	link->half.news = 0;
	link->half.over = true;
	link_carry_out(link, conn_abort(&link->conn));
}

/* Tells all that LINK's half has to tell. False: the lane is full, and it is to
 * be tried again. */
static bool tell(struct link *link, struct turn *turn)
{
	struct half *half = &link->half;
	struct half_message m;

	if (!make_way(link))
		give_up(link);
	if (half->news & HALF_RESETS)
		link_forget_outbox(link);
	if (!tell_staged(link, turn, tell_outbox(link, turn)))
		return false;
	/* What goes without payload, or behind it. */
	if (half->news) {
		m = compose(link, half->news);
		if (!deliver(link->guest->loop, turn, &m, NULL))
			return false;
		half->news = 0;
	}
	link_refresh(link);
	return true;
}

/* Tells refusals until one finds no room: then the next ones wait, too. */
static void tell_refusals(struct loop *loop, struct turn *turn)
{
	struct sibling_refusal *refusal;

	while (!list_empty(&loop->siblings.refusals)) {
		refusal = list_first(&loop->siblings.refusals,
				     struct sibling_refusal, node);
		if (!deliver(loop, turn, &refusal->m, NULL))
			return;
		free(container_of(list_take(&loop->siblings.refusals),
				  struct sibling_refusal, node));
	}
}

void sibling_tell_all(struct loop *loop, struct turn *turn)
{
	struct list again;
	struct half *half;
	struct link *link;

	if (likely(list_empty(&loop->siblings.telling) &&
		   list_empty(&loop->siblings.asks) &&
		   list_empty(&loop->siblings.refusals)))
		return;
	list_init(&again);
	sibling_hear_waiting(loop, turn);
	tell_refusals(loop, turn); /* what the lanes had no room for */
	while (!list_empty(&loop->siblings.telling)) {
		half = list_first(&loop->siblings.telling, struct half,
				  telling);
		link = link_of_half(half);
		list_remove(&half->telling);
		if (!tell(link, turn) && list_empty(&half->telling))
			list_append(&again, &half->telling);
	}
	list_move_all(&loop->siblings.telling, &again);
	sibling_hear_waiting(loop, turn);
	tell_refusals(loop, turn);
}
