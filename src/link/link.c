/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 *	greeting	no connection yet; on the guest's list of that name
 *	joined		in the guest's table; on ready or light if it has
 *			something for the guest, else on no list
 *	parted		out of the table; the socket has bytes to send still, or
 *			the half something to tell
 *	dead		on the loop's list; freed when the ring lets go
 *
 * link_refresh() moves a link on. Whatever happened at either end, all that
 * follows is derived from the state of both: the list, the deadline, the end.
 * So it may be called too often, but not too seldom. A link that a guest asked
 * for begins parted, without a place in the table, and is joined at once.
 */
#include "link/link.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "config/config.h"
#include "guest/guest.h"
#include "ring/ring.h"
#include "turn/loop.h"

/* Links of one guest that only have bytes for slow host programs. Beyond that,
 * the oldest is cut off. Each holds tx-buffer-size, and up to twice that in
 * messages of a byte each. */
#define PARTED_MAX 256

/* The first read of a connection offers this many receive buffers. */
#define BURST_MIN 1

static struct link *link_new(struct guest *guest, enum link_phase phase)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->guest = guest;
	link->phase = (uint8_t)phase;
	link->staged = LINK_NOT_STAGED;
	link->burst = BURST_MIN;
	list_init(&link->node);
	list_init(&link->host_node);
	timer_init(&link->timer);
	timer_init(&link->conn.timer);
	return link;
}

/* A message goes to the socket in one send. Credit beyond what a send can take
 * is not granted: so the guest's kernel knows the limit too, and can tell its
 * program. */
uint32_t link_grant(struct link *link)
{
	uint32_t grant =
		guest_grant(link->guest, link->guest->config->tx_buffer_size);
	uint32_t useful = grant;

	if (link_keeps_messages(link))
		useful = min_u32(grant, host_end_longest_message(&link->host));
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
	host_end_init(&link->host, fd);
	link->host.unanswered = true;
	link->conn.type = (uint16_t)type;
	return link;
}

struct link *link_new_from_guest(struct guest *guest,
				 const struct packet *request, int *fd)
{
	struct link *link = link_new(guest, LINK_PARTED);

	if (!link)
		return NULL;
	host_end_init(&link->host, fd);
	link->conn.type = request->type;
	conn_init_from_guest(&link->conn, request, link_grant(link));
	return link;
}

struct link *link_new_half(struct guest *guest, struct switch_vm *other,
			   uint64_t id)
{
	struct link *link = link_new(guest, LINK_PARTED);

	if (!link)
		return NULL;
	link->is_half = true;
	half_init(&link->half, other, id);
	guest->siblings.halves++;
	return link;
}

bool link_has_data(const struct link *link)
{
	return link->is_half ? link->half.inbox.count
			     : link->host.readable || link->host.held.bytes;
}

/* A half in STATE begins (CHANGE is 1) or ceases (-1) to wait for either
 * guest's answer. */
static void count_pending(struct link *link, enum conn_state state, int change)
{
	if (link->is_half && state == CONN_GUEST_PENDING)
		link->guest->siblings.asked += (unsigned)change;
	if (link->is_half && state == CONN_HOST_PENDING)
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
	struct half *half = &link->half;

	half->news |= (uint8_t)news;
	if (list_empty(&half->telling))
		list_append(&link->guest->loop->siblings.telling,
			    &half->telling);
}

void link_forget_outbox(struct link *link)
{
	link->staged = LINK_NOT_STAGED;
	parcels_free(&link->half.outbox);
}

void link_wait_for_backlog(struct link *link)
{
	timer_arm(&link->guest->loop->dialing.timers, &link->timer, clock_ms());
	if (!link->host.waiting)
		link->guest->dialing.waiting++;
	link->host.waiting = true;
}

void link_stop_waiting(struct link *link)
{
	timer_disarm(&link->timer);
	if (link->host.waiting)
		link->guest->dialing.waiting--;
	link->host.waiting = false;
}

static void close_host(struct link *link)
{
	host_end_close(&link->host, link->guest);
	link_stop_waiting(link);
	list_remove(&link->host_node);
}

/*
 * The other end is to hear of the connection's end. True: that waits until the
 * guest was shown the end (link.h). False: the guest is owed nothing, or can be
 * given nothing now, so that there is no reason to wait.
 */
static bool part_later(struct link *link)
{
	struct loop *loop = link->guest->loop;

	if (link->parting)
		return true;
	if (link->phase != LINK_JOINED || !conn_owes_end(&link->conn) ||
	    !guest_running(link->guest))
		return false;
	if (!link->is_half) {
		/* While the link waits for a backlog, nobody is at its other
		 * end. */
		if (link->host.waiting)
			return false;
		host_end_leave(&link->host, loop);
		list_remove(&link->host_node);
	}
	link->parting = true;
	timer_arm(&loop->parting, &link->timer, clock_ms());
	return true;
}

/* Shuts the socket's writes down or closes it, as was asked, when every byte
 * for the host program is in it. */
