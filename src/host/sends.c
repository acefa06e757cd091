/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Packets of many connections come out of the ring in any order, and their
 * segments stand in the turn in that order. A connection's segments are in
 * runs, called pieces, each of which names the next one of its connection. One
 * piece without a backlog is sent as it stands; otherwise a list of all
 * segments is put together. Bytes are never moved for a send.
 *
 * After the send, what the socket did not take is copied behind what the
 * backlog holds already. Then each byte that the guest sent is either one for
 * which it has credit back, or in the backlog: credit_held() is the backlog's
 * length.
 */
#include "host/sends.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "guest/guest.h"
#include "host/sends_messages.h"
#include "link/link.h"
#include "ring/ring.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "vsock/packet.h"

/* When a connection has so much staged, it is sent before more is taken: this
 * is what one AF_UNIX send moves best. */
#define SEND_BYTES 262144
#define SEND_SEGMENTS 256

bool sends_have_room(const struct turn *turn)
{
	return turn->nsends < TURN_SENDS && turn->npieces < TURN_PIECES &&
	       turn->nsegments < TURN_SEGMENTS;
}

/* The link's send of this turn, begun if need be. There must be room for it. */
static struct turn_send *stage(struct turn *turn, struct link *link)
{
	struct turn_send *send;

	if (link->staged != LINK_NOT_STAGED)
		return &turn->sends[link->staged];
	link->staged = (uint16_t)turn->nsends;
	send = &turn->sends[turn->nsends++];
	send->link = link;
	send->bytes = 0;
	send->segments = 0;
	send->first_piece = TURN_NO_PIECE;
	send->last_piece = TURN_NO_PIECE;
	return send;
}

/* Extends the last piece of SEND by the next COUNT segments, if they lie right
 * behind it and no message ends between. False: they do not. */
static bool extend_piece(struct turn *turn, const struct turn_send *send,
			 uint32_t count)
{
	struct piece *last;

	if (send->last_piece == TURN_NO_PIECE)
		return false;
	last = &turn->pieces[send->last_piece];
	if (last->ends || last->first + last->count != turn->nsegments)
		return false;
	last->count += count;
	return true;
}

/* The COUNT segments behind those in use belong to SEND. */
static void add_piece(struct turn *turn, struct turn_send *send, uint32_t count,
		      uint32_t flags)
{
	uint16_t at = (uint16_t)turn->npieces;

	if (!extend_piece(turn, send, count)) {
		turn->pieces[turn->npieces++] =
			(struct piece){ .first = turn->nsegments,
					.count = count,
					.next = TURN_NO_PIECE };
		if (send->last_piece == TURN_NO_PIECE)
			send->first_piece = at;
		else
			turn->pieces[send->last_piece].next = at;
		send->last_piece = at;
	}
	turn->pieces[send->last_piece].ends = flags & PACKET_END_OF_MESSAGE;
	turn->pieces[send->last_piece].record = flags & PACKET_END_OF_RECORD;
	turn->nsegments += count;
	send->segments += count;
}

/* Cuts the segments of CHAIN, in place, to LEN bytes behind the header. */
static uint32_t trim_to_payload(struct chain *chain, size_t len)
{
	struct iovec *first = chain->iov;
	size_t skip = PACKET_HEADER_SIZE;
	uint32_t n = 0;
	uint16_t i;

	/* As drivers make them: a segment for the header, and one for all of
	 * the payload, or both in one. */
	if (likely(len && first->iov_len == skip && chain->nread == 2)) {
		*first = (struct iovec){ first[1].iov_base, len };
		return 1;
	}
	if (likely(len && chain->nread == 1)) {
		*first = (struct iovec){ (char *)first->iov_base + skip, len };
		return 1;
	}
	for (i = 0; i < chain->nread && len; i++) {
		struct iovec part = chain->iov[i];
		size_t cut = min_size(skip, part.iov_len);

		skip -= cut;
		part.iov_base = (char *)part.iov_base + cut;
		part.iov_len = min_size(len, part.iov_len - cut);
		len -= part.iov_len;
		if (part.iov_len)
			chain->iov[n++] = part;
	}
	return n;
}

enum step sends_add(struct turn *turn, struct link *link, struct chain *chain,
		    uint32_t len, uint32_t flags)
{
	struct turn_send *send;

	if (!len && !flags)
		return STEP_DONE;
	send = stage(turn, link);
	add_piece(turn, send, trim_to_payload(chain, len), flags);
	send->bytes += len;
	/* What is for another guest can always be put down: tell.h. */
	if (link->is_half)
		share_count(&link->guest->loop->share, &link->use, len);
	else
		share_out(&link->guest->loop->share, &link->use, len);
	link->guest->counts.bytes_out += len;
	return send->bytes < SEND_BYTES && send->segments < SEND_SEGMENTS
		       ? STEP_DONE
		       : STEP_FULL;
}

enum step sends_add_backlog(struct turn *turn, struct link *link)
{
	if (turn->nsends == TURN_SENDS)
		return STEP_FULL;
	stage(turn, link);
	return STEP_DONE;
}

