/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The states of conn.h: one function for each, one switch on the operation in
 * it, and settle() as the only way out of OPEN but for RST.
 */
#include "vsock/conn.h"

#include "base/bytes.h"
#include "base/check.h"
#include "vsock/packet.h"

static const char *const state_names[] = {
	[CONN_HOST_PENDING] = "HOST_PENDING",
	[CONN_GUEST_PENDING] = "GUEST_PENDING",
	[CONN_OPEN] = "OPEN",
	[CONN_CLOSING] = "CLOSING",
	[CONN_CLOSED] = "CLOSED",
};
static_assert(ARRAY_SIZE(state_names) == CONN_STATES, "a name for each");

const char *conn_state_name(enum conn_state state)
{
	return state_names[state];
}

static bool may_follow(enum conn_state from, enum conn_state to)
{
	switch (from) {
	case CONN_HOST_PENDING:
	case CONN_GUEST_PENDING:
		return to == CONN_OPEN || to == CONN_CLOSED;
	case CONN_OPEN:
		return to == CONN_CLOSING || to == CONN_CLOSED;
	case CONN_CLOSING:
		return to == CONN_CLOSED;
	case CONN_CLOSED:
	case CONN_STATES:
		break;
	}
	return false;
}

/* At the end all that the old state owed is dropped. Where an RST is due, the
 * function that closes makes it owed anew. */
static void set_state(struct conn *conn, enum conn_state to)
{
	debug_assert(may_follow((enum conn_state)conn->state, to));
	conn->state = (uint8_t)to;
	conn->starving = false;
	if (to == CONN_CLOSED)
		conn->pending = 0;
}

bool conn_request_is_true(const struct packet *request)
{
	struct credit nothing_sent;

	credit_init(&nothing_sent, 0);
	return credit_from_peer(&nothing_sent, request->buf_alloc,
				request->fwd_cnt);
}

/* Of a REQUEST's credit only the buffer counts: nothing was forwarded yet. */
void conn_init_from_guest(struct conn *conn, const struct packet *request,
			  uint32_t buf_alloc)
{
	*conn = (struct conn){
		.local_cid = request->dst_cid,
		.local_port = request->dst_port,
		.peer_port = request->src_port,
		.type = request->type,
		.state = CONN_HOST_PENDING,
	};
	timer_init(&conn->timer);
	credit_init(&conn->credit, buf_alloc);
	conn->credit.peer_buf_alloc = request->buf_alloc;
}

void conn_init_from_host(struct conn *conn, uint16_t type, uint32_t local_port,
			 uint32_t peer_port, uint32_t buf_alloc)
{
	*conn = (struct conn){
		.local_cid = PACKET_HOST_CID,
		.local_port = local_port,
		.peer_port = peer_port,
		.type = type,
		.state = CONN_GUEST_PENDING,
		.pending = OWES_REQUEST,
	};
	timer_init(&conn->timer);
	credit_init(&conn->credit, buf_alloc);
}

/* Ends in CLOSED without a word to the guest, which knows or never knew. */
static unsigned close_silently(struct conn *conn)
{
	set_state(conn, CONN_CLOSED);
	return CONN_HANG_UP;
}

static unsigned close_with_rst(struct conn *conn)
{
	set_state(conn, CONN_CLOSED);
	conn->pending = OWES_RST;
	return CONN_HANG_UP;
}

unsigned conn_abort(struct conn *conn)
{
	if (conn->state == CONN_CLOSED)
		return CONN_HANG_UP;
	/* A REQUEST that was never sent needs no RST. */
	if (conn->pending & OWES_REQUEST)
		return close_silently(conn);
	return close_with_rst(conn);
}

unsigned conn_guest_gone(struct conn *conn)
{
	conn->pending = 0;
	if (conn->state == CONN_CLOSED)
		return CONN_HANG_UP;
	return close_silently(conn);
}

/* A direction has ended when its sender or its receiver renounced it. */
static bool both_directions_ended(const struct conn *conn)
{
	bool from_guest = (conn->guest_shut & PACKET_NO_SEND) ||
			  (conn->host_shut & PACKET_NO_RECEIVE);
	bool to_guest = (conn->host_shut & PACKET_NO_SEND) ||
			(conn->guest_shut & PACKET_NO_RECEIVE);

	return from_guest && to_guest;
}

