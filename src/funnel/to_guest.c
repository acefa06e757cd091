/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A link is offered as many buffers as its last read used, or more if the bytes
 * left in the socket need more. Light links are served first: they delay nobody,
 * and a round trip beside streams then waits for few buffers and not for all of
 * them. If they leave no buffers for the others, the others are first in the
 * next turn.
 *
 * When a read leaves buffers empty, the packets behind them have to move up
 * (rx_buffers.h). So a link that may be offered more than it fills, and that
 * other links follow, asks its socket first how many bytes are there: that takes
 * a fraction of a microsecond, and copying a read's bytes takes ten. After a
 * read it asks how many are left, which saves a turn and a read that finds
 * nothing. An end that was reported goes to the guest behind the last bytes, in
 * the same turn.
 *
 * Headers are written after the sends are finished, when the lengths are known,
 * and so carry the credit that this turn's sends have freed. A link that was
 * served leaves its list; link_refresh() puts it back, behind the others, if it
 * has more.
 */
#include "funnel/to_guest.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/iov.h"
#include "funnel/to_guest_messages.h"
#include "guest/awake.h"
#include "guest/guest.h"
#include "guest/rx_buffers.h"
#include "link/link.h"
#include "link/rights.h"
#include "ring/ring.h"
#include "sibling/hear.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "vsock/packet.h"

/* Buffers that one read may fill. 64 buffers of 3,732 bytes are about the credit
 * of an ordinary guest, and the best size of one AF_UNIX read. */
#define BURST_MAX 64

/* The most bytes of one read. */
#define READ_MAX (253u * 1024)

/* The most bytes that are peeked at before a read. */
#define LOOK_MAX 16384u

/* Links that are served in a turn from each of a guest's lists. */
#define LINKS_PER_TURN 32

static void send_resets(struct guest *guest, struct turn *turn)
{
	bool blocked = resets_full(&guest->resets);
	struct turn_buffer *buffer;
	struct packet packet;

	while (guest->resets.count) {
		buffer = rx_take(guest, turn);
		if (!buffer)
			break;
		resets_take(&guest->resets, guest_cid(guest), &packet);
		rx_give(guest, buffer, &packet);
	}
	/* Nothing was taken from the TX ring while there was no room. */
	if (blocked && !resets_full(&guest->resets))
		guest_wake(guest);
}

static enum step send_control(struct link *link, struct turn *turn)
{
	struct guest *guest = link->guest;
	struct turn_buffer *buffer;
	struct packet packet;

	while (conn_has_control(&link->conn)) {
		buffer = rx_take(guest, turn);
		if (!buffer)
			return STEP_NO_BUFFER;
		conn_next_control(&link->conn, guest_cid(guest), &packet);
		rx_give(guest, buffer, &packet);
		if (packet.op == PACKET_CREDIT_UPDATE)
			awake_note_patient(guest, 1);
	}
	return STEP_DONE;
}

/* No other link has something for the guest. */
static bool is_alone(const struct link *link)
{
	const struct guest *guest = link->guest;

	return link->node.next == link->node.prev &&
	       (list_empty(&guest->rx.light) || list_empty(&guest->rx.ready));
}

/* Bytes that a read may find; HOST_END_HOLDS_UNKNOWN where asking would not
 * help. */
static uint32_t bytes_to_read(const struct link *link)
{
	if (!host_end_source_ended(&link->host) &&
	    (link->burst == 1 || is_alone(link)))
		return HOST_END_HOLDS_UNKNOWN;
	return host_end_holds(&link->host);
}

/* Queues a read of as many of the HELD bytes that the socket may have as credit,
 * packets and buffers allow. */
static enum step offer_buffers(struct link *link, struct turn *turn,
			       struct ring *ring, uint32_t held)
{
	struct turn_recv *recv = &turn->recvs[turn->nrecvs];
	struct share *share = &link->guest->loop->share;
	uint32_t wanted = min_u32(conn_may_send(&link->conn), READ_MAX);
	uint32_t left =
		min_u32(min_u32(wanted, held), share_in(share, &link->use));
	uint32_t packets =
		min_u32(credit_packets(&link->conn.credit), link->burst);
	uint32_t first = turn->npayload;

