/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "from_guest.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "dial.h"
#include "guest.h"
#include "link.h"
#include "loop.h"
#include "ring/ring.h"
#include "turn.h"
#include "vsock/packet.h"

/* What one guest has looked at in a turn: the others wait meanwhile. */
#define BUDGET_CHAINS 256
#define BUDGET_DESCRIPTORS 4096

/* A connection with so much staged goes out before more is taken: what one
 * AF_UNIX send moves best. */
#define SEND_BYTES 262144
#define SEND_SEGMENTS 256

/* What sendmsg(2) takes (UIO_MAXIOV); the rest counts as not accepted. */
#define IOV_LIMIT 1024

static bool has_room(const struct turn *turn)
{
	return turn->nsends < TURN_SENDS && turn->npieces < TURN_PIECES &&
	       turn->nsegments < TURN_SEGMENTS;
}

/* The link's send of this turn, begun if need be; there is room for it. */
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

/* Extends the last piece of SEND if what is next lies right behind it. */
static bool extend_piece(struct turn *turn, const struct turn_send *send,
			 uint32_t count)
{
	struct piece *last;

	if (send->last_piece == TURN_NO_PIECE)
		return false;
	last = &turn->pieces[send->last_piece];
	if (last->first + last->count != turn->nsegments)
		return false;
	last->count += count;
	return true;
}

/* The COUNT segments behind those in use belong to SEND. */
static void add_piece(struct turn *turn, struct turn_send *send, uint32_t count)
{
	uint16_t at = (uint16_t)turn->npieces;

	if (!extend_piece(turn, send, count)) {
		turn->pieces[turn->npieces++] =
			(struct piece){ turn->nsegments, count, TURN_NO_PIECE };
		if (send->last_piece == TURN_NO_PIECE)
			send->first_piece = at;
		else
			turn->pieces[send->last_piece].next = at;
		send->last_piece = at;
	}
	turn->nsegments += count;
	send->segments += count;
}