static void finish_asked_writes(struct link *link)
{
	struct host_end *host = &link->host;
	uint32_t unended;

	if (host->fd < 0 || link->staged != LINK_NOT_STAGED ||
	    link_unsent(link))
		return;
	/* A message that the guest did not end, and will not, is dropped. */
	unended = host_end_drop_backlog(host);
	if (unended)
		conn_delivered(&link->conn, unended);
	if (!host->hang_up)
		host_end_end_writes(host);
	else if (!part_later(link))
		close_host(link);
}

static inline void finish_writes(struct link *link)
{
	if (unlikely(link->host.end_writes || link->host.hang_up))
		finish_asked_writes(link);
}

static void order_host(struct link *link, unsigned orders)
{
	struct host_end *host = &link->host;

	if (orders & CONN_ESTABLISH && !host->forwarded &&
	    !host_end_accept(host, link->conn.local_port))
		orders |= conn_abort(&link->conn);
	host_end_order(host, orders,
		       link->staged == LINK_NOT_STAGED && !link_unsent(link));
	finish_writes(link);
}

/* The connection ended without an end of its data: by RST, or because its guest
 * went. */
static bool broke_off(const struct conn *conn)
{
	return conn->state == CONN_CLOSED &&
	       conn->guest_shut != PACKET_NO_MORE &&
	       conn->host_shut != PACKET_NO_MORE;
}

static void order_half(struct link *link, unsigned orders)
{
	struct half *half = &link->half;
	unsigned news = 0;

	if (orders & CONN_ESTABLISH)
		news |= HALF_ACCEPTS;
	if (orders & CONN_END_READS)
		parcels_free(&half->inbox);
	if (orders & CONN_HANG_UP && !half->over) {
		half->over = true;
		half->end = broke_off(&link->conn) ? HALF_RESETS
						   : HALF_FINISHES;
		if (!part_later(link))
			news |= half->end;
	}
	/* While the link is parting, the other half is not to hear of the whole
	 * end yet, which the ends of both directions would amount to. */
	if (orders & CONN_END_WRITES && !link->parting)
		news |= HALF_ENDS;
	if (orders & CONN_END_READS && !link->parting)
		news |= HALF_DEAF;
	if (news)
		link_tell(link, news);
}

/* The connection's ports are free from here on; its bytes still go to the host
 * program. */
static void leave_table(struct link *link)
{
	table_remove(&link->guest->conns, &link->conn);
	ended_add(&link->guest->ended, &link->conn, clock_ms());
	if (link->is_half)
		half_release_ask(link->guest, &link->half);
	list_remove(&link->node);
	link->phase = LINK_PARTED;
	/* Nothing remains but to let the other end know of the end. */
	if (link->is_half || link->parting)
		return;
	list_append(&link->guest->ending.parted, &link->node);
	link->guest->ending.nparted++;
	link->host.hang_up = true;
}

static void bury(struct link *link)
{
	debug_assert(link->staged == LINK_NOT_STAGED);
	/* A half, and a link that was never in the table, are on no list. */
	if (!list_empty(&link->node))
		link->guest->ending.nparted--;
	if (link->is_half)
		link->guest->siblings.halves--;
	list_remove(&link->node);
	list_append(&link->guest->loop->links.dead, &link->node);
	guest_take_back(link->guest, link->grant);
	link->phase = LINK_DEAD;
}

bool link_is_light(const struct link *link)
{
	return share_is_light(&link->guest->loop->share, &link->use);
}

