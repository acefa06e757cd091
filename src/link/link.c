/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 *	greeting	no connection yet; on the guest's list of that name
 *	joined		in the guest's table; on ready or small if it has
 *			something for the guest, else on no list
 *	parted		out of the table; the socket has bytes to send still, or
 *			the half something to tell
 *	dead		on the loop's list; freed when the ring lets go
 *
 * link_refresh() moves it on. Whatever happened to either side, all that
 * follows is derived from the state of both: the list, the deadline, the end.
 * So it may be called too often, but not too seldom. A link that a guest asked
 * for begins parted, without a place in the table, and is joined at once.
 */
#include "link/link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "guest/guest.h"
#include "link/half.h"
#include "ring/ring.h"
#include "turn/loop.h"
#include "vsock/handshake.h"

/* Links of one guest that only have bytes for slow host programs: beyond, the
 * oldest is cut off. Each holds tx-buffer-size, and up to twice that in
 * messages of a byte each. */
#define PARTED_MAX 256

/* A message and this together fit SO_SNDBUF (unix(7) does not say so). */
#define SNDBUF_OVERHEAD 32

/* The first read of a connection offers this many receive buffers. */
#define BURST_MIN 1

/* One that is offered fewer goes ahead of those that fill what they get: a
 * round trip beside streams is fifteen times faster for it. */
#define BURST_LIGHT 8

struct link *link_of(struct conn *conn)
{
	return container_of(conn, struct link, conn);
}

static struct link *link_new(struct guest *guest, enum link_phase phase)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->guest = guest;
	link->phase = (uint8_t)phase;
	link->fd = -1;
	link->staged = LINK_NOT_STAGED;
	link->burst = BURST_MIN;
	ring_watch_init(&link->watch);
	list_init(&link->node);
	list_init(&link->host_node);
	timer_init(&link->timer);
	timer_init(&link->conn.timer);
	backlog_init(&link->backlog);
	messages_init(&link->ends);
	return link;
}

/*
 * What one send can take. A message goes to the socket in one, which is refused
 * if it is longer than the send buffer, less what the kernel takes of it. By
 * its credit the guest's kernel knows as well, and can tell its program.
 */
static uint32_t longest_send(const struct link *link)
{
	socklen_t len = sizeof(int);
	int size = LINK_SNDBUF;

	if (!link_keeps_messages(link))
		return UINT32_MAX;
	setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (getsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0)
		return UINT32_MAX;
	return (uint32_t)size - SNDBUF_OVERHEAD;
}

uint32_t link_grant(struct link *link)
{
	uint32_t grant =
		guest_grant(link->guest, link->guest->config->tx_buffer_size);
	uint32_t useful = min_u32(grant, longest_send(link));

	guest_take_back(link->guest, grant - useful);
	link->grant = useful;
	return useful;
}

struct link *link_new_greeting(struct guest *guest, int *fd,
			       enum packet_type type)
{
	struct link *link = link_new(guest, LINK_GREETING);

	if (!link)
		return NULL;
	link->fd = fd_take(fd);
	link->conn.type = (uint16_t)type;
	link->unanswered = true;
	return link;
}

struct link *link_new_from_guest(struct guest *guest,
				 const struct packet *request, int *fd)
{
	struct link *link = link_new(guest, LINK_PARTED);

	if (!link)
		return NULL;
	link->fd = fd_take(fd);
	link->conn.type = request->type;
	conn_init_from_guest(&link->conn, request, link_grant(link));
	return link;
}

struct link *link_new_half(struct guest *guest, struct switch_vm *other,
			   uint64_t id)
{
	struct link *link = link_new(guest, LINK_PARTED);
	struct half *half = calloc(1, sizeof(*half));

	if (!link || !half) {
		free(link);
		free(half);
		return NULL;
	}
	half->link = link;
	half->other = other;
	half->id = id;
	guest->siblings.halves++;
	list_init(&half->telling);
	parcels_init(&half->inbox);
	parcels_init(&half->outbox);
	link->half = half;
	return link;
}

bool link_has_data(const struct link *link)
{
	return link->readable || link->held.bytes ||
	       (link->half && link->half->inbox.count);
}

