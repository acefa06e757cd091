/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Every state, every operation, every fact: where it leads, what it orders,
 * and what the guest is told. */
#include "base/check.h"
#include "suite.h"
#include "unit/vsock/conn_fixture.h"

/* The next control packet, if there is one. */
#define QUIET PACKET_OPS
#define RST PACKET_RST

struct outcome {
	enum conn_state state;
	unsigned orders;
	enum packet_op owed;
};

#define DIES                              \
	{                                 \
		CONN_CLOSED, HANG_UP, RST \
	}
#define ENDS_QUIETLY                        \
	{                                   \
		CONN_CLOSED, HANG_UP, QUIET \
	}
#define STAYS(state)               \
	{                          \
		state, NONE, QUIET \
	}

static const struct {
	enum packet_op op;
	uint32_t arg;
} inputs[] = {
	{ PACKET_REQUEST, 0 },
	{ PACKET_RESPONSE, 0 },
	{ PACKET_RST, 0 },
	{ PACKET_SHUTDOWN, 0 },
	{ PACKET_SHUTDOWN, PACKET_NO_RECEIVE },
	{ PACKET_SHUTDOWN, PACKET_NO_SEND },
	{ PACKET_SHUTDOWN, PACKET_NO_MORE },
	{ PACKET_SHUTDOWN, ~PACKET_NO_MORE }, /* bits that mean nothing */
	{ PACKET_RW, 0 },
	{ PACKET_RW, HOST_BUF },
	{ PACKET_RW, HOST_BUF + 1 },
	{ PACKET_CREDIT_UPDATE, 0 },
	{ PACKET_CREDIT_REQUEST, 0 },
};
#define INPUTS ARRAY_SIZE(inputs)

/* clang-format off */
static const struct outcome after_input[STARTS][INPUTS] = {
	[FROM_GUEST] = {
		DIES,
		DIES,
		ENDS_QUIETLY,
		STAYS(CONN_HOST_PENDING),
		STAYS(CONN_HOST_PENDING),
		STAYS(CONN_HOST_PENDING),
		DIES,
		STAYS(CONN_HOST_PENDING),
		DIES,
		DIES,
		DIES,
		STAYS(CONN_HOST_PENDING),
		STAYS(CONN_HOST_PENDING),
	},
	[FROM_HOST] = { /* the guest cannot know of it */
		DIES, DIES, ENDS_QUIETLY, DIES, DIES, DIES, DIES,
		DIES, DIES, DIES,	  DIES, DIES, DIES,
	},
	[FROM_HOST_ASKED] = {
		DIES, { CONN_OPEN, ESTABLISH, QUIET }, ENDS_QUIETLY,
		DIES, DIES, DIES, DIES, DIES,
		DIES, DIES, DIES, DIES, DIES,
	},
	[OPENED] = {
		DIES,
		DIES,
		ENDS_QUIETLY,
		STAYS(CONN_OPEN),
		{ CONN_OPEN, END_READS, QUIET },
		{ CONN_OPEN, END_WRITES, QUIET },
		{ CONN_CLOSED, END_READS | END_WRITES | HANG_UP, RST },
		STAYS(CONN_OPEN),
		{ CONN_OPEN, DELIVER, QUIET },
		{ CONN_OPEN, DELIVER, QUIET },
		DIES,
		STAYS(CONN_OPEN),
		{ CONN_OPEN, NONE, PACKET_CREDIT_UPDATE },
	},
	[CLOSING] = { /* it answers by RST when it has heard */
		DIES, DIES, ENDS_QUIETLY,
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
	},
#define SAYS_SO { CONN_CLOSED, NONE, RST }
	[CLOSED_RST] = {
		SAYS_SO, SAYS_SO, STAYS(CONN_CLOSED),
		SAYS_SO, SAYS_SO, SAYS_SO, SAYS_SO, SAYS_SO,
		SAYS_SO, SAYS_SO, SAYS_SO, SAYS_SO, SAYS_SO,
	},
	[CLOSED] = {
		STAYS(CONN_CLOSED), STAYS(CONN_CLOSED), STAYS(CONN_CLOSED),
		STAYS(CONN_CLOSED), STAYS(CONN_CLOSED), STAYS(CONN_CLOSED),
		STAYS(CONN_CLOSED), STAYS(CONN_CLOSED), STAYS(CONN_CLOSED),
		STAYS(CONN_CLOSED), STAYS(CONN_CLOSED), STAYS(CONN_CLOSED),
		STAYS(CONN_CLOSED),
	},
};
/* clang-format on */

/* All that can happen but packets. */
static unsigned aborts(struct conn *c)
{
	return conn_abort(c);
}

static unsigned loses_guest(struct conn *c)
{
	return conn_guest_gone(c);
}

static unsigned times_out(struct conn *c)
{
	c->deadline = (uint8_t)conn_due(c);
	return conn_timed_out(c);
}

static unsigned host_has_no_more(struct conn *c)
{
	return conn_host_ended(c, false);
}

