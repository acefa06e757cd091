/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A packet is sorted by what is wrong with it. A faulty descriptor chain breaks
 * the queue. A packet that is shorter than a header has no sender to be
 * answered. One that is not from this guest, is of an unknown type or operation,
 * or belongs to no connection is answered by RST. All others are judged by the
 * connection's state.
 *
 * Each guest has a budget of chains and descriptors for a turn. All guests share
 * the room in the turn and, in short turns, the bytes. Nothing is taken while
 * too many RSTs are owed, as each packet could cause one more. Only packets that
 * were used early are taken regardless, before the front end may stop the ring.
 *
 * In turns for light connections the ring is looked through from the front, and
 * light connections' packets are used early. Order matters only within a
 * connection: when one of its packets is left in place (link->passed), its later
 * packets stay as well. Only a malformed packet holds none of them back, as it
 * ends its connection whenever it is taken.
 */
#include "funnel/from_guest.h"

#include "base/bytes.h"
#include "base/iov.h"
#include "config/config.h"
#include "guest/awake.h"
#include "guest/guest.h"
#include "host/dial.h"
#include "host/sends.h"
#include "link/link.h"
#include "sibling/sibling.h"
#include "sibling/switchboard.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "vsock/packet.h"

/* What is taken from one guest in a turn: the others wait meanwhile. */
#define BUDGET_CHAINS 256
#define BUDGET_DESCRIPTORS 4096

static struct link *find_link(struct guest *guest, const struct packet *p)
{
	struct conn *conn =
		table_find(&guest->conns, p->dst_cid, p->dst_port, p->src_port);

	return conn ? link_of(conn) : NULL;
}

static bool type_known(const struct guest *guest, uint16_t type)
{
	return type == PACKET_STREAM ||
	       (type == PACKET_SEQPACKET && guest_has_seqpacket(guest));
}

/* The packet is from this guest, and of a type that it may use. */
static bool is_ours(const struct guest *guest, const struct packet *p)
{
	return p->src_cid == guest_cid(guest) && type_known(guest, p->type);
}

/* The packet is for the host, by any of the CIDs that it is known by here. A
 * CID that another guest has is never the host's. */
static bool means_host(const struct guest *guest, const struct packet *p)
{
	if (p->dst_cid == PACKET_HOST_CID)
		return true;
	return config_is_host(guest->config, p->dst_cid) &&
	       !switchboard_find(guest->loop->board, p->dst_cid);
}

/* P asks for a connection to the host, or to another guest. A guest cannot tell a
 * port that it may not use from one where nobody listens: it gets an RST. */
static void handle_request(struct guest *guest, const struct packet *p)
{
	if (!conn_request_is_true(p)) {
		guest_log_limited(guest, guest, LOG_LEVEL_WARN,
				  "guest's connection to CID %u, port %u "
				  "refused: its request acknowledges %u bytes, "
				  "and none were sent",
				  p->dst_cid, p->dst_port, p->fwd_cnt);
	} else if (!config_allows_guest(guest->config, p->dst_port)) {
		guest_log_limited(guest, guest, LOG_LEVEL_WARN,
				  "guest's connection to port %u refused: it "
				  "is not among allow-guest",
				  p->dst_port);
	} else if (means_host(guest, p)) {
		dial(guest, p);
		return;
	} else if (sibling_ask(guest, p)) {
		return;
	} else {
		guest_log_limited(guest, guest, LOG_LEVEL_INFO,
				  "guest's connection to CID %u, port %u "
				  "refused: no such guest is here, it shares "
				  "no group, or too many connections wait for "
				  "others",
				  p->dst_cid, p->dst_port);
	}
	resets_add(&guest->resets, p);
}

/* P belongs to no connection. A late packet of one that has ended is not
 * answered. */
static void refuse_stranger(struct guest *guest, const struct packet *p)
{
	if (!ended_has(&guest->ended, p, clock_ms()))
		resets_add(&guest->resets, p);
}

static void handle_stranger(struct guest *guest, const struct packet *p)
{
	if (p->op != PACKET_REQUEST) {
		refuse_stranger(guest, p);
		return;
	}
	resets_drop(&guest->resets, p);
	handle_request(guest, p);
}

/* LINK's connection is over, and P begins the next one. */
static bool is_replaced(const struct link *link, const struct packet *p)
{
	return unlikely(p->op == PACKET_REQUEST) && conn_gives_way(&link->conn);
}

static uint32_t end_flags(const struct packet *p)
{
	return p->type == PACKET_SEQPACKET ? p->flags & PACKET_ENDS : 0;
}

/*
 * A stream to a host program is offered its part of what greedy streams may have
 * under way. A message is offered room for all of it, and so is a
 * driver that asks for credit, which may send a whole buffer or nothing.
 */