/*
 * OPEN ends here, and nowhere else: when the guest renounced both directions
 * and every byte of it is in the host socket, or when both have ended
 * otherwise. What is on its way to another guest gets there by itself.
 */
static unsigned settle(struct conn *conn)
{
	if (conn->state != CONN_OPEN)
		return 0;
	if (conn->guest_shut == PACKET_NO_MORE) {
		if (conn->end_to_end || !credit_held(&conn->credit))
			close_with_rst(conn);
		return CONN_HANG_UP;
	}
	if (!both_directions_ended(conn))
		return 0;
	conn->host_shut = PACKET_NO_MORE;
	set_state(conn, CONN_CLOSING);
	return CONN_HANG_UP;
}

/* What a new guest_shut means to the host socket. */
static unsigned orders_for_shut(unsigned shut)
{
	unsigned orders = 0;

	if (shut & PACKET_NO_SEND)
		orders |= CONN_END_WRITES;
	if (shut & PACKET_NO_RECEIVE)
		orders |= CONN_END_READS;
	return orders;
}

static unsigned guest_shuts(struct conn *conn, uint32_t flags)
{
	unsigned news = flags & PACKET_NO_MORE & ~(unsigned)conn->guest_shut;

	conn->guest_shut |= (uint8_t)news;
	if (news & PACKET_NO_RECEIVE)
		conn->starving = false;
	return orders_for_shut(news) | settle(conn);
}

/*
 * Makes CREDIT_UPDATE owed in time for the guest to go on. To be called when
 * bytes were passed on, and when the guest may have shrunk the window that "in
 * time" is measured by. The first part of a message is not passed on before its
 * end has come, so in the middle of one the guest may need all the room there
 * is.
 */
static void announce_if_due(struct conn *conn)
{
	if (conn->guest_shut & PACKET_NO_SEND)
		return;
	if (credit_update_due(&conn->credit) ||
	    (conn->message && credit_update_wanted(&conn->credit)))
		conn->pending |= OWES_CREDIT_UPDATE;
}

static unsigned guest_data(struct conn *conn, const struct packet *p)
{
	bool messages = conn->type == PACKET_SEQPACKET;

	if (conn->guest_shut & PACKET_NO_SEND)
		return close_with_rst(conn);
	if (!credit_received(&conn->credit, p->len)) {
		/* Did a single message take more than all of the credit? */
		bool too_long = messages &&
				p->len > conn->credit.offer - conn->message;

		return close_with_rst(conn) | (too_long ? CONN_TOO_LONG : 0);
	}
	if (conn->host_shut & PACKET_NO_RECEIVE) {
		credit_forwarded(&conn->credit, p->len);
		return 0;
	}
	if (!messages)
		return CONN_DELIVER;
	conn->message += p->len;
	if (packet_ends_message(p))
		conn->message = 0;
	announce_if_due(conn);
	/* The end of a message that fills the whole buffer could not come. */
	if (conn->message && conn->message >= conn->credit.offer)
		return close_with_rst(conn) | CONN_TOO_LONG;
	return CONN_DELIVER;
}

/* Until RESPONSE the guest may speak of credit and give up. A SHUTDOWN of one
 * direction is kept for conn_host_connected(). */
static unsigned input_host_pending(struct conn *conn, const struct packet *p)
{
	switch (p->op) {
	case PACKET_CREDIT_UPDATE:
	case PACKET_CREDIT_REQUEST: /* answered by the RESPONSE */
		return 0;
	case PACKET_SHUTDOWN:
		conn->guest_shut |= (uint8_t)(p->flags & PACKET_NO_MORE);
		if (conn->guest_shut == PACKET_NO_MORE)
			return close_with_rst(conn);
		return 0;
	case PACKET_RST:
		return close_silently(conn);
	case PACKET_REQUEST:
	case PACKET_RESPONSE:
	case PACKET_RW:
	case PACKET_OPS:
		break;
	}
	return close_with_rst(conn);
}

/*
 * Whether the guest sent P on the former connection of these ports, before it
 * heard of that one's end. Such packets lie in its ring ahead of the answer to
 * our REQUEST.
 */