static unsigned host_hangs_up(struct conn *c)
{
	return conn_host_ended(c, true);
}

static unsigned host_is_deaf(struct conn *c)
{
	return conn_host_deaf(c);
}

static unsigned nothing_delivered(struct conn *c)
{
	return conn_delivered(c, 0);
}

static unsigned data_waits(struct conn *c)
{
	conn_starved(c);
	return NONE;
}

static unsigned (*const facts[])(struct conn *) = {
	aborts,	       loses_guest,  times_out,		host_has_no_more,
	host_hangs_up, host_is_deaf, nothing_delivered, data_waits,
};
#define FACTS ARRAY_SIZE(facts)

/* clang-format off */
static const struct outcome after_fact[STARTS][FACTS] = {
	[FROM_GUEST] = {
		DIES, ENDS_QUIETLY, DIES,
		STAYS(CONN_HOST_PENDING), STAYS(CONN_HOST_PENDING),
		STAYS(CONN_HOST_PENDING), STAYS(CONN_HOST_PENDING),
		STAYS(CONN_HOST_PENDING),
	},
#define ASKS { CONN_GUEST_PENDING, NONE, PACKET_REQUEST }
	[FROM_HOST] = {
		ENDS_QUIETLY, ENDS_QUIETLY, ENDS_QUIETLY,
		ASKS, ASKS, ASKS, ASKS, ASKS,
	},
	[FROM_HOST_ASKED] = {
		DIES, ENDS_QUIETLY, DIES,
		STAYS(CONN_GUEST_PENDING), STAYS(CONN_GUEST_PENDING),
		STAYS(CONN_GUEST_PENDING), STAYS(CONN_GUEST_PENDING),
		STAYS(CONN_GUEST_PENDING),
	},
	[OPENED] = {
		DIES,
		ENDS_QUIETLY,
		DIES, /* there is none; one that comes is an end */
		{ CONN_OPEN, NONE, PACKET_SHUTDOWN },
		{ CONN_CLOSING, HANG_UP, PACKET_SHUTDOWN },
		{ CONN_OPEN, NONE, PACKET_SHUTDOWN },
		STAYS(CONN_OPEN),
		STAYS(CONN_OPEN),
	},
	[CLOSING] = {
		DIES, ENDS_QUIETLY, DIES,
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
		STAYS(CONN_CLOSING), STAYS(CONN_CLOSING),
		STAYS(CONN_CLOSING),
	},
	[CLOSED_RST] = {
		DIES, ENDS_QUIETLY, DIES,
		SAYS_SO, SAYS_SO, SAYS_SO, SAYS_SO, SAYS_SO,
	},
	[CLOSED] = {
		ENDS_QUIETLY, ENDS_QUIETLY, ENDS_QUIETLY,
		STAYS(CONN_CLOSED), STAYS(CONN_CLOSED), STAYS(CONN_CLOSED),
		STAYS(CONN_CLOSED), STAYS(CONN_CLOSED),
	},
};
/* clang-format on */

static const enum conn_deadline deadlines[CONN_STATES] = {
	[CONN_HOST_PENDING] = CONN_CONNECT_DEADLINE,
	[CONN_GUEST_PENDING] = CONN_RESPONSE_DEADLINE,
	[CONN_OPEN] = CONN_NO_DEADLINE,
	[CONN_CLOSING] = CONN_CLOSE_DEADLINE,
	[CONN_CLOSED] = CONN_NO_DEADLINE,
};

static enum conn_deadline deadline_of(const struct conn *conn)
{
	if (conn->state == CONN_CLOSING && conn->guest_shut == PACKET_NO_MORE)
		return CONN_CROSSED_DEADLINE;
	return deadlines[conn->state];
}

static void expect_owed(struct conn *conn, enum packet_op op)
{
	struct packet p = { .op = QUIET };
	bool owed = op != QUIET;

	ck_assert(conn_has_control(conn) == owed);
	ck_assert(conn_next_control(conn, GUEST_CID, &p) == owed);
	ck_assert_str_eq(conn_op_name(p.op), conn_op_name(op));
	/* Exactly once. */
	ck_assert(!conn_has_control(conn));
	ck_assert(!conn_next_control(conn, GUEST_CID, &p));
}

static void expect(struct conn *conn, unsigned orders,
		   const struct outcome *expected)
{
	ck_assert_str_eq(conn_state_name((enum conn_state)conn->state),
			 conn_state_name(expected->state));
	ck_assert_uint_eq(orders, expected->orders);
	ck_assert_int_eq(conn_due(conn), deadline_of(conn));
	ck_assert(conn_finished(conn) ==
		  (conn->state == CONN_CLOSED && expected->owed == QUIET));
	if (conn->state != CONN_OPEN)
		ck_assert_uint_eq(conn_may_send(conn), 0);
	expect_owed(conn, expected->owed);
	ck_assert(conn_finished(conn) == (conn->state == CONN_CLOSED));
}

