/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Both peers of a connection, as functions that are called in turn: src/vsock's
 * state machine does no I/O, so that a table of rows is a whole conversation.
 *
 * The guest's packets are as unhelpful as they may be: fields that mean nothing
 * for an operation are filled all the same, so that whoever looks at them
 * fails. Every packet that comes back, whatever the row is about, is checked:
 * its addresses, and that it tells the buffer and the count of bytes passed on
 * that the connection has now.
 */
#include "unit/vsock/conn_fixture.h"

#include <check.h>
#include <stdlib.h>

#include "base/check.h"

struct conn flow_conn;

const char *conn_op_name(enum packet_op op)
{
	static const char *const names[PACKET_OPS] = {
		[PACKET_REQUEST] = "REQUEST",
		[PACKET_RESPONSE] = "RESPONSE",
		[PACKET_RST] = "RST",
		[PACKET_SHUTDOWN] = "SHUTDOWN",
		[PACKET_RW] = "RW",
		[PACKET_CREDIT_UPDATE] = "CREDIT_UPDATE",
		[PACKET_CREDIT_REQUEST] = "CREDIT_REQUEST",
	};

	return op < PACKET_OPS ? names[op] : "nothing";
}

static uint16_t guest_type;
static uint32_t guest_buffer;
static uint32_t guest_consumed;

static struct packet guest_packet(enum packet_op op, uint32_t arg)
{
	return (struct packet){
		.op = op,
		.type = guest_type,
		.src_cid = GUEST_CID,
		.dst_cid = PACKET_HOST_CID,
		.src_port = GUEST_PORT,
		.dst_port = HOST_PORT,
		.len = op == PACKET_RW ? arg : 77, /* where it means nothing */
		.flags = op == PACKET_SHUTDOWN ? arg : PACKET_NO_MORE,
		.buf_alloc = guest_buffer,
		.fwd_cnt = guest_consumed,
	};
}

unsigned conn_receive(struct conn *conn, enum packet_op op, uint32_t arg)
{
	struct packet p = guest_packet(op, arg);

	return conn_input(conn, &p);
}

/* As a peer checks each packet: it is addressed right and speaks of credit. */
static void expect_addressed(const struct conn *conn, const struct packet *p)
{
	ck_assert_uint_eq(p->type, guest_type);
	ck_assert_uint_eq(p->src_cid, PACKET_HOST_CID);
	ck_assert_uint_eq(p->dst_cid, GUEST_CID);
	ck_assert_uint_eq(p->src_port, HOST_PORT);
	ck_assert_uint_eq(p->dst_port, GUEST_PORT);
	ck_assert_uint_eq(p->buf_alloc, HOST_BUF);
	ck_assert_uint_eq(p->fwd_cnt, conn->credit.fwd_cnt);
	ck_assert_uint_eq(conn->credit.announced, p->fwd_cnt);
}

static void say_all(struct conn *conn)
{
	struct packet p;

	while (conn_next_control(conn, GUEST_CID, &p))
		expect_addressed(conn, &p);
}

static void open_conn(struct conn *conn)
{
	struct packet request = guest_packet(PACKET_REQUEST, 0);

	conn_init_from_guest(conn, &request, HOST_BUF);
	conn_host_connected(conn);
	say_all(conn);
}

void conn_start(struct conn *conn, enum start start)
{
	struct packet request;

	guest_buffer = GUEST_BUF;
	guest_consumed = 0;
	guest_type = start == OPENED_MESSAGES ? PACKET_SEQPACKET
					      : PACKET_STREAM;
	request = guest_packet(PACKET_REQUEST, 0);
	switch (start) {
	case FROM_GUEST:
		conn_init_from_guest(conn, &request, HOST_BUF);
		return;
	case FROM_HOST:
	case FROM_HOST_ASKED:
		conn_init_from_host(conn, PACKET_STREAM, HOST_PORT, GUEST_PORT,
				    HOST_BUF);
		if (start == FROM_HOST_ASKED)
			say_all(conn);
		return;
	case OPENED:
	case OPENED_MESSAGES:
	case CLOSING:
	case CLOSED_RST:
	case CLOSED:
		break;
	}
	open_conn(conn);
	if (start == CLOSING)
		conn_host_ended(conn, true);
	else if (start != OPENED && start != OPENED_MESSAGES)
		conn_abort(conn);
	if (start != CLOSED_RST)
		say_all(conn);
}