	recv->link = link;
	recv->first = turn->nbuffers;
	recv->room = rx_offer(link->guest, turn, packets, left);
	recv->count = turn->nbuffers - recv->first;
	if (!recv->count)
		return STEP_NO_BUFFER;
	share_offer(share, &link->use, recv->room);
	recv->all = recv->room == held;
	recv->io.msg = (struct msghdr){
		.msg_iov = turn->payload + first,
		.msg_iovlen = iov_limit(turn->npayload - first),
	};
	recv->io.watch = &link->host.watch;
	ring_recv(ring, &recv->io);
	turn->nrecvs++;
	return STEP_DONE;
}

/* There is nothing to read, now or ever. */
static void read_nothing(struct link *link)
{
	unsigned orders = 0;

	if (host_end_source_ended(&link->host))
		orders = conn_host_ended(&link->conn, link->host.hung_up);
	link_carry_out(link, orders);
}

/* How many of HELD bytes are in the socket: -EPERM where descriptors are among
 * them, 0 where a read would find nothing. */
static int64_t look(const struct link *link, uint32_t held)
{
	char bytes[LOOK_MAX];
	ssize_t n = rights_peek(link->guest->loop->rights, link->host.fd, bytes,
				min_u32(held, sizeof(bytes)), 0);

	if (n < 0)
		return errno == EPERM ? -EPERM : 0;
	return n;
}

/* As serve_stream(), where descriptors may come with the bytes. The read gets
 * room for them. If the VM has used up its share, there is no room, and only
 * bytes that come without descriptors are read. */
static enum step serve_warily(struct link *link, struct turn *turn,
			      struct ring *ring, uint32_t held)
{
	struct guest *guest = link->guest;
	struct turn_recv *recv = &turn->recvs[turn->nrecvs];
	struct msghdr room = { .msg_control = NULL };
	bool roomy = rights_make_room(guest->loop->rights, guest, turn->nrecvs,
				      &room);
	int64_t n = roomy ? held : look(link, held);

	if (n > 0 &&
	    offer_buffers(link, turn, ring, (uint32_t)n) != STEP_DONE) {
		if (roomy)
			rights_take(guest, &room, -EAGAIN);
		return STEP_NO_BUFFER;
	}
	if (n > 0) {
		recv->io.msg.msg_control = room.msg_control;
		recv->io.msg.msg_controllen = room.msg_controllen;
	}
	link->host.readable = false;
	list_remove(&link->node);
	if (n < 0)
		link_cut_off(link);
	else if (!n)
		read_nothing(link);
	return STEP_DONE;
}

/* Reads more of a stream, or notices its end. */
static enum step serve_stream(struct link *link, struct turn *turn,
			      struct ring *ring)
{
	uint32_t held = bytes_to_read(link);

	if (unlikely(link->guest->loop->rights) && held)
		return serve_warily(link, turn, ring, held);
	if (held && offer_buffers(link, turn, ring, held) != STEP_DONE)
		return STEP_NO_BUFFER;
	/* Before the read: a report may come after its -EAGAIN and before that
	 * is looked at. */
	link->host.readable = false;
	list_remove(&link->node);
	if (!held)
		read_nothing(link);
	return STEP_DONE;
}

/* Other links get the next buffers first. */
static void give_way(struct link *link)
{
	list_remove(&link->node);
	list_append(&link->guest->rx.ready, &link->node);
}

/* A link that got no buffer keeps its place. */
static enum step serve(struct link *link, struct turn *turn, struct ring *ring)
{
	bool data = link_has_data(link) && conn_may_send(&link->conn);

