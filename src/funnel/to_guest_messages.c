/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Unlike a stream's bytes, messages are not read in the turn's batch but at
 * once: the size of each must be asked of the socket first, and the size of the
 * next one is known only when the first has been read. What becomes of a message
 * depends on the credit and the buffers that the guest has for it:
 *
 *	for all of it			it is read into the buffers
 *	for some of it			it is held, and goes in pieces
 *	for none of it			it stays in the socket
 *	its socket's buffer is smaller	the connection is reset
 */
#include "funnel/to_guest_messages.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "guest/guest.h"
#include "guest/rx_buffers.h"
#include "host/incoming.h"
#include "link/link.h"
#include "turn/loop.h"
#include "turn/turn.h"

/* What one link may send before the next link is served. */
#define MESSAGES_MAX 32
#define BUFFERS_MAX 64

static void refuse(struct link *link, uint32_t len)
{
	struct guest *guest = link->guest;

	guest_log_limited(guest, host, LOG_LEVEL_WARN,
			  "guest port %u, host port %u: reset, as a message of "
			  "%u bytes is more than the guest's socket takes (%u)",
			  link->conn.peer_port, link->conn.local_port, len,
			  link->conn.credit.peer_buf_alloc);
	host_end_drop_held(&link->host);
	link_carry_out(link, conn_abort(&link->conn));
}

/* Gives BUFFER with LEN bytes to the guest. ENDS: they are a message's last. */
static void give(struct link *link, struct turn_buffer *buffer, uint32_t len,
		 bool ends)
{
	struct guest *guest = link->guest;
	struct packet packet;

	conn_build_data(&link->conn, guest_cid(guest), len,
			ends ? PACKET_END_OF_MESSAGE : 0, &packet);
	rx_give(guest, buffer, &packet);
	share_gave(&guest->loop->share, &link->use, len);
}

/* Puts the next piece of the message that is held into BUFFER, within credit. */
static void give_piece(struct link *link, struct turn_buffer *buffer)
{
	struct held_message *held = &link->host.held;
	uint32_t len = min_u32(held->len - held->sent, rx_room(buffer));

	len = min_u32(len, conn_may_send(&link->conn));
	rx_fill(buffer, held->bytes + held->sent, len);
	held->sent += len;
	give(link, buffer, len, held->sent == held->len);
	if (held->sent == held->len)
		host_end_drop_held(&link->host);
}

/* The rest of the message that is held will never fit: the guest's buffer is
 * full of its first part, and the guest takes none of that before the end. */
static bool is_stuck(const struct link *link)
{
	return link->host.held.bytes && !credit_room(&link->conn.credit) &&
	       credit_unacked(&link->conn.credit) <= link->host.held.sent;
}

static enum step send_held(struct link *link, struct turn *turn)
{
	struct turn_buffer *buffer;

	while (link->host.held.bytes && conn_may_send(&link->conn)) {
		buffer = rx_take(link->guest, turn);
		if (!buffer)
			return STEP_NO_BUFFER;
		give_piece(link, buffer);
	}
	if (is_stuck(link))
		refuse(link, link->host.held.len);
	return STEP_DONE;
}

/* Takes *COUNT buffers for LEN bytes, within the credit, and offers their
 * payload areas. Returns how many bytes they have room for. */
static uint32_t take_buffers(struct link *link, struct turn *turn, uint32_t len,
			     uint32_t *count)
{
	uint32_t packets = credit_packets(&link->conn.credit);
	uint32_t room = min_u32(len, conn_may_send(&link->conn));
	uint32_t got = 0;
	struct turn_buffer *buffer;

	*count = 0;
	do {
		buffer = rx_take(link->guest, turn);
		if (!buffer)
			break;
		got += rx_append(turn, buffer, room - got);
		++*count;
	} while (got < room && *count < packets);
	return got;
}

/* Gives the LEN bytes, which were read into the buffers from FIRST on, to the
 * guest. */
static void give_whole(struct link *link, struct turn_buffer *first,
		       uint32_t len)
{
	uint32_t n;

	do {
		n = min_u32(len, rx_room(first));
		len -= n;
		give(link, first++, n, !len);
	} while (len);
}

/* Holds the message of LEN bytes, and sends what COUNT buffers have room for. 0
 * or -errno. */
static int send_in_pieces(struct link *link, struct turn_buffer *first,
			  uint32_t count, uint32_t len)
{
	uint32_t i;
	int err = incoming_hold(&link->host, len);

	for (i = 0; i < count && !err && link->host.held.bytes &&
		    conn_may_send(&link->conn);
	     i++)
		give_piece(link, first + i);
	return err;
}

/* Sends the next message, of LEN bytes. 0 or -errno; -ENOBUFS: no buffer is
 * left. */
static int send_message(struct link *link, struct turn *turn, uint32_t len)
{
	struct turn_buffer *first = turn->buffers + turn->nbuffers;
	uint32_t at = turn->npayload, count, segments;
	int err;

	bool whole = take_buffers(link, turn, len, &count) == len;

	segments = turn->npayload - at;
	turn->npayload = at;
	if (!count)
		return -ENOBUFS;
	if (!whole || segments > IOV_LIMIT)
		return send_in_pieces(link, first, count, len);
	err = incoming_read(&link->host, turn->payload + at, segments, len);
	if (!err)
		give_whole(link, first, len);
	return err;
}

/* The reading failed with ERR: no more messages will come. */
static void end(struct link *link, int err)
{
	unsigned orders = 0;

	if (err == -EPERM) {
		link_cut_off(link);
		return;
	}
	if (err == -ENODATA)
		orders = conn_host_ended(&link->conn, link->host.hung_up);
	else if (err == -EFAULT)
		rx_memory_gone(link->guest);
	else
		orders = conn_abort(&link->conn);
	link_carry_out(link, orders);
}

/* Sends one more message, if one is there and the guest can take some of it. 0,
 * or -errno when that is all for now. */
static int send_next(struct link *link, struct turn *turn)
{
	int len;

	if (link->host.held.bytes || !link->host.readable ||
	    !conn_may_send(&link->conn))
		return -EAGAIN;
	len = incoming_size(&link->host);
	if (len < 0)
		return len;
	if ((uint32_t)len > link->conn.credit.peer_buf_alloc) {
		refuse(link, (uint32_t)len);
		return -EAGAIN;
	}
	return send_message(link, turn, (uint32_t)len);
}

enum step to_guest_messages(struct link *link, struct turn *turn)
{
	const struct share *share = &link->guest->loop->share;
	uint32_t first = turn->nbuffers;
	unsigned left = MESSAGES_MAX;
	int err = 0;

	if (send_held(link, turn) == STEP_NO_BUFFER)
		return STEP_NO_BUFFER;
	while (!err && left-- && turn->nbuffers - first < BUFFERS_MAX &&
	       share_in(share, &link->use))
		err = send_next(link, turn);
	if (err && err != -EAGAIN && err != -ENOBUFS)
		end(link, err);
	return err == -ENOBUFS ? STEP_NO_BUFFER : STEP_DONE;
}
