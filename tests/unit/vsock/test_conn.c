/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A connection's life as the guest and the host program see it, row by row. */
#include "base/check.h"
#include "suite.h"
#include "unit/vsock/conn_fixture.h"

#define BOTH (END_WRITES | END_READS)

/* clang-format off */
static const struct flow begins[] = {
	{ "guest connects", FROM_GUEST, {
		T(STATE, CONN_HOST_PENDING, 0),
		T(DUE, CONN_CONNECT_DEADLINE, 0),
		T(SILENT, 0, 0),
		T(MAY_SEND, 0, 0),
		T(CONNECTED, 0, NONE),
		T(STATE, CONN_OPEN, 0),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(FIRST, 0, true),
		T(MAY_SEND, 0, 0), /* RESPONSE comes first */
		T(OUT, PACKET_RESPONSE, 0),
		T(FIRST, 0, false),
		T(MAY_SEND, 0, GUEST_BUF), /* as REQUEST said */
		T(SILENT, 0, 0),
		T(FINISHED, 0, false) } },
	{ "host program is not there", FROM_GUEST, {
		T(ABORT, 0, HANG_UP),
		T(STATE, CONN_CLOSED, 0),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(FINISHED, 0, false),
		T(OUT, PACKET_RST, 0),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "host program does not accept", FROM_GUEST, {
		T(TIMED_OUT, CONN_CONNECT_DEADLINE, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "guest gives up", FROM_GUEST, {
		T(IN_RST, 0, HANG_UP),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "guest will not receive, said while connecting", FROM_GUEST, {
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, NONE),
		T(CONNECTED, 0, END_READS),
		T(OUT, PACKET_RESPONSE, 0),
		T(MAY_SEND, 0, 0) } },
	{ "guest will not send, said while connecting", FROM_GUEST, {
		T(IN_SHUTDOWN, PACKET_NO_SEND, NONE),
		T(CONNECTED, 0, END_WRITES),
		T(OUT, PACKET_RESPONSE, 0),
		T(MAY_SEND, 0, GUEST_BUF),
		T(IN_RW, 1, HANG_UP),
		T(OUT, PACKET_RST, 0) } },
	{ "guest gives up in two steps", FROM_GUEST, {
		T(IN_SHUTDOWN, PACKET_NO_SEND, NONE),
		T(SILENT, 0, 0),
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "host connects", FROM_HOST, {
		T(STATE, CONN_GUEST_PENDING, 0),
		T(DUE, CONN_RESPONSE_DEADLINE, 0),
		T(FIRST, 0, true),
		T(OUT, PACKET_REQUEST, 0),
		T(SILENT, 0, 0),
		T(MAY_SEND, 0, 0),
		T(IN_RESPONSE, 0, ESTABLISH),
		T(STATE, CONN_OPEN, 0),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(SILENT, 0, 0),
		T(MAY_SEND, 0, GUEST_BUF) } },
	{ "guest refuses", FROM_HOST_ASKED, {
		T(IN_RST, 0, HANG_UP),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "guest does not answer", FROM_HOST_ASKED, {
		T(TIMED_OUT, CONN_RESPONSE_DEADLINE, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "guest was not even asked", FROM_HOST, {
		T(TIMED_OUT, CONN_RESPONSE_DEADLINE, HANG_UP),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
};
/* clang-format on */

/* clang-format off */
static const struct flow ends[] = {
	{ "guest half-closes", OPENED, {
		T(IN_RW, 100, DELIVER),
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES),
		T(IN_SHUTDOWN, PACKET_NO_SEND, NONE), /* no news */
		T(DELIVERED, 100, NONE),
		T(SILENT, 0, 0),
		T(MAY_SEND, 0, GUEST_BUF),
		T(SEND, 10, 0),
		T(ENDED, false, HANG_UP),
		T(STATE, CONN_CLOSING, 0),
		T(DUE, CONN_CLOSE_DEADLINE, 0),
		T(MAY_SEND, 0, 0),
		T(FINISHED, 0, false),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(SILENT, 0, 0),
		T(FINISHED, 0, false),
		T(IN_RST, 0, HANG_UP),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "host half-closes", OPENED, {
		T(ENDED, false, NONE),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_SEND),
		T(SILENT, 0, 0),
		T(STATE, CONN_OPEN, 0),
		T(IN_RW, 100, DELIVER),
		T(DELIVERED, 100, NONE),
		T(IN_RW, 5, DELIVER),
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES | HANG_UP),
		T(STATE, CONN_CLOSING, 0),
		T(DELIVERED, 5, NONE),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(SILENT, 0, 0),
		T(IN_RST, 0, HANG_UP),
		T(FINISHED, 0, true) } },
	{ "host hangs up", OPENED, {
		T(ENDED, true, HANG_UP),
		T(STATE, CONN_CLOSING, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(SILENT, 0, 0),
		T(TIMED_OUT, CONN_CLOSE_DEADLINE, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "host hangs up before RESPONSE went", FROM_GUEST, {
		T(CONNECTED, 0, NONE),
		T(ENDED, true, HANG_UP),
		T(OUT, PACKET_RESPONSE, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(SILENT, 0, 0) } },
	{ "host half-closes before RESPONSE went", FROM_GUEST, {
		T(CONNECTED, 0, NONE),
		T(ENDED, false, NONE),
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(OUT, PACKET_RESPONSE, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_SEND),
		T(SILENT, 0, 0) } },
	{ "guest closes", OPENED, {
		T(IN_RW, 100, DELIVER),
		T(DELIVERED, 100, NONE),
		T(IN_SHUTDOWN, PACKET_NO_MORE, BOTH | HANG_UP),
		T(STATE, CONN_CLOSED, 0),
		T(OUT, PACKET_RST, 0),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "guest closes with bytes under way", OPENED, {
		T(IN_RW, 100, DELIVER),
		T(IN_SHUTDOWN, PACKET_NO_MORE, BOTH | HANG_UP),
		T(SILENT, 0, 0), /* RST would say that all has arrived */
		T(STATE, CONN_OPEN, 0),
		T(DUE, CONN_NO_DEADLINE, 0),
		T(DELIVERED, 60, HANG_UP),
		T(SILENT, 0, 0),
		T(DELIVERED, 39, HANG_UP),
		T(SILENT, 0, 0),
		T(DELIVERED, 1, HANG_UP),
		T(STATE, CONN_CLOSED, 0),
		T(OUT, PACKET_RST, 0),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "guest does not wait for the bytes under way", OPENED, {
		T(IN_RW, 100, DELIVER),
		T(IN_SHUTDOWN, PACKET_NO_MORE, BOTH | HANG_UP),
		T(IN_RST, 0, HANG_UP),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true),
		T(DELIVERED, 100, NONE),
		T(SILENT, 0, 0) } },
	{ "guest closes in two steps", OPENED, {
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES),
		T(IN_SHUTDOWN, PACKET_NO_MORE, END_READS | HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "guest closes in two steps, reading first", OPENED, {
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, END_READS),
		T(MAY_SEND, 0, 0),
		T(IN_RW, 7, DELIVER),
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES | HANG_UP),
		T(SILENT, 0, 0),
		T(DELIVERED, 7, HANG_UP),
		T(OUT, PACKET_RST, 0) } },
	{ "guest sends after it renounced to", OPENED, {
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES),
		T(IN_RW, 0, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "host takes no more, but still sends", OPENED, {
		T(IN_RW, 9, DELIVER),
		T(DEAF, 0, NONE),
		T(DELIVERED, 9, NONE),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_RECEIVE),
		T(SILENT, 0, 0),
		T(IN_RW, HOST_BUF, NONE), /* dropped */
		T(SEND, 10, 0),
		T(MAY_SEND, 0, GUEST_BUF - 10),
		T(ENDED, false, HANG_UP),
		T(STATE, CONN_CLOSING, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(SILENT, 0, 0) } },
	{ "host takes no more, after its own end", OPENED, {
		T(ENDED, false, NONE),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_SEND),
		T(DEAF, 0, HANG_UP),
		T(STATE, CONN_CLOSING, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE) } },
	{ "neither takes any more", OPENED, {
		T(DEAF, 0, NONE),
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, END_READS | HANG_UP),
		T(STATE, CONN_CLOSING, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(SILENT, 0, 0) } },
	{ "guest will not receive, host has no more", OPENED, {
		T(IN_SHUTDOWN, PACKET_NO_RECEIVE, END_READS),
		T(ENDED, false, NONE),
		T(STATE, CONN_OPEN, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_SEND),
		T(IN_RW, 5, DELIVER) } },
	{ "guest has no more, host takes no more", OPENED, {
		T(IN_SHUTDOWN, PACKET_NO_SEND, END_WRITES),
		T(DEAF, 0, NONE),
		T(STATE, CONN_OPEN, 0),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_RECEIVE),
		T(SEND, 5, 0) } },
	{ "guest was sending when the host hung up", OPENED, {
		T(ENDED, true, HANG_UP),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(IN_RW, 100, NONE),
		T(IN_SHUTDOWN, PACKET_NO_SEND, NONE),
		T(SILENT, 0, 0),
		T(DUE, CONN_CLOSE_DEADLINE, 0),
		T(IN_RST, 0, HANG_UP),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
	{ "both close at once", OPENED, {
		T(ENDED, true, HANG_UP),
		T(OUT, PACKET_SHUTDOWN, PACKET_NO_MORE),
		T(IN_SHUTDOWN, PACKET_NO_MORE, NONE),
		T(SILENT, 0, 0), /* its RST is on its way */
		T(DUE, CONN_CROSSED_DEADLINE, 0),
		T(TIMED_OUT, CONN_CROSSED_DEADLINE, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "guest closes before it is told of the host's end", OPENED, {
		T(ENDED, true, HANG_UP),
		T(IN_SHUTDOWN, PACKET_NO_MORE, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "guest still reads what it has", CLOSING, {
		T(GUEST_CONSUMED, 0, 0),
		T(IN_CREDIT_UPDATE, 0, NONE),
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(SILENT, 0, 0),
		T(STATE, CONN_CLOSING, 0),
		T(ABORT, 0, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(FINISHED, 0, true) } },
	{ "RST takes the place of all that was owed", OPENED, {
		T(IN_CREDIT_REQUEST, 0, NONE),
		T(ENDED, false, NONE),
		T(ABORT, 0, HANG_UP),
		T(OUT, PACKET_RST, 0),
		T(SILENT, 0, 0) } },
	{ "RST is not answered, not even an owed one goes", CLOSED_RST, {
		T(ABORT, 0, HANG_UP), /* again */
		T(IN_RST, 0, NONE),
		T(SILENT, 0, 0),
		T(FINISHED, 0, true) } },
};
/* clang-format on */

START_TEST(begin)
{
	conn_flow(&begins[_i]);
}
END_TEST

START_TEST(end)
{
	conn_flow(&ends[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn");
	TCase *c = tcase_create("conn");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, begin, 0, ARRAY_SIZE(begins));
	tcase_add_loop_test(c, end, 0, ARRAY_SIZE(ends));
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