	/* A credit update alone is left to the data's headers, if data comes. */
	if ((!data || conn_speaks_first(&link->conn)) &&
	    send_control(link, turn) == STEP_NO_BUFFER)
		return STEP_NO_BUFFER;
	if (link->is_half) {
		if (data && sibling_serve(link, turn) == STEP_NO_BUFFER) {
			give_way(link);
			return STEP_NO_BUFFER;
		}
	} else if (link_keeps_messages(link)) {
		if (data && to_guest_messages(link, turn) == STEP_NO_BUFFER) {
			give_way(link);
			return STEP_NO_BUFFER;
		}
	} else if (link->host.readable && conn_may_send(&link->conn)) {
		return serve_stream(link, turn, ring);
	}
	list_remove(&link->node);
	link_refresh(link);
	return STEP_DONE;
}

/* Closing the socket of a link that ends is a chore, whether that happens here
 * or after the read: so only some links are served in a turn. */
static enum step serve_list(struct list *list, struct turn *turn,
			    struct ring *ring, struct loop *loop)
{
	unsigned enough = loop->chores + LOOP_CHORES_OF_A_KIND;
	unsigned links = LINKS_PER_TURN;

	while (links-- && loop->chores < enough && turn->nrecvs < TURN_RECVS &&
	       !list_empty(list)) {
		struct link *link = list_first(list, struct link, node);

		if (!share_in(&loop->share, &link->use)) {
			if (list == &link->guest->rx.ready)
				break;
			give_way(link); /* it is not light any more */
			continue;
		}
		loop_count_chores(loop, !link->is_half && link->host.hung_up);
		if (serve(link, turn, ring) == STEP_NO_BUFFER)
			return STEP_NO_BUFFER;
	}
	return STEP_DONE;
}

/* Light links go first, but may not starve those of ready. */
static void serve_lists(struct guest *guest, struct turn *turn,
			struct ring *ring)
{
	struct loop *loop = guest->loop;
	bool light_only = loop->share.light_only;

	if (guest->rx.ready_first && !light_only) {
		guest->rx.ready_first = false;
		if (serve_list(&guest->rx.ready, turn, ring, loop) == STEP_DONE)
			serve_list(&guest->rx.light, turn, ring, loop);
	} else if (serve_list(&guest->rx.light, turn, ring, loop) ==
		   STEP_NO_BUFFER) {
		guest->rx.ready_first = true;
	} else if (!light_only) {
		serve_list(&guest->rx.ready, turn, ring, loop);
	}
}

enum step to_guest_collect(struct guest *guest, struct turn *turn,
			   struct ring *ring)
{
	struct turn_guest *part = &turn->guests[turn->nguests];

	rx_begin(guest);
	if (!guest_running(guest) || !guest_has_output(guest))
		return STEP_DONE;
	if (turn->nguests == TURN_RECVS || turn->nrecvs == TURN_RECVS)
		return STEP_FULL;
	*part = (struct turn_guest){ .guest = guest,
				     .first_buffer = turn->nbuffers,
				     .first_recv = turn->nrecvs };
	send_resets(guest, turn);
	serve_lists(guest, turn, ring);
	part->buffers = turn->nbuffers - part->first_buffer;
	part->recvs = turn->nrecvs - part->first_recv;
	turn->nguests++;
	return STEP_DONE;
}

/* Gives the N bytes that were read to the guest, in as many buffers as they
 * fill. Returns the number of buffers. */
static uint32_t give_data(struct turn *turn, struct turn_recv *recv, uint32_t n)
{
	struct turn_buffer *first = &turn->buffers[recv->first];
	struct turn_buffer *buffer = first;
	struct link *link = recv->link;
	struct guest *guest = link->guest;
	uint32_t len = min_u32(n, rx_room(first));
	struct packet packet;

	conn_build_data(&link->conn, guest_cid(guest), len, 0, &packet);
	rx_give(guest, buffer++, &packet);
	for (n -= len; n; n -= len) {
		debug_assert(buffer < first + recv->count);
		len = min_u32(n, rx_room(buffer));
		conn_build_next_data(&link->conn, len, &packet);
		rx_give(guest, buffer++, &packet);
	}
	if (!link_is_light(link))
		awake_note_patient(guest, (uint32_t)(buffer - first));
	return (uint32_t)(buffer - first);
}