/* All that is no packet of the guest's: the host program, the clock, the
 * service. */
static uint32_t tell_fact(struct conn *conn, const struct row *row)
{
	struct packet p;

	switch ((int)row->what) {
	case CONNECTED:
		return conn_host_connected(conn);
	case ENDED:
		return conn_host_ended(conn, row->arg);
	case DEAF:
		return conn_host_deaf(conn);
	case DELIVERED:
		return conn_delivered(conn, row->arg);
	case TIMED_OUT:
		conn->deadline = (uint8_t)row->arg;
		return conn_timed_out(conn);
	case ABORT:
		return conn_abort(conn);
	case GONE:
		return conn_guest_gone(conn);
	case STARVED:
		conn_starved(conn);
		return NONE;
	case SEND:
		ck_assert_uint_le(row->arg, conn_may_send(conn));
		conn_build_data(conn, GUEST_CID, row->arg,
				PACKET_END_OF_MESSAGE, &p);
		expect_addressed(conn, &p);
		ck_assert_int_eq(p.op, PACKET_RW);
		ck_assert_uint_eq(p.len, row->arg);
		ck_assert_uint_eq(p.flags, PACKET_END_OF_MESSAGE);
		return NONE;
	default:
		abort();
	}
}

/* The flags start as nonsense: an operation that has none must say 0. */
static uint32_t next_packet(struct conn *conn, enum packet_op op)
{
	struct packet p = { .flags = 99 };

	ck_assert(conn_has_control(conn));
	ck_assert_msg(conn_next_control(conn, GUEST_CID, &p), "nothing owed");
	expect_addressed(conn, &p);
	ck_assert_str_eq(conn_op_name(p.op), conn_op_name(op));
	ck_assert_uint_eq(p.len, 0);
	return p.flags;
}

static uint32_t receive_begun(struct conn *conn, uint32_t len)
{
	struct packet p = guest_packet(PACKET_RW, len);

	p.flags = 0;
	return conn_input(conn, &p);
}

static uint32_t perform(struct conn *conn, const struct row *row)
{
	struct packet p;

	switch ((int)row->what) {
	case IN_BEGUN:
		return receive_begun(conn, row->arg);
	case GUEST_BUFFER:
		guest_buffer = row->arg;
		return NONE;
	case GUEST_CONSUMED:
		guest_consumed = row->arg;
		return NONE;
	case OUT:
		return next_packet(conn, (enum packet_op)row->arg);
	case SILENT:
		ck_assert(!conn_has_control(conn));
		return conn_next_control(conn, GUEST_CID, &p);
	case STATE:
		ck_assert_str_eq(conn_state_name((enum conn_state)conn->state),
				 conn_state_name((enum conn_state)row->arg));
		return NONE;
	case DUE:
		ck_assert_int_eq(conn_due(conn), row->arg);
		return NONE;
	case PROBES:
		ck_assert_int_eq(conn->probes, row->arg);
		return NONE;
	case MAY_SEND:
		return conn_may_send(conn);
	case FIRST:
		return conn_speaks_first(conn);
	case FINISHED:
		return conn_finished(conn);
	default:
		return tell_fact(conn, row);
	}
}

void conn_flow(const struct flow *flow)
{
	const struct row *row = flow->rows;
	uint32_t got;

	conn_start(&flow_conn, flow->start);
	for (; row < flow->rows + ROWS && row->what != FLOW_END; row++) {
		mark_point();
		if (row->what >= IN_REQUEST && row->what <= IN_CREDIT_REQUEST)
			got = conn_receive(
				&flow_conn,
				(enum packet_op)(row->what - IN_REQUEST),
				row->arg);
		else
			got = perform(&flow_conn, row);
		ck_assert_msg(got == row->result, "%s, row %ld: %#x, not %#x",
			      flow->name, (long)(row - flow->rows) + 1, got,
			      row->result);
	}
}
