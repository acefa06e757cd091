/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The order of a connection's messages, and what they are sent from:
 *
 *	complete ones of the backlog		one segment each
 *	one begun there, ended in this turn	its beginning, then pieces
 *	further ones of this turn		pieces, to each that ends one
 *	one that does not end yet		not sent
 *
 * They are handed to the socket in one call that stops at the first that is
 * not taken, so that none overtakes another.
 */
#include "host/sends_messages.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "link/link.h"
#include "ring/ring.h"
#include "turn/turn.h"

/* Of the backlog, in one turn: more than an AF_UNIX socket takes at once of
 * any but the smallest. */
#define OLD_MAX 128

static bool has_room(const struct turn *turn)
{
	return turn->nmessages < TURN_MESSAGES;
}

/* The N segments behind what is gathered are a message. */
static void add(struct turn *turn, struct turn_send *send, uint32_t n)
{
	turn->messages[turn->nmessages++] = (struct mmsghdr){
		.msg_hdr.msg_iov = turn->gathered + turn->ngathered,
		.msg_hdr.msg_iovlen = iov_limit(n),
	};
	turn->ngathered += n;
	send->messages++;
}

/* False: there are more than a turn should take. */
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

/* The beginning of a message that the backlog holds; COUNT segments. */
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

/* Ends at a message in too many segments, with all that is behind it: it is
 * copied into the backlog, where it is one segment, and sent from there. */
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

/* Up to N of the complete ones are gone. Returns how many. */
static uint32_t drop_old(struct link *link, uint32_t n, uint32_t *gone)
{
	uint32_t i, bytes = 0;

	for (i = 0; i < n; i++)
		bytes += messages_drop(&link->host.ends);
	if (bytes)
		backlog_drop(&link->host.backlog, bytes);
	*gone += bytes;
	return n;
}

/* The backlog's beginning of a message went with the rest of that. */
static void drop_begun(struct link *link, uint32_t *gone)
{
	uint32_t bytes = backlog_len(&link->host.backlog);

	if (bytes)
		backlog_drop(&link->host.backlog, bytes);
	*gone += bytes;
}

/* Empty messages cost a guest no credit, so their number is bounded here. */
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
	int err = 0;
	uint16_t i;

	*gone = 0;
	n -= drop_old(send->link, min_u32(n, send->old), gone);
	if (n)
		drop_begun(send->link, gone);
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