static void offer_window(struct link *link, const struct packet *p)
{
	struct credit *credit = &link->conn.credit;
	uint32_t window = UINT32_MAX;

	if (link->is_half || link->conn.type != PACKET_STREAM)
		return;
	if (p->op == PACKET_RW) {
		window = share_window(&link->guest->loop->share, &link->use);
	} else if (p->op != PACKET_CREDIT_REQUEST) {
		return;
	}
	credit_offer(credit, min_u32(window, link->grant));
}

static void log_too_long(const struct link *link)
{
	struct guest *guest = link->guest;

	guest_log_limited(guest, guest, LOG_LEVEL_WARN,
			  "guest port %u, host port %u: reset, as a message is "
			  "longer than the %u bytes that there is room for",
			  link->conn.peer_port, link->conn.local_port,
			  link->conn.credit.offer);
}

/* An RST may be the guest's answer to a host program's CONNECT. */
static void log_answer(const struct link *link)
{
	if (link->conn.state == CONN_GUEST_PENDING && !link->is_half)
		guest_log_limited(link->guest, host, LOG_LEVEL_INFO,
				  "connection to the guest's port %u refused: "
				  "nobody listens there",
				  link->conn.peer_port);
}

static enum step handle_joined(struct link *link, struct turn *turn,
			       struct chain *chain, const struct packet *p)
{
	enum step step = STEP_DONE;
	unsigned orders;

	if (unlikely(p->op == PACKET_RST))
		log_answer(link);
	orders = conn_input(&link->conn, p);
	offer_window(link, p);
	if (orders & CONN_DELIVER)
		step = sends_add(turn, link, chain, p->len, end_flags(p));
	if (orders & CONN_TOO_LONG)
		log_too_long(link);
	link_carry_out(link, orders & ~(unsigned)CONN_DELIVER);
	if (link->is_half)
		sibling_note(link, p);
	return step;
}

static enum step handle_packet(struct guest *guest, struct turn *turn,
			       struct chain *chain, const struct packet *p)
{
	struct link *link = find_link(guest, p);

	if (link && is_replaced(link, p)) {
		link_guest_gone(link);
		link = NULL;
	}
	if (!link) {
		handle_stranger(guest, p);
		return STEP_DONE;
	}
	/* The link's connection is of the other type: P is not about it. */
	if (link->conn.type != p->type) {
		resets_add(&guest->resets, p);
		return STEP_DONE;
	}
	return handle_joined(link, turn, chain, p);
}

/* A malformed packet ends the connection that it names. */
static void handle_malformed(struct guest *guest, const struct packet *p)
{
	bool ours = is_ours(guest, p);
	struct link *link = ours ? find_link(guest, p) : NULL;

	if (link && link->conn.type == p->type)
		link_carry_out(link, conn_abort(&link->conn));
	else if (ours && !link)
		refuse_stranger(guest, p);
	else
		resets_add(&guest->resets, p);
}

enum form { FORM_SHORT, FORM_MALFORMED, FORM_GOOD };

/* Copies the header once, to P, unless the packet is too short for one. */
static inline enum form read_header(const struct chain *chain, struct packet *p)
{
	char header[PACKET_HEADER_SIZE];
	struct iov_cursor at;

	if (chain->read_bytes < sizeof(header))
		return FORM_SHORT;
	if (likely(chain->iov->iov_len >= sizeof(header))) {
		packet_copy(header, chain->iov->iov_base);
	} else {
		iov_begin(&at, chain->iov, chain->nread);
		iov_read(&at, header, sizeof(header));
	}
	if (packet_parse(header, p) < 0 ||
	    (p->op == PACKET_RW &&
	     p->len > chain->read_bytes - PACKET_HEADER_SIZE))
		return FORM_MALFORMED;
	return FORM_GOOD;
}

static enum step handle_chain(struct guest *guest, struct turn *turn,
			      struct chain *chain)
{
	struct packet p;

	switch (read_header(chain, &p)) {
	case FORM_SHORT:
		guest_log_limited(guest, guest, LOG_LEVEL_WARN,
				  "the guest sent a packet of %u bytes, less "
				  "than a header",
				  chain->read_bytes);
		return STEP_DONE;
	case FORM_MALFORMED:
		handle_malformed(guest, &p);
		return STEP_DONE;
	case FORM_GOOD:
		break;
	}
	if (!is_ours(guest, &p)) {
		resets_add(&guest->resets, &p);
		return STEP_DONE;
	}
	return handle_packet(guest, turn, chain, &p);
}