/* Cuts the segments of CHAIN, in place, to LEN bytes behind the header. */
static uint32_t trim_to_payload(struct chain *chain, size_t len)
{
	size_t skip = PACKET_HEADER_SIZE;
	uint32_t n = 0;
	uint16_t i;

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

/* False: the connection has as much staged as one send should move. */
static bool deliver(struct turn *turn, struct link *link, struct chain *chain,
		    uint32_t len)
{
	struct turn_send *send;

	if (!len)
		return true;
	send = stage(turn, link);
	add_piece(turn, send, trim_to_payload(chain, len));
	send->bytes += len;
	return send->bytes < SEND_BYTES && send->segments < SEND_SEGMENTS;
}

static struct link *find_link(struct guest *guest, const struct packet *p)
{
	struct conn *conn =
		table_find(&guest->conns, p->dst_cid, p->dst_port, p->src_port);

	return conn ? link_of(conn) : NULL;
}

/* Addressed to this host by this guest, of a kind that is known here. */
static bool is_ours(const struct guest *guest, const struct packet *p)
{
	return p->src_cid == guest_cid(guest) &&
	       p->dst_cid == PACKET_HOST_CID && p->type == PACKET_STREAM;
}

/* Returns false when the turn should not take more. */
static bool handle_packet(struct guest *guest, struct turn *turn,
			  struct chain *chain, const struct packet *p)
{
	struct link *link = find_link(guest, p);
	unsigned orders;
	bool go_on = true;

	if (!link) {
		if (p->op == PACKET_REQUEST)
			dial(guest, p);
		else
			resets_add(&guest->resets, p);
		return true;
	}
	orders = conn_input(&link->conn, p);
	if (orders & CONN_DELIVER)
		go_on = deliver(turn, link, chain, p->len);
	link_carry_out(link, orders);
	return go_on;
}

/* An operation that does not exist ends the connection that it names. */
static void handle_malformed(struct guest *guest, const struct packet *p)
{
	struct link *link = is_ours(guest, p) ? find_link(guest, p) : NULL;

	if (link)
		link_carry_out(link, conn_abort(&link->conn));
	else
		resets_add(&guest->resets, p);
}

static bool handle_chain(struct guest *guest, struct turn *turn,
			 struct chain *chain)
{
	char header[PACKET_HEADER_SIZE];
	struct iov_cursor at;
	struct packet p;

	iov_begin(&at, chain->iov, chain->nread);
	if (iov_read(&at, header, sizeof(header)) < sizeof(header)) {
		guest_log_limited(guest, limit_guest, LOG_LEVEL_WARN,
				  "the guest sent a packet of %u bytes, less "
				  "than a header",
				  chain->read_bytes);
		return true;
	}
	if (packet_parse(header, &p) < 0 ||
	    (p.op == PACKET_RW &&
	     p.len > chain->read_bytes - PACKET_HEADER_SIZE)) {
		handle_malformed(guest, &p);
		return true;
	}
	if (!is_ours(guest, &p)) {
		resets_add(&guest->resets, &p);
		return true;
	}
	return handle_packet(guest, turn, chain, &p);
}

/* Host sockets that take bytes again, and have some waiting. */
static void collect_backlogs(struct guest *guest, struct turn *turn)
{
	struct link *link;

	while (!list_empty(&guest->flushing) && turn->nsends < TURN_SENDS) {
		link = list_first(&guest->flushing, struct link, host_node);
		list_remove(&link->host_node);
		stage(turn, link);
	}
}

static bool collect_packets(struct guest *guest, struct turn *turn)
{
	struct virtq *vq = &guest->queue[GUEST_TX].vq;
	unsigned chains = 0, descriptors = 0;
	struct chain chain;
	bool go_on = true;

	while (go_on) {
		/* Resumed by whoever sends some of them. */
		if (resets_full(&guest->resets))
			return false;
		if (chains++ == BUDGET_CHAINS ||
		    descriptors >= BUDGET_DESCRIPTORS || !has_room(turn))
			return true;
		if (virtq_take(vq, turn->segments + turn->nsegments,
			       VIRTQ_CHAIN_MAX, &chain) <= 0)
			return false;
		descriptors += chain.descriptors;
		if (chain.nwrite) {
			virtq_break(vq, "a writable buffer in the TX ring");
			return false;
		}
		go_on = handle_chain(guest, turn, &chain);
		guest->tx_held += chain.nread;
		virtq_give(vq, chain.head, 0);
	}
	return true;
}

bool from_guest_collect(struct guest *guest, struct turn *turn)
{
	bool more;

	collect_backlogs(guest, turn);
	more = !list_empty(&guest->flushing);
	if (!queue_active(&guest->queue[GUEST_TX]))
		return more;
	return collect_packets(guest, turn) || more;
}

/* All of a send's segments in one array, behind its backlog. */
static uint32_t join_pieces(struct turn *turn, const struct turn_send *send,
			    struct iovec *out)
{
	const struct piece *piece;
	uint32_t n = 0;
	uint16_t i;

	if (backlog_len(&send->link->backlog))
		out[n++] = backlog_iov(&send->link->backlog);
	for (i = send->first_piece; i != TURN_NO_PIECE; i = piece->next) {
		piece = &turn->pieces[i];
		memcpy(out + n, turn->segments + piece->first,
		       piece->count * sizeof(*out));
		n += piece->count;
	}
	turn->ngathered += n;
	return n;
}

/* The message: segments as they lie in the turn, where they do so in a row. */
static void gather(struct turn *turn, struct turn_send *send)
{
	struct iovec *out = turn->gathered + turn->ngathered;
	bool alone = !backlog_len(&send->link->backlog) &&
		     send->first_piece == send->last_piece;
	uint32_t n;

	if (alone) {
		out = turn->segments + turn->pieces[send->first_piece].first;
		n = send->segments;
	} else {
		n = join_pieces(turn, send, out);
	}
	send->io.msg = (struct msghdr){
		.msg_iov = out,
		.msg_iovlen = min_u32(n, IOV_LIMIT),
	};
}

/* False: there is nothing to send, or nobody, and the result says so. */
static bool worth_sending(struct turn_send *send)
{
	if (send->link->fd < 0) {
		send->io.result = -EPIPE;
		return false;
	}
	send->io.result = 0;
	return send->bytes || backlog_len(&send->link->backlog);
}

void from_guest_submit(struct ring *ring, struct turn *turn)
{
	struct turn_send *send;
	uint32_t i;

	for (i = 0; i < turn->nsends; i++) {
		send = &turn->sends[i];
		if (!worth_sending(send))
			continue;
		gather(turn, send);
		send->io.watch = &send->link->watch;
		ring_send(ring, &send->io);
	}
}

/* Keeps what the socket did not take of the pieces, behind their first SKIP
 * bytes. */
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
			err = backlog_add(&send->link->backlog, iov,
					  piece->count, skip);
		skip -= (uint32_t)min_size(skip, size);
	}
	return err;
}

static void accepted(struct turn *turn, struct turn_send *send, uint32_t n)
{
	struct link *link = send->link;
	uint32_t old = min_u32(n, backlog_len(&link->backlog));
	unsigned orders = 0;

	if (old)
		backlog_drop(&link->backlog, old);
	if (n - old < send->bytes && keep_rest(turn, send, n - old) < 0)
		orders |= conn_abort(&link->conn);
	debug_assert(credit_held(&link->conn.credit) >= n);
	orders |= conn_delivered(&link->conn, n);
	debug_assert(credit_held(&link->conn.credit) ==
			     backlog_len(&link->backlog) ||
		     link->conn.state == CONN_CLOSED);
	if (backlog_len(&link->backlog))
		ring_watch_writable(link->guest->loop->ring, &link->watch);
	link_carry_out(link, orders);
}

/* The send read guest memory whose file shrank. The queue breaks, and with it
 * go the joined connections; an older backlog is not touched by that. */
static void memory_gone(struct link *link)
{
	virtq_break(&link->guest->queue[GUEST_TX].vq,
		    "the guest's memory is gone");
	if (backlog_len(&link->backlog))
		ring_watch_writable(link->guest->loop->ring, &link->watch);
	link_drained(link);
	link_refresh(link);
}

void from_guest_finish(struct turn *turn)
{
	struct turn_send *send;
	uint32_t i;
	int n;

	for (i = 0; i < turn->nsends; i++) {
		send = &turn->sends[i];
		n = send->io.result;
		send->link->staged = LINK_NOT_STAGED;
		if (n == -EAGAIN)
			n = 0;
		if (n >= 0)
			accepted(turn, send, (uint32_t)n);
		else if (n == -EFAULT)
			memory_gone(send->link);
		else
			link_deaf(send->link);
	}
	turn->nsends = 0;
	turn->npieces = 0;
	turn->nsegments = 0;
	turn->ngathered = 0;
}