/* A half begins, or ends, to wait for either guest's answer. */
static void count_pending(struct link *link, enum conn_state state, int change)
{
	if (link->half && state == CONN_GUEST_PENDING)
		link->guest->siblings.asked += (unsigned)change;
	if (link->half && state == CONN_HOST_PENDING)
		link->guest->siblings.asking += (unsigned)change;
}

int link_join(struct link *link)
{
	int err = table_insert(&link->guest->conns, &link->conn);

	if (err)
		return err;
	link->conn.follows = ended_forget(&link->guest->ended, &link->conn);
	link->phase = LINK_JOINED;
	link->passed = virtq_last_peeked(&link->guest->queue[GUEST_TX].vq);
	link->guest->counts.connections++;
	link->logged_state = link->conn.state;
	count_pending(link, (enum conn_state)link->conn.state, 1);
	return 0;
}

void link_tell(struct link *link, unsigned news)
{
	struct half *half = link->half;

	half->news |= (uint8_t)news;
	if (list_empty(&half->telling))
		list_append(&link->guest->loop->siblings.telling,
			    &half->telling);
}

void link_forget_outbox(struct link *link)
{
	link->staged = LINK_NOT_STAGED;
	parcels_free(&link->half->outbox);
}

/* It ended without an end of its data: by RST, or because its guest went. */
static bool broke_off(const struct conn *conn)
{
	return conn->state == CONN_CLOSED &&
	       conn->guest_shut != PACKET_NO_MORE &&
	       conn->host_shut != PACKET_NO_MORE;
}

static void tell_orders(struct link *link, unsigned orders)
{
	struct half *half = link->half;
	unsigned news = 0;

	if (orders & CONN_ESTABLISH)
		news |= HALF_ACCEPTS;
	if (orders & CONN_END_READS)
		parcels_free(&half->inbox);
	if (orders & CONN_HANG_UP && !half->over) {
		half->over = true;
		half->end = broke_off(&link->conn) ? HALF_RESETS
						   : HALF_FINISHES;
		if (!link_part_later(link))
			news |= half->end;
	}
	/* Half an end would be heard as the rest of the whole one. */
	if (orders & CONN_END_WRITES && !link->parting)
		news |= HALF_ENDS;
	if (orders & CONN_END_READS && !link->parting)
		news |= HALF_DEAF;
	if (news)
		link_tell(link, news);
}

void link_carry_out(struct link *link, unsigned orders)
{
	if (link->half)
		tell_orders(link, orders);
	else
		link_order_socket(link, orders);
	link_refresh(link);
}

/* The guest's ports are free from here on; its bytes go on to the host
 * program. */
static void part(struct link *link)
{
	table_remove(&link->guest->conns, &link->conn);
	ended_add(&link->guest->ended, &link->conn, clock_ms());
	half_release_ask(link->guest, link->half);
	list_remove(&link->node);
	link->phase = LINK_PARTED;
	/* Nothing remains but to let the other end know. */
	if (link->half || link->parting)
		return;
	list_append(&link->guest->ending.parted, &link->node);
	link->guest->ending.nparted++;
	link->hang_up = true;
	link_drained(link);
}

static void bury(struct link *link)
{
	debug_assert(link->staged == LINK_NOT_STAGED);
	/* A half, and one that was never in the table, is on no list. */
	if (!list_empty(&link->node))
		link->guest->ending.nparted--;
	if (link->half)
		link->guest->siblings.halves--;
	list_remove(&link->node);
	list_append(&link->guest->loop->links.dead, &link->node);
	guest_take_back(link->guest, link->grant);
	link->phase = LINK_DEAD;
}

bool link_is_light(const struct link *link)
{
	return !link->half && link->conn.type == PACKET_STREAM &&
	       pace_is_light(&link->guest->loop->pace, &link->moved);
}

bool link_reads_little(const struct link *link)
{
	return link->burst < BURST_LIGHT;
}

/* Is there anything to put into the guest's RX ring now? */
static bool wants_guest(struct link *link)
{
	if (conn_has_control(&link->conn))
		return true;
	if (!link_has_data(link) || link->conn.state != CONN_OPEN)
		return false;
	if (conn_may_send(&link->conn))
		return true;
	conn_starved(&link->conn);
	return conn_has_control(&link->conn);
}