static bool is_late(const struct conn *conn, const struct packet *p)
{
	if (!conn->follows || conn->state != CONN_GUEST_PENDING)
		return false;
	if (p->op == PACKET_RST || p->op == PACKET_RESPONSE)
		return conn->pending & OWES_REQUEST;
	return p->op != PACKET_REQUEST;
}

/* A RESPONSE from a guest that was not asked yet has made-up ports. */
static unsigned input_guest_pending(struct conn *conn, const struct packet *p)
{
	bool asked = !(conn->pending & OWES_REQUEST);

	if (is_late(conn, p))
		return 0;
	if (p->op == PACKET_RST)
		return close_silently(conn);
	if (p->op != PACKET_RESPONSE || !asked)
		return close_with_rst(conn);
	set_state(conn, CONN_OPEN);
	/* The other guest has granted more while this one decided. */
	if (conn->credit.offer > conn->credit.buf_alloc)
		conn->pending |= OWES_CREDIT_UPDATE;
	return CONN_ESTABLISH;
}

static unsigned input_open(struct conn *conn, const struct packet *p)
{
	switch (p->op) {
	case PACKET_RW:
		return guest_data(conn, p);
	case PACKET_CREDIT_UPDATE:
		/* The answer to a CREDIT_REQUEST does not show that the guest
		 * sends updates by itself. */
		if (!conn->asked)
			conn->peer_updates = true;
		conn->asked = false;
		announce_if_due(conn);
		return 0;
	case PACKET_CREDIT_REQUEST:
		conn->pending |= OWES_CREDIT_UPDATE;
		return 0;
	case PACKET_SHUTDOWN:
		return guest_shuts(conn, p->flags);
	case PACKET_RST:
		return close_silently(conn);
	case PACKET_REQUEST:
	case PACKET_RESPONSE:
	case PACKET_OPS:
		break;
	}
	return close_with_rst(conn);
}

/* The guest has been sent the SHUTDOWN that ends both directions. */
static bool told_all(const struct conn *conn)
{
	return conn->told_shut == PACKET_NO_MORE;
}

/*
 * Packets that the guest sent before it heard of the end are no reason for an
 * RST: the guest answers the SHUTDOWN by an RST of its own, and then may
 * connect from the same port.
 */
static unsigned input_closing(struct conn *conn, const struct packet *p)
{
	switch (p->op) {
	case PACKET_RST:
		return close_silently(conn);
	case PACKET_SHUTDOWN:
		conn->guest_shut |= (uint8_t)(p->flags & PACKET_NO_MORE);
		/* An RST says all that the owed SHUTDOWN would. */
		if (conn->guest_shut == PACKET_NO_MORE && !told_all(conn))
			return close_with_rst(conn);
		return 0;
	case PACKET_RW:
	case PACKET_CREDIT_UPDATE:
	case PACKET_CREDIT_REQUEST:
		return 0;
	case PACKET_REQUEST:
	case PACKET_RESPONSE:
	case PACKET_OPS:
		break;
	}
	return close_with_rst(conn);
}

/* The RST that is owed answers every packet but an RST, which cancels it. */
static unsigned input_closed(struct conn *conn, const struct packet *p)
{
	if (p->op == PACKET_RST)
		conn->pending = 0;
	return 0;
}

/* False: the guest acknowledges bytes that were never sent to it. */
static bool take_credit(struct conn *conn, const struct packet *p)
{
	if (!credit_from_peer(&conn->credit, p->buf_alloc, p->fwd_cnt))
		return false;
	if (conn->starving && credit_room(&conn->credit))
		conn->starving = false;
	if (!credit_unacked(&conn->credit))
		conn->probes = 0;
	return true;
}

/* An RST ends the connection whatever it says of credit. */
unsigned conn_input(struct conn *conn, const struct packet *p)
{
	if (conn->state != CONN_CLOSED && p->op != PACKET_RST &&
	    !take_credit(conn, p))
		return is_late(conn, p) ? 0 : close_with_rst(conn);

	switch ((enum conn_state)conn->state) {
	case CONN_HOST_PENDING:
		return input_host_pending(conn, p);
	case CONN_GUEST_PENDING:
		return input_guest_pending(conn, p);
	case CONN_OPEN:
		return input_open(conn, p);
	case CONN_CLOSING:
		return input_closing(conn, p);
	case CONN_CLOSED:
	case CONN_STATES:
		break;
	}
	return input_closed(conn, p);
}

