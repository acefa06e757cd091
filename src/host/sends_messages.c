/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A connection's messages go out in this order, from these places:
 *
 * 	complete ones of the backlog		one segment each
 * 	one begun there, ended in this turn	its beginning, then pieces
 * 	further ones of this turn		pieces, up to one that ends it
 * 	one that does not end yet		not sent
 *
 * They are handed to the socket in one call that stops at the first message
 * that is not taken, so that none overtakes another.
 */
#include "host/sends_messages.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "link/link.h"
#include "ring/ring.h"
#include "turn/turn.h"

/* Messages of the backlog in one turn: more than an AF_UNIX socket takes at
 * once of any but the smallest. */
#define OLD_MAX 128

static bool has_room(const struct turn *turn)
{
	return turn->nmessages < TURN_MESSAGES;
}

/* The N segments behind those that are gathered are a message. */
static void add(struct turn *turn, struct turn_send *send, uint32_t n)
{
	turn->messages[turn->nmessages++] = (struct mmsghdr){
		.msg_hdr.msg_iov = turn->gathered + turn->ngathered,
		.msg_hdr.msg_iovlen = iov_limit(n),
	};
	turn->ngathered += n;
	send->messages++;
}

/* Adds complete messages of the backlog. False: some are left for later. */
static bool add_backlog(struct turn *turn, struct turn_send *send)
{
	const struct messages *ends = &send->link->host.ends;
	char *at = backlog_iov(&send->link->host.backlog).iov_base;
	uint32_t i, len, pos = 0;

	for (i = 0; i < ends->count && i < OLD_MAX && has_room(turn); i++) {
		len = messages_next(ends, &pos);
		turn->gathered[turn->ngathered] =
			(struct iovec){ .iov_base = at, .iov_len = len };
		add(turn, send, 1);
		/* An empty backlog has no address. */
		if (len)
			at += len;
	}
	send->old = i;
	return i == ends->count;
}

/* Puts the beginning of a message that the backlog holds behind the segments
 * that are gathered. Returns the number of segments: 0 or 1. */
static uint32_t gather_begun(struct turn *turn, const struct link *link)
{
	struct iovec iov = backlog_iov(&link->host.backlog);

	if (iov.iov_len == link->host.ends.bytes)
		return 0;
	iov.iov_base = (char *)iov.iov_base + link->host.ends.bytes;
	iov.iov_len -= link->host.ends.bytes;
	turn->gathered[turn->ngathered] = iov;
	return 1;
}

/* Adds the messages that end in this turn, up to one in too many segments. That
 * one and all behind it are copied into the backlog, where each is one segment,
 * and are sent from there in a later turn. */
static void add_pieces(struct turn *turn, struct turn_send *send)
{
	uint32_t n = gather_begun(turn, send->link);
	const struct piece *piece;
	uint16_t i;

	for (i = send->first_piece; i != TURN_NO_PIECE; i = piece->next) {
		piece = &turn->pieces[i];
		memcpy(turn->gathered + turn->ngathered + n,
		       turn->segments + piece->first,
		       piece->count * sizeof(struct iovec));
		n += piece->count;
		if (!piece->ends)
			continue;
		/* A message in more segments is copied. */
		if (n > IOV_LIMIT || !has_room(turn))
			return;
		add(turn, send, n);
		n = 0;
	}
}

void sends_messages_submit(struct ring *ring, struct turn *turn,
			   struct turn_send *send)
{
	struct mmsghdr *first = turn->messages + turn->nmessages;

	send->messages = 0;
	if (add_backlog(turn, send))
		add_pieces(turn, send);
	send->io.result = 0;
	if (send->messages == 1) {
		send->io.msg = first->msg_hdr;
		ring_send(ring, &send->io);
	} else if (send->messages) {
		send->io.messages = first;
		send->io.nmessages = send->messages;
		ring_send_messages(ring, &send->io);
	}
}

int sends_messages_result(const struct turn_send *send)
{
	int n = send->io.result;

	return n >= 0 && send->messages == 1 ? 1 : n;
}

/* The socket took N complete messages of the backlog; adds their bytes to
 * *GONE. */
static void drop_old(struct link *link, uint32_t n, uint32_t *gone)
{
	uint32_t i, bytes = 0;

	for (i = 0; i < n; i++)
		bytes += messages_drop(&link->host.ends);
	if (bytes)
		backlog_drop(&link->host.backlog, bytes);
	*gone += bytes;
}

/* Copies a piece into the backlog. Empty messages cost a guest no credit, so
 * that their number is bounded here. 0, -ENOMEM or -ENOBUFS. */
static int keep_piece(struct turn *turn, struct link *link,
		      const struct piece *piece)
{
	int err = backlog_add(&link->host.backlog,
			      turn->segments + piece->first, piece->count, 0);

	if (err || !piece->ends)
		return err;
	if (link->host.ends.count >= link->conn.credit.buf_alloc)
		return -ENOBUFS;
	return messages_add(&link->host.ends, backlog_len(&link->host.backlog) -
						      link->host.ends.bytes);
}

int sends_messages_keep(struct turn *turn, struct turn_send *send, uint32_t n,
			uint32_t *gone)
{
	const struct piece *piece;
	struct backlog *backlog = &send->link->host.backlog;
	uint32_t old = min_u32(n, send->old);
	uint32_t begun;
	int err = 0;
	uint16_t i;

	*gone = 0;
	drop_old(send->link, old, gone);
	n -= old;
	/* What the backlog still holds then was the beginning of the first
	 * message of this turn. */
	begun = n ? backlog_len(backlog) : 0;
	if (begun)
		backlog_drop(backlog, begun);
	*gone += begun;
	for (i = send->first_piece; i != TURN_NO_PIECE && !err;
	     i = piece->next) {
		piece = &turn->pieces[i];
		if (!n) {
			err = keep_piece(turn, send->link, piece);
			continue;
		}
		*gone += (uint32_t)iov_size(turn->segments + piece->first,
					    piece->count);
		n -= piece->ends;
	}
	return err;
}