START_TEST(packets)
{
	struct conn conn;

	for (unsigned i = 0; i < INPUTS; i++) {
		unsigned orders;

		conn_start(&conn, (enum start)_i);
		orders = conn_receive(&conn, inputs[i].op, inputs[i].arg);
		mark_point();
		expect(&conn, orders, &after_input[_i][i]);
	}
}
END_TEST

START_TEST(other_facts)
{
	struct conn conn;

	for (unsigned i = 0; i < FACTS; i++) {
		unsigned orders;

		conn_start(&conn, (enum start)_i);
		orders = facts[i](&conn);
		mark_point();
		expect(&conn, orders, &after_fact[_i][i]);
	}
}
END_TEST

/* What a connection tells of itself, wherever it is. */
START_TEST(fresh_ones)
{
	static const enum conn_state states[STARTS] = {
		CONN_HOST_PENDING, CONN_GUEST_PENDING, CONN_GUEST_PENDING,
		CONN_OPEN,	   CONN_CLOSING,       CONN_CLOSED,
		CONN_CLOSED,
	};
	static const enum packet_op owed[STARTS] = {
		QUIET, PACKET_REQUEST, QUIET, QUIET, QUIET, RST, QUIET,
	};
	const struct outcome now = { states[_i], NONE, owed[_i] };
	struct conn conn;

	conn_start(&conn, (enum start)_i);
	ck_assert_uint_eq(conn.local_cid, PACKET_HOST_CID);
	ck_assert_uint_eq(conn.local_port, HOST_PORT);
	ck_assert_uint_eq(conn.peer_port, GUEST_PORT);
	expect(&conn, NONE, &now);
}
END_TEST

START_TEST(answers_come_from_the_cid_that_was_asked)
{
	struct packet p = { .op = PACKET_REQUEST,
			    .dst_cid = 77,
			    .dst_port = HOST_PORT,
			    .src_port = GUEST_PORT };
	struct conn conn;

	conn_init_from_guest(&conn, &p, HOST_BUF);
	conn_abort(&conn);
	ck_assert(conn_next_control(&conn, 12345, &p));
	ck_assert_uint_eq(p.src_cid, 77);
	ck_assert_uint_eq(p.dst_cid, 12345);
}
END_TEST

START_TEST(requests_acknowledge_nothing)
{
	static const struct {
		uint32_t fwd_cnt;
		bool good;
	} rows[] = {
		{ 0, true },
		{ 1, false },
		{ INT32_MAX, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct packet p = { .op = PACKET_REQUEST,
					  .buf_alloc = i % 2 ? 65536 : 0,
					  .fwd_cnt = rows[i].fwd_cnt };

		ck_assert(conn_request_is_true(&p) == rows[i].good);
	}
}
END_TEST

/* Of ports that had another connection a moment ago. */
START_TEST(what_the_guest_said_to_the_last_one_is_not_heard)
{
	static const enum packet_op late[] = {
		PACKET_RW,
		PACKET_SHUTDOWN,
		PACKET_RESPONSE,
		PACKET_CREDIT_UPDATE,
		PACKET_CREDIT_REQUEST,
		PACKET_RST,
	};
	struct packet p = { .buf_alloc = GUEST_BUF };
	struct conn conn;

	conn_start(&conn, FROM_HOST);
	conn.follows = true;
	for (unsigned i = 0; i < ARRAY_SIZE(late); i++) {
		p.op = late[i];
		p.fwd_cnt = i % 2 * 77;
		ck_assert_uint_eq(conn_input(&conn, &p), NONE);
	}
	expect_owed(&conn, PACKET_REQUEST);
	for (unsigned i = 0; i < 2; i++) {
		p.op = late[i];
		ck_assert_uint_eq(conn_input(&conn, &p), NONE);
	}
	expect_owed(&conn, QUIET);
	ck_assert_uint_eq(conn_receive(&conn, PACKET_RESPONSE, 0), ESTABLISH);
	ck_assert_uint_eq(conn_may_send(&conn), GUEST_BUF);
}
END_TEST

/* A guest that sends a REQUEST for the ports of ours has forgotten the former
 * connection. */
START_TEST(a_request_that_crosses_ours_ends_it)
{
	struct conn conn;

	conn_start(&conn, FROM_HOST_ASKED);
	conn.follows = true;
	ck_assert_uint_eq(conn_receive(&conn, PACKET_REQUEST, 0), HANG_UP);
	expect_owed(&conn, RST);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn_states");
	TCase *c = tcase_create("conn_states");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, packets, 0, STARTS);
	tcase_add_loop_test(c, other_facts, 0, STARTS);
	tcase_add_loop_test(c, fresh_ones, 0, STARTS);
	tcase_add_test(c, answers_come_from_the_cid_that_was_asked);
	tcase_add_test(c, requests_acknowledge_nothing);
	tcase_add_test(c, what_the_guest_said_to_the_last_one_is_not_heard);
	tcase_add_test(c, a_request_that_crosses_ours_ends_it);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