/* Only now is there a socket on which to carry out what the guest renounced
 * while it waited. */
unsigned conn_host_connected(struct conn *conn)
{
	set_state(conn, CONN_OPEN);
	conn->pending |= OWES_RESPONSE;
	return orders_for_shut(conn->guest_shut);
}

unsigned conn_host_ended(struct conn *conn, bool hung_up)
{
	conn->host_shut |= hung_up ? PACKET_NO_MORE : PACKET_NO_SEND;
	return settle(conn);
}

unsigned conn_host_deaf(struct conn *conn)
{
	conn->host_shut |= PACKET_NO_RECEIVE;
	return settle(conn);
}

unsigned conn_delivered(struct conn *conn, uint32_t len)
{
	credit_forwarded(&conn->credit, len);
	if (conn->state != CONN_OPEN)
		return 0;
	announce_if_due(conn);
	return settle(conn);
}

void conn_granted(struct conn *conn, uint32_t buf_alloc, uint32_t fwd_cnt,
		  bool say)
{
	credit_pass_on(&conn->credit, buf_alloc, fwd_cnt);
	if (conn->state != CONN_OPEN)
		return;
	if (say && !(conn->guest_shut & PACKET_NO_SEND))
		conn->pending |= OWES_CREDIT_UPDATE;
	announce_if_due(conn);
}

void conn_share_buffer(struct conn *conn, uint32_t window)
{
	conn->shared = window;
}

/* The other guest may wait for this one to say what it consumed. Kernels of
 * 2026 also keep to a window as large as their own buffer, which is our
 * offer. */
static bool waits_for_news(const struct conn *conn)
{
	uint32_t unacked, window;

	if (!conn->end_to_end)
		return false;
	unacked = credit_unacked(&conn->credit);
	window = min_u32(conn->shared, conn->credit.offer);
	if (!unacked)
		return false;
	if (window < conn->credit.peer_buf_alloc)
		window /= 2;
	return unacked >= window;
}

/* Whether the guest has to be asked how much it consumed or will take. */
static bool must_ask(const struct conn *conn)
{
	return conn->starving || waits_for_news(conn);
}

void conn_ask_credit(struct conn *conn)
{
	if (conn->state == CONN_OPEN)
		conn->pending |= OWES_CREDIT_REQUEST;
}

unsigned conn_timed_out(struct conn *conn)
{
	enum conn_deadline which = (enum conn_deadline)conn->deadline;

	conn->deadline = CONN_NO_DEADLINE;
	if (which != CONN_PROBE_DEADLINE)
		return conn_abort(conn);
	if (must_ask(conn)) {
		conn->pending |= OWES_CREDIT_REQUEST;
		if (conn->probes < CONN_PROBE_STEPS - 1)
			conn->probes++;
	}
	return 0;
}

enum conn_deadline conn_due(const struct conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_HOST_PENDING:
		return CONN_CONNECT_DEADLINE;
	case CONN_GUEST_PENDING:
		return CONN_RESPONSE_DEADLINE;
	case CONN_OPEN:
		return must_ask(conn) ? CONN_PROBE_DEADLINE : CONN_NO_DEADLINE;
	case CONN_CLOSING:
		return conn->guest_shut == PACKET_NO_MORE
			       ? CONN_CROSSED_DEADLINE
			       : CONN_CLOSE_DEADLINE;
	case CONN_CLOSED:
	case CONN_STATES:
		break;
	}
	return CONN_NO_DEADLINE;
}

bool conn_owes_end(const struct conn *conn)
{
	if (conn->state == CONN_CLOSED)
		return conn->pending;
	return conn->state != CONN_CLOSING || !told_all(conn);
}

bool conn_gives_way(const struct conn *conn)
{
	return conn->state == CONN_CLOSED ||
	       (conn->state == CONN_CLOSING && told_all(conn));
}

bool conn_finished(const struct conn *conn)
{
	return conn->state == CONN_CLOSED && !conn->pending;
}