static void note_state(struct link *link)
{
	const struct conn *conn = &link->conn;

	count_pending(link, (enum conn_state)link->logged_state, -1);
	guest_log(link->guest, LOG_LEVEL_DEBUG,
		  "guest port %u, host port %u: %s -> %s", conn->peer_port,
		  conn->local_port,
		  conn_state_name((enum conn_state)link->logged_state),
		  conn_state_name((enum conn_state)conn->state));
	link->logged_state = conn->state;
}

static void refresh_joined(struct link *link)
{
	struct guest *guest = link->guest;

	link_notice_hang_up(link);
	if (unlikely(link->logged_state != link->conn.state))
		note_state(link);
	if (conn_finished(&link->conn)) {
		part(link);
		return;
	}
	if (!wants_guest(link)) {
		list_remove(&link->node);
	} else if (list_empty(&link->node)) {
		list_append(link_reads_little(link) ? &guest->rx.small
						    : &guest->rx.ready,
			    &link->node);
		guest_wake(guest);
	}
	if (conn_due(&link->conn) != link->conn.deadline)
		deadlines_follow(&guest->loop->deadlines, &link->conn,
				 clock_ms());
	link_drained(link);
}

void link_refresh(struct link *link)
{
	if (link->phase == LINK_JOINED)
		refresh_joined(link);
	if (unlikely(link->parting) && !conn_owes_end(&link->conn) &&
	    list_empty(&link->host_node))
		list_append(&link->guest->ending.told, &link->host_node);
	if (link->phase == LINK_PARTED && link->fd < 0 && !link->parting &&
	    link->staged == LINK_NOT_STAGED &&
	    (!link->half || half_told(link->half)))
		bury(link);
}

void link_guest_gone(struct link *link)
{
	link_carry_out(link, conn_guest_gone(&link->conn));
	ended_forget(&link->guest->ended, &link->conn);
	if (link->parting)
		link_part(link);
}

void link_kill(struct link *link)
{
	if (link->phase == LINK_DEAD)
		return;
	if (link->phase == LINK_JOINED)
		table_remove(&link->guest->conns, &link->conn);
	else if (link->phase == LINK_GREETING)
		link->guest->greeters.count--;
	half_release_ask(link->guest, link->half);
	if (link->phase != LINK_PARTED)
		list_remove(&link->node);
	link->phase = LINK_PARTED;
	if (link->parting)
		link_part(link);
	link_close_socket(link);
	if (link->half)
		list_remove(&link->half->telling);
	link_refresh(link);
}

void link_limit_parted(struct guest *guest)
{
	while (guest->ending.nparted > PARTED_MAX) {
		guest_log_limited(guest, guest, LOG_LEVEL_WARN,
				  "a host program that does not read what a "
				  "guest left is cut off");
		link_kill(list_first(&guest->ending.parted, struct link, node));
	}
}

static void free_link(struct link *link)
{
	struct half *half = link->half;

	if (half) {
		list_remove(&half->telling);
		parcels_free(&half->inbox);
		parcels_free(&half->outbox);
		free(half);
	}
	free(link);
}

static void free_dead(struct loop *loop, bool all)
{
	struct list again;
	struct link *link;

	list_init(&again);
	list_move_all(&again, &loop->links.dead);
	while (!list_empty(&again)) {
		link = list_first(&again, struct link, node);
		list_remove(&link->node);
		if (!all && ring_watch_busy(&link->watch)) {
			list_append(&loop->links.dead, &link->node);
			continue;
		}
		free_link(link);
		loop->links.freed++;
	}
}

void link_sweep(struct loop *loop)
{
	if (!list_empty(&loop->links.dead))
		free_dead(loop, false);
}

void link_free_dead(struct loop *loop)
{
	struct half *half;

	while (!list_empty(&loop->siblings.telling)) {
		half = list_first(&loop->siblings.telling, struct half,
				  telling);
		link_kill(half->link);
		list_remove(&half->telling);
	}
	free_dead(loop, true);
}
