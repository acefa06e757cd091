/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a connection says of its buffer, and asks of the guest's; and that a
 * message needs room for all of it. */
#include "base/check.h"
#include "suite.h"
#include "unit/vsock/conn_fixture.h"

#define KIB 1024u

/* clang-format off */
static const struct flow messages[] = {
	{ "each packet is SEQPACKET's", OPENED_MESSAGES, {
		T(SEND, 100, 0),
		T(SEND, 0, 0),
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(ABORT, 0, HANG_UP),
		T(OUT, PACKET_RST, 0) } },
	{ "empty ones are delivered and cost nothing", OPENED_MESSAGES, {
		T(IN_RW, HOST_BUF, DELIVER),
		T(IN_RW, 0, DELIVER),
		T(IN_BEGUN, 0, DELIVER),
		T(STATE, CONN_OPEN, 0) } },
	{ "one as long as the credit", OPENED_MESSAGES, {
		T(IN_BEGUN, HOST_BUF - 1, DELIVER),
		T(IN_RW, 1, DELIVER),
		T(DELIVERED, HOST_BUF, NONE),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(IN_RW, HOST_BUF, DELIVER),
		T(STATE, CONN_OPEN, 0) } },
	{ "one that can't end within the credit", OPENED_MESSAGES, {
		T(IN_BEGUN, HOST_BUF - 1, DELIVER),
		T(IN_BEGUN, 1, HANG_UP | TOO_LONG),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "one that is longer in a single packet", OPENED_MESSAGES, {
		T(IN_RW, HOST_BUF + 1, HANG_UP | TOO_LONG),
		T(OUT, PACKET_RST, 0) } },
	{ "one that is longer in two", OPENED_MESSAGES, {
		T(IN_BEGUN, HOST_BUF - 1, DELIVER),
		T(IN_RW, 2, HANG_UP | TOO_LONG),
		T(OUT, PACKET_RST, 0) } },
	{ "two that together are longer: a flood, none of them is",
	  OPENED_MESSAGES, {
		T(IN_RW, HOST_BUF - 1, DELIVER),
		T(IN_RW, 2, HANG_UP),
		T(OUT, PACKET_RST, 0) } },
	{ "a stream has no messages", OPENED, {
		T(IN_BEGUN, HOST_BUF, DELIVER),
		T(IN_BEGUN, 1, HANG_UP) } },
	{ "room is told to who has begun one, however little",
	  OPENED_MESSAGES, {
		T(IN_RW, 1, DELIVER),
		T(DELIVERED, 1, NONE),
		T(SILENT, 0, 0),
		T(IN_BEGUN, 32 * KIB, DELIVER),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(IN_BEGUN, 16 * KIB, DELIVER),
		T(SILENT, 0, 0),
		T(IN_RW, 1, DELIVER),
		T(SILENT, 0, 0) } },
	{ "also when the one before is passed on later", OPENED_MESSAGES, {
		T(IN_RW, 1, DELIVER),
		T(IN_BEGUN, 48 * KIB, DELIVER),
		T(SILENT, 0, 0),
		T(DELIVERED, 1, NONE),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(SILENT, 0, 0) } },
};
/* clang-format on */

/* clang-format off */
static const struct flow telling[] = {
	{ "a question is answered once", OPENED, {
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(FIRST, 0, false),
		T(MAY_SEND, 0, GUEST_BUF), /* data would answer as well */
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(SILENT, 0, 0) } },
	{ "data answers a question", OPENED, {
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(SEND, 1, 0),
		T(SILENT, 0, 0) } },
	{ "SHUTDOWN answers a question", OPENED, {
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(ENDED, false, NONE),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_SEND),
		T(SILENT, 0, 0) } },
	{ "RESPONSE answers a question", FROM_GUEST, {
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(SILENT, 0, 0),
		T(CONNECTED, 0, NONE),
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(OUT, PACKET_RESPONSE, 0),
		T(SILENT, 0, 0) } },
	{ "half of the smaller buffer used and passed on", OPENED, {
		T(IN_RW, 32 * KIB - 1, DELIVER),
		T(DELIVERED, 32 * KIB - 1, NONE),
		T(SILENT, 0, 0),
		T(IN_RW, 1, DELIVER),
		T(SILENT, 0, 0),
		T(DELIVERED, 1, NONE),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(SILENT, 0, 0),
		T(IN_RW, 32 * KIB - 1, DELIVER),
		T(DELIVERED, 32 * KIB - 1, NONE),
		T(SILENT, 0, 0) } },
	{ "data tells it as well", OPENED, {
		T(IN_RW, 32 * KIB, DELIVER),
		T(DELIVERED, 32 * KIB, NONE),
		T(SEND, 1, 0),
		T(SILENT, 0, 0) } },
	{ "RESPONSE tells it as well", FROM_GUEST, {
		T(CONNECTED, 0, NONE),
		T(IN_RW, 40 * KIB, DELIVER),
		T(DELIVERED, 40 * KIB, NONE),
		T(OUT, PACKET_RESPONSE, 0),
		T(SILENT, 0, 0) } },
	{ "nobody is told who is gone", OPENED, {
		T(IN_RW, 40 * KIB, DELIVER),
		T(IN_RST, 0, HANG_UP),
		T(DELIVERED, 40 * KIB, NONE),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "nobody is told who sends no more", OPENED, {
		T(IN_RW, 40 * KIB, DELIVER),
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES),
		T(DELIVERED, 40 * KIB, NONE),
		T(SILENT, 0, 0) } },
	{ "a guest that shrinks its window learns of room", OPENED, {
		T(GUEST_BUFFER, 256 * KIB, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(IN_RW, 100 * KIB, DELIVER),
		T(DELIVERED, 100 * KIB, NONE),
		T(SILENT, 0, 0),
		T(GUEST_BUFFER, 64 * KIB, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(SILENT, 0, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(SILENT, 0, 0) } },
	{ "all that was granted, and not a byte more", OPENED, {
		T(IN_RW, HOST_BUF - 1, DELIVER),
		T(IN_RW, 1, DELIVER),
		T(IN_RW, 0, DELIVER),
		T(IN_RW, 1, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "room comes back as bytes are passed on", OPENED, {
		T(IN_RW, HOST_BUF, DELIVER),
		T(DELIVERED, HOST_BUF, NONE),
		T(OUT, PACKET_CREDIT_UPDATE, 0),
		T(IN_RW, HOST_BUF, DELIVER),
		T(IN_RW, 1, HANG_UP) } },
	{ "room that was not told of is not there", OPENED, {
		T(IN_RW, HOST_BUF, DELIVER),
		T(DELIVERED, 100, NONE),
		T(IN_RW, 1, HANG_UP) } },
};
/* clang-format on */

/* clang-format off */
static const struct flow asking[] = {
	{ "data waits for credit", OPENED, {
		T(SEND, 60000, 0),
		T(MAY_SEND, 0, GUEST_BUF - 60000),
		T(SEND, GUEST_BUF - 60000, 0),
		T(MAY_SEND, 0, 0),
		T(GUEST_CONSUMED, 60000, 0),
		T(IN_RW, 1, DELIVER), /* any packet tells */
		T(MAY_SEND, 0, 60000) } },
	{ "a guest that never updated is asked once", OPENED, {
		T(SEND, GUEST_BUF, 0),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(STARVED, 0, 0),
		T(DUE, CONN_PROBE_DEADLINE, 0),
		T(STARVED, 0, 0),
		T(FIRST, 0, true),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(IN_CREDIT_UPDATE, 0, NONE), /* no room yet */
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_PROBE_DEADLINE, 0),
		T(TIMED_OUT, CONN_PROBE_DEADLINE, NONE),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_PROBE_DEADLINE, 0),
		T(GUEST_CONSUMED, 10, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(MAY_SEND, 0, 10) } },
	{ "one that did is trusted to do it again", OPENED, {
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_PROBE_DEADLINE, 0),
		T(TIMED_OUT, CONN_PROBE_DEADLINE, NONE),
		T(STATE, CONN_OPEN, 0),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(SILENT, 0, 0),
		T(GUEST_CONSUMED, GUEST_BUF, 0),
		T(IN_RW, 1, DELIVER),
		T(DUE, CONN_NO_DEADLINE, 0) } },
	{ "an answer is no update of its own accord", OPENED, {
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(GUEST_CONSUMED, GUEST_BUF, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(GUEST_CONSUMED, 2 * GUEST_BUF, 0),
		T(IN_CREDIT_UPDATE, 0, NONE), /* but this one is */
		T(DUE, CONN_NO_DEADLINE, 0),
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(SILENT, 0, 0) } },
	{ "each starving begins with short patience", OPENED, {
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(PROBES, 0, 0),
		T(TIMED_OUT, CONN_PROBE_DEADLINE, NONE),
		T(TIMED_OUT, CONN_PROBE_DEADLINE, NONE),
		T(PROBES, 2, 0),
		T(GUEST_CONSUMED, GUEST_BUF, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(PROBES, 0, 0) } },
	{ "growth is room, too", OPENED, {
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(GUEST_BUFFER, GUEST_BUF + 1, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(MAY_SEND, 0, 1) } },
	{ "a shrunk window takes room away", OPENED, {
		T(SEND, 1000, 0),
		T(GUEST_BUFFER, 900, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(MAY_SEND, 0, 0),
		T(GUEST_CONSUMED, 1000, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(MAY_SEND, 0, 900) } },
	{ "with room there is nothing to ask for", OPENED, {
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(TIMED_OUT, CONN_PROBE_DEADLINE, NONE), /* a late one */
		T(SILENT, 0, 0) } },
	{ "a guest that will not receive is not asked", OPENED, {
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, END_READS),
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_NO_DEADLINE, 0) } },
	{ "nor with a full buffer", OPENED, {
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(DUE, CONN_PROBE_DEADLINE, 0),
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, END_READS),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_NO_DEADLINE, 0) } },
	{ "nor one that was not reached yet", FROM_GUEST, {
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_CONNECT_DEADLINE, 0) } },
	{ "nor one that was told the end", CLOSING, {
		T(STARVED, 0, 0),
		T(SILENT, 0, 0),
		T(DUE, CONN_CLOSE_DEADLINE, 0) } },
	{ "the end ends the waiting", OPENED, {
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(ABORT, 0, HANG_UP),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(OUT, PACKET_RST, 0),
		T(SILENT, 0, 0) } },
	{ "so does a farewell", OPENED, {
		T(SEND, GUEST_BUF, 0),
		T(STARVED, 0, 0),
		T(OUT, PACKET_CREDIT_REQUEST, 0),
		T(ENDED, true, HANG_UP),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(GUEST_CONSUMED, GUEST_BUF, 0),
		T(IN_CREDIT_UPDATE, 0, NONE) } },
	{ "old news is no news", OPENED, {
		T(SEND, 1000, 0),
		T(GUEST_CONSUMED, 1000, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(GUEST_CONSUMED, 500, 0),
		T(IN_RW, 1, DELIVER),
		T(MAY_SEND, 0, GUEST_BUF) } },
	{ "bytes never sent cannot be consumed", OPENED, {
		T(SEND, 1000, 0),
		T(GUEST_CONSUMED, 1001, 0),
		T(IN_RW, 1, HANG_UP),
		T(STATE, CONN_CLOSED, 0),
		T(OUT, PACKET_RST, 0) } },
	{ "nor by one that answers", FROM_HOST_ASKED, {
		T(GUEST_CONSUMED, 1, 0),
		T(IN_RESPONSE, 0, HANG_UP),
		T(OUT, PACKET_RST, 0) } },
	{ "nor at the end", CLOSING, {
		T(GUEST_CONSUMED, 1, 0),
		T(IN_CREDIT_UPDATE, 0, HANG_UP),
		T(OUT, PACKET_RST, 0) } },
	{ "an RST may lie", OPENED, {
		T(GUEST_CONSUMED, 1, 0),
		T(IN_RST, 0, HANG_UP),
		T(SILENT, 0, 0) } },
};
/* clang-format on */

START_TEST(tells)
{
	conn_flow(&telling[_i]);
}
END_TEST

START_TEST(follows_messages)
{
	conn_flow(&messages[_i]);
}
END_TEST

START_TEST(asks)
{
	conn_flow(&asking[_i]);
}
END_TEST

static enum packet_op next_op(struct conn *conn)
{
	struct packet p;

	return conn_next_control(conn, GUEST_CID, &p) ? p.op : PACKET_OPS;
}

/*
 * Linux announces what it consumed when little of its buffer is left, which
 * small packets never bring about: 102 of one byte use up what it has for
 * packets. It has to be asked each time, and at once.
 */
START_TEST(small_packets_do_not_stall)
{
	unsigned limit = GUEST_BUF / CREDIT_BYTES_PER_PACKET;
	uint32_t sent = 0;
	struct packet p;

	conn_start(&flow_conn, OPENED);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < limit; i++, sent++) {
			ck_assert_uint_gt(conn_may_send(&flow_conn), 0);
			conn_build_data(&flow_conn, GUEST_CID, 1, 0, &p);
		}
		ck_assert_uint_eq(conn_may_send(&flow_conn), 0);
		conn_starved(&flow_conn);
		ck_assert_int_eq(next_op(&flow_conn), PACKET_CREDIT_REQUEST);
		ck_assert_int_eq(next_op(&flow_conn), PACKET_OPS);
		ck_assert_int_eq(conn_due(&flow_conn), CONN_PROBE_DEADLINE);
		p = (struct packet){ .op = PACKET_CREDIT_UPDATE,
				     .buf_alloc = GUEST_BUF,
				     .fwd_cnt = sent };
		/* Still full: it is not asked again. */
		p.fwd_cnt -= limit;
		ck_assert_uint_eq(conn_input(&flow_conn, &p), NONE);
		conn_starved(&flow_conn);
		ck_assert_int_eq(next_op(&flow_conn), PACKET_OPS);
		p.fwd_cnt += limit;
		ck_assert_uint_eq(conn_input(&flow_conn, &p), NONE);
		ck_assert_int_eq(conn_due(&flow_conn), CONN_NO_DEADLINE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn_credit");
	TCase *c = tcase_create("conn_credit");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, tells, 0, ARRAY_SIZE(telling));
	tcase_add_loop_test(c, follows_messages, 0, ARRAY_SIZE(messages));
	tcase_add_loop_test(c, asks, 0, ARRAY_SIZE(asking));
	tcase_add_test(c, small_packets_do_not_stall);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