/* After a read of N bytes, which filled USED buffers: finds out whether there is
 * more to read, and how many buffers to offer it. ALONE: no other link was read
 * in this turn. */
static void look_ahead(struct link *link, const struct turn_recv *recv,
		       uint32_t n, uint32_t used, bool alone)
{
	bool filled = n == recv->room && !recv->all;
	uint32_t size = recv->room / recv->count;
	uint32_t held;

	link->host.readable = true;
	if (filled && link->burst == BURST_MAX)
		return;
	held = host_end_holds(&link->host);
	link->host.readable = held;
	/* A writer that is at work writes more before the next read, for which
	 * a link that is alone is not asked first what it holds. */
	if (filled && (alone || held == HOST_END_HOLDS_UNKNOWN))
		used = 2u * link->burst;
	if (held != HOST_END_HOLDS_UNKNOWN)
		used = max_u32(used, held / size + !!(held % size));
	link->burst = (uint8_t)min_u32(used, BURST_MAX);
}

static void finish_recv(struct turn *turn, struct turn_recv *recv)
{
	struct link *link = recv->link;
	int n = recv->io.result;
	unsigned orders = 0;

	if (n > 0) {
		share_count(&link->guest->loop->share, &link->use, (uint32_t)n);
		look_ahead(link, recv, (uint32_t)n,
			   give_data(turn, recv, (uint32_t)n),
			   turn->nrecvs == 1);
		if (!link->host.readable && host_end_source_ended(&link->host))
			orders = conn_host_ended(&link->conn,
						 link->host.hung_up);
	} else if (n == -EFAULT) {
		rx_memory_gone(link->guest);
	} else if (n != -EAGAIN) {
		orders = conn_host_ended(&link->conn,
					 n < 0 || link->host.hung_up);
	}
	link_carry_out(link, orders);
}

/* Closes the descriptors that came along, and resets the connections that they
 * came on. */
static void refuse_rights(struct turn *turn, const struct turn_guest *part)
{
	struct turn_recv *recv;
	uint32_t i;

	for (i = 0; i < part->recvs; i++) {
		recv = &turn->recvs[part->first_recv + i];
		if (recv->io.msg.msg_control &&
		    rights_take(part->guest, &recv->io.msg, recv->io.result) &&
		    recv->link->phase == LINK_JOINED)
			link_cut_off(recv->link);
	}
}

/* Sends the control packets that this turn's reads and sends made due. */
static void send_late_control(struct list *list, struct turn *turn)
{
	struct list *at = list->next;
	unsigned links = LINKS_PER_TURN;
	struct link *link;

	while (links-- && at != list) {
		link = container_of(at, struct link, node);
		at = at->next;
		if (!conn_has_control(&link->conn))
			continue;
		if (send_control(link, turn) == STEP_NO_BUFFER)
			return;
		list_remove(&link->node);
		link_refresh(link);
	}
}

void to_guest_finish(struct turn *turn)
{
	uint32_t i, j;

	for (i = 0; i < turn->nguests; i++) {
		struct turn_guest *part = &turn->guests[i];

		for (j = 0; j < part->recvs; j++)
			finish_recv(turn, &turn->recvs[part->first_recv + j]);
		if (unlikely(part->guest->loop->rights))
			refuse_rights(turn, part);
		rx_return(turn, part);
		if (guest_running(part->guest)) {
			send_late_control(&part->guest->rx.light, turn);
			send_late_control(&part->guest->rx.ready, turn);
		}
	}
	turn->nguests = 0;
	turn->nrecvs = 0;
	turn->nbuffers = 0;
	turn->nrx_segments = 0;
	turn->npayload = 0;
}