/* Puts the backlog and all segments of SEND into OUT, and returns how many
 * that are. */
static uint32_t join_pieces(struct turn *turn, const struct turn_send *send,
			    struct iovec *out)
{
	const struct piece *piece;
	uint32_t n = 0;
	uint16_t i;

	if (backlog_len(&send->link->host.backlog))
		out[n++] = backlog_iov(&send->link->host.backlog);
	for (i = send->first_piece; i != TURN_NO_PIECE; i = piece->next) {
		piece = &turn->pieces[i];
		memcpy(out + n, turn->segments + piece->first,
		       piece->count * sizeof(*out));
		n += piece->count;
	}
	turn->ngathered += n;
	return n;
}

static void submit_stream(struct ring *ring, struct turn *turn,
			  struct turn_send *send)
{
	struct iovec *out = turn->gathered + turn->ngathered;
	bool backlog = backlog_len(&send->link->host.backlog);
	uint32_t n;

	send->io.result = 0;
	if (!send->bytes && !backlog)
		return;
	if (!backlog && send->first_piece == send->last_piece) {
		out = turn->segments + turn->pieces[send->first_piece].first;
		n = send->segments;
	} else {
		n = join_pieces(turn, send, out);
	}
	send->io.msg = (struct msghdr){
		.msg_iov = out,
		.msg_iovlen = iov_limit(n),
	};
	ring_send(ring, &send->io);
}

void sends_submit(struct ring *ring, struct turn *turn)
{
	struct turn_send *send;
	uint32_t i;

	for (i = 0; i < turn->nsends; i++) {
		send = &turn->sends[i];
		if (send->link->is_half)
			continue;
		send->io.watch = &send->link->host.watch;
		if (send->link->host.fd < 0)
			send->io.result = -EPIPE;
		else if (link_keeps_messages(send->link))
			sends_messages_submit(ring, turn, send);
		else
			submit_stream(ring, turn, send);
	}
}

/* Keeps what the socket did not take: the pieces behind their first SKIP bytes.
 * 0 or -ENOMEM. */
static int keep_rest(struct turn *turn, struct turn_send *send, uint32_t skip)
{
	const struct piece *piece;
	uint16_t i;
	int err = 0;

	for (i = send->first_piece; i != TURN_NO_PIECE && !err;
	     i = piece->next) {
		const struct iovec *iov;
		size_t size;

		piece = &turn->pieces[i];
		iov = turn->segments + piece->first;
		size = iov_size(iov, piece->count);
		if (skip < size)
			err = backlog_add(&send->link->host.backlog, iov,
					  piece->count, skip);
		skip -= (uint32_t)min_size(skip, size);
	}
	return err;
}

/* The socket took N bytes of a stream; the rest is kept. 0 or -ENOMEM. */
static int keep_stream(struct turn *turn, struct turn_send *send, uint32_t n)
{
	struct link *link = send->link;
	uint32_t old = min_u32(n, backlog_len(&link->host.backlog));

	if (old)
		backlog_drop(&link->host.backlog, old);
	if (n - old == send->bytes)
		return 0;
	return keep_rest(turn, send, n - old);
}

/* The socket took N bytes, of SEQPACKET N messages; the rest is kept. */
static void accepted(struct turn *turn, struct turn_send *send, uint32_t n)
{
	struct link *link = send->link;
	unsigned orders = 0;
	uint32_t gone = n;
	int err;

	if (link_keeps_messages(link))
		err = sends_messages_keep(turn, send, n, &gone);
	else
		err = keep_stream(turn, send, n);
	if (err)
		orders |= conn_abort(&link->conn);
	debug_assert(credit_held(&link->conn.credit) >= gone);
	orders |= conn_delivered(&link->conn, gone);
	debug_assert(credit_held(&link->conn.credit) ==
			     backlog_len(&link->host.backlog) ||
		     link->conn.state == CONN_CLOSED);
	if (link_unsent(link)) {
		host_end_widen(&link->host);
		ring_watch_writable(link->guest->loop->ring, &link->host.watch);
	}
	link_carry_out(link, orders);
}

/* The send read guest memory whose file shrank. The queue breaks, and the
 * joined connections end with it; an older backlog is still sent. */
static void memory_gone(struct link *link)
{
	virtq_break(&link->guest->queue[GUEST_TX].vq,
		    "the guest's memory is gone");
	if (link_unsent(link))
		ring_watch_writable(link->guest->loop->ring, &link->host.watch);
	link_refresh(link);
}

void sends_finish(struct turn *turn)
{
	struct turn_send *send;
	uint32_t i;
	int n;

	for (i = 0; i < turn->nsends; i++) {
		send = &turn->sends[i];
		if (send->link->is_half)
			continue;
		n = link_keeps_messages(send->link)
			    ? sends_messages_result(send)
			    : send->io.result;
		send->link->staged = LINK_NOT_STAGED;
		if (n >= 0 || n == -EAGAIN)
			accepted(turn, send, n < 0 ? 0 : (uint32_t)n);
		else if (n == -EFAULT)
			memory_gone(send->link);
		else
			link_deaf(send->link);
	}
}