/* Stages the backlogs of links whose host sockets take bytes again. */
static void collect_backlogs(struct guest *guest, struct turn *turn)
{
	struct link *link;

	while (!list_empty(&guest->flushing)) {
		link = list_first(&guest->flushing, struct link, host_node);
		if (sends_add_backlog(turn, link) == STEP_FULL)
			return;
		list_remove(&link->host_node);
	}
}

static struct virtq *tx_queue(struct guest *guest)
{
	return &guest->queue[GUEST_TX].vq;
}

/* Takes as many packets as the turn has room for. EARLY: takes those that were
 * used early, and those before them, even if the turn has moved enough bytes or
 * too many RSTs are owed. */
static enum step collect_packets(struct guest *guest, struct turn *turn,
				 bool early)
{
	const struct share *share = &guest->loop->share;
	struct virtq *vq = tx_queue(guest);
	unsigned chains = 0, descriptors = 0;
	enum step step = STEP_DONE;
	struct chain chain;
	unsigned enough = guest->loop->chores + LOOP_CHORES_OF_A_KIND;

	while (step == STEP_DONE) {
		bool must = early && virtq_has_early(vq);

		if (!share->left_out && !must)
			return STEP_MORE;
		/* send_resets() wakes the guest when it has sent some. */
		if (resets_full(&guest->resets) && !must)
			return STEP_DONE;
		if (chains++ == BUDGET_CHAINS ||
		    descriptors >= BUDGET_DESCRIPTORS ||
		    guest->loop->chores >= enough || !sends_have_room(turn))
			return STEP_MORE;
		if (virtq_take(vq, turn->segments + turn->nsegments,
			       VIRTQ_CHAIN_MAX, &chain) <= 0)
			return STEP_DONE;
		descriptors += chain.descriptors;
		if (!chain.early)
			step = handle_chain(guest, turn, &chain);
		awake_note_sent(guest, chain.nread);
		virtq_give(vq, &chain, 0);
	}
	return STEP_MORE;
}

/*
 * Uses a packet of a light connection before its turn, unless an earlier packet
 * of the connection waits, or this one begins the next connection. Indexes wrap,
 * so that once in 2^16 packets an old link->passed may look like one that
 * waits, which only delays the packet.
 */
static enum step overtake(struct guest *guest, struct turn *turn,
			  struct chain *chain)
{
	struct virtq *vq = tx_queue(guest);
	struct link *link;
	struct packet p;

	if (read_header(chain, &p) != FORM_GOOD || !is_ours(guest, &p))
		return STEP_DONE;
	link = find_link(guest, &p);
	if (!link || link->conn.type != p.type)
		return STEP_DONE;
	if (!link_is_light(link) || is_replaced(link, &p) ||
	    virtq_peeked(vq, link->passed)) {
		link->passed = virtq_last_peeked(vq);
		return STEP_DONE;
	}
	virtq_use_early(vq);
	return handle_joined(link, turn, chain, &p);
}

/* Uses the packets of light connections, wherever in the ring they are. */
static enum step collect_light(struct guest *guest, struct turn *turn)
{
	struct virtq *vq = tx_queue(guest);
	unsigned enough = guest->loop->chores + LOOP_CHORES_OF_A_KIND;
	unsigned descriptors = 0;
	enum step step = STEP_DONE;
	struct chain chain;

	while (step == STEP_DONE && guest->loop->chores < enough &&
	       descriptors < BUDGET_DESCRIPTORS && sends_have_room(turn) &&
	       virtq_peek(vq, turn->segments + turn->nsegments, VIRTQ_CHAIN_MAX,
			  &chain) > 0) {
		descriptors += chain.descriptors;
		step = overtake(guest, turn, &chain);
	}
	return step_left(!resets_full(&guest->resets) && virtq_look(vq));
}

bool from_guest_early(struct guest *guest)
{
	return queue_active(&guest->queue[GUEST_TX]) &&
	       virtq_has_early(tx_queue(guest));
}

/* Packets may be taken from the TX ring. EARLY: those that were used early are
 * given back even if the RX ring is broken. */
static bool may_take(const struct guest *guest, bool early)
{
	if (!early)
		return guest_is_heard(guest);
	return !guest->ending.session && queue_active(&guest->queue[GUEST_TX]);
}

enum step from_guest_collect(struct guest *guest, struct turn *turn, bool early)
{
	bool light_only = guest->loop->share.light_only && !early;
	enum step backlogs, packets = STEP_DONE;

	if (!light_only)
		collect_backlogs(guest, turn);
	backlogs = step_left(!list_empty(&guest->flushing));
	if (!may_take(guest, early))
		return backlogs;
	if (light_only)
		packets = collect_light(guest, turn);
	else
		packets = collect_packets(guest, turn, early);
	return packets == STEP_DONE ? backlogs : packets;
}