/* There is something to put into the guest's RX ring now. */
static bool wants_guest(const struct link *link)
{
	return conn_has_control(&link->conn) ||
	       (link_has_data(link) && conn_may_send(&link->conn));
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

/* Notes that the host program is gone where the guest receives no more: then
 * the socket is not read, and no read can find its end. */
static void note_hang_up(struct link *link)
{
	struct host_end *host = &link->host;

	if (!host->hung_up || link->conn.state != CONN_OPEN ||
	    !(link->conn.guest_shut & PACKET_NO_RECEIVE))
		return;
	host->readable = false;
	if (conn_host_ended(&link->conn, true) & CONN_HANG_UP)
		host->hang_up = true;
}

static void refresh_joined(struct link *link)
{
	struct guest *guest = link->guest;
	bool wants;

	if (!link->is_half)
		note_hang_up(link);
	if (unlikely(link->logged_state != link->conn.state))
		note_state(link);
	if (conn_finished(&link->conn)) {
		leave_table(link);
		return;
	}
	wants = wants_guest(link);
	if (!wants && link_has_data(link)) {
		conn_starved(&link->conn);
		wants = conn_has_control(&link->conn);
	}
	if (!wants) {
		if (!list_empty(&link->node))
			list_remove(&link->node);
	} else if (list_empty(&link->node)) {
		list_append(link_is_light(link) ? &guest->rx.light
						: &guest->rx.ready,
			    &link->node);
		guest_wake(guest);
	}
	if (conn_due(&link->conn) != link->conn.deadline)
		deadlines_follow(&guest->loop->deadlines, &link->conn,
				 clock_ms());
}

/* The other end has been told or given all that it will be. */
static bool is_through(const struct link *link)
{
	return link->is_half ? half_told(&link->half) : link->host.fd < 0;
}

void link_refresh(struct link *link)
{
	if (link->phase == LINK_JOINED)
		refresh_joined(link);
	if (!link->is_half)
		finish_writes(link);
	if (unlikely(link->parting) && !conn_owes_end(&link->conn) &&
	    list_empty(&link->host_node))
		list_append(&link->guest->ending.told, &link->host_node);
	if (link->phase == LINK_PARTED && !link->parting &&
	    link->staged == LINK_NOT_STAGED && is_through(link))
		bury(link);
}

void link_carry_out(struct link *link, unsigned orders)
{
	if (unlikely(orders) && link->is_half)
		order_half(link, orders);
	else if (unlikely(orders))
		order_host(link, orders);
	else if (!link->is_half)
		finish_writes(link);
	link_refresh(link);
}

/* The guest's list on which a report puts the link, or NULL. WRITABLE is
 * host_end_note()'s result. */
static struct list *list_for(const struct link *link, bool writable)
{
	if (link->phase == LINK_GREETING)
		return &link->guest->greeters.knocking;
	if (link->host.connecting && writable)
		return &link->guest->dialing.dialed;
	if (writable && link_unsent(link))
		return &link->guest->flushing;
	return NULL;
}

/* This notes facts only, as ring.h asks: a report may come in the middle of a
 * batch, and it is not repeated. */
static void on_report(struct ring_watch *watch, int events)
{
	struct link *link = container_of(watch, struct link, host.watch);
	struct list *list = list_for(link, host_end_note(&link->host, events));

	if (list) {
		list_remove(&link->host_node);
		list_append(list, &link->host_node);
	}
	guest_wake(link->guest);
	link_refresh(link);
}

int link_watch(struct link *link)
{
	return host_end_watch(&link->host, link->guest->loop, on_report);
}

int link_watch_connect(struct link *link)
{
	int err;

	link->host.connecting = true;
	err = link_watch(link);
	if (!err)
		ring_watch_writable(link->guest->loop->ring, &link->host.watch);
	return err;
}

void link_deaf(struct link *link)
{
	uint32_t lost = credit_held(&link->conn.credit);
	unsigned orders;

	host_end_drop_backlog(&link->host);
	orders = conn_host_deaf(&link->conn);
	if (lost)
		orders |= conn_delivered(&link->conn, lost);
	link_carry_out(link, orders);
}

void link_cut_off(struct link *link)
{
	guest_log_limited(link->guest, host, LOG_LEVEL_INFO,
			  "guest port %u, host port %u: reset, as the host "
			  "program sent file descriptors",
			  link->conn.peer_port, link->conn.local_port);
	link_carry_out(link, conn_abort(&link->conn));
}

/* The other end hears of the connection's end now. */
static void part(struct link *link)
{
	link->parting = false;
	timer_disarm(&link->timer);
	list_remove(&link->host_node);
	if (link->is_half) {
		link_tell(link, link->half.end);
		guest_wake(link->guest);
	} else {
		close_host(link);
	}
	link_refresh(link);
}

void link_part_told(struct guest *guest)
{
	struct loop *loop = guest->loop;
	unsigned enough = loop->chores + LOOP_CHORES_OF_A_KIND;

	while (!list_empty(&guest->ending.told) && loop->chores < enough) {
		loop_count_chores(loop, 1);
		part(list_first(&guest->ending.told, struct link, host_node));
	}
	if (!list_empty(&guest->ending.told))
		guest_wake(guest);
}

void link_part_due(struct loop *loop, uint64_t now_ms)
{
	struct timer *timer;

	while (loop->chores < LOOP_CHORES &&
	       (timer = timer_take_due(&loop->parting, now_ms))) {
		loop_count_chores(loop, 1);
		part(container_of(timer, struct link, timer));
	}
}

void link_guest_gone(struct link *link)
{
	link_carry_out(link, conn_guest_gone(&link->conn));
	ended_forget(&link->guest->ended, &link->conn);
	if (link->parting)
		part(link);
}

void link_kill(struct link *link)
{
	if (link->phase == LINK_DEAD)
		return;
	if (link->phase == LINK_JOINED)
		table_remove(&link->guest->conns, &link->conn);
	else if (link->phase == LINK_GREETING)
		link->guest->greeters.count--;
	if (link->phase != LINK_PARTED)
		list_remove(&link->node);
	link->phase = LINK_PARTED;
	if (link->is_half)
		half_release_ask(link->guest, &link->half);
	if (link->parting)
		part(link);
	if (link->is_half)
		list_remove(&link->half.telling);
	else
		close_host(link);
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

static void free_dead(struct loop *loop, bool all)
{
	struct list again;
	struct link *link;

	list_init(&again);
	list_move_all(&again, &loop->links.dead);
	while (!list_empty(&again)) {
		link = list_first(&again, struct link, node);
		list_remove(&link->node);
		if (!all && !link->is_half &&
		    ring_watch_busy(&link->host.watch)) {
			list_append(&loop->links.dead, &link->node);
			continue;
		}
		if (link->is_half)
			half_free(&link->half);
		free(link);
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
		link_kill(link_of_half(half));
		list_remove(&half->telling);
	}
	free_dead(loop, true);
}
