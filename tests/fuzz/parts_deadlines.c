/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "base/check.h"
#include "fuzz/parts.h"
#include "vsock/conn_output.h"
#include "vsock/deadlines.h"
#include "vsock/packet.h"

#define CONNS 16u
#define GUEST_CID 3u
#define BUFFER 65536u

static struct deadlines deadlines;
static struct conn conns[CONNS];
static uint64_t now_ms;
static uint64_t soonest_ms; /* no timer is due before that */

/* What is armed, and when it is due. */
static struct {
	enum conn_deadline which;
	uint64_t at;
} due[CONNS];

static uint32_t duration(const struct conn *conn)
{
	uint32_t ms = CONN_PROBE_MS;

	switch (conn_due(conn)) {
	case CONN_CONNECT_DEADLINE:
	case CONN_RESPONSE_DEADLINE:
		return CONN_CONNECT_MS;
	case CONN_CLOSE_DEADLINE:
		return CONN_CLOSE_MS;
	case CONN_CROSSED_DEADLINE:
		return CONN_CROSSED_MS;
	case CONN_PROBE_DEADLINE:
	case CONN_NO_DEADLINE:
	case CONN_DEADLINES:
		break;
	}
	for (unsigned i = 0; i < conn->probes; i++)
		ms *= 4;
	return ms < CONN_PROBE_MAX_MS ? ms : CONN_PROBE_MAX_MS;
}

static uint64_t earliest(void)
{
	uint64_t at = TIMER_NEVER;

	for (unsigned i = 0; i < CONNS; i++)
		if (due[i].at < at)
			at = due[i].at;
	return at;
}

static void follow(unsigned i)
{
	struct conn *conn = &conns[i];

	if (due[i].which != conn_due(conn)) {
		due[i].which = conn_due(conn);
		due[i].at = due[i].which == CONN_NO_DEADLINE
				    ? TIMER_NEVER
				    : now_ms + duration(conn);
	}
	deadlines_follow(&deadlines, conn, now_ms);
	fuzz_check(conn->deadline == due[i].which);
	fuzz_check(timer_armed(&conn->timer) == (due[i].at != TIMER_NEVER));
	fuzz_check(deadlines_next(&deadlines) == earliest());
	fuzz_check(soonest_ms <= earliest());
}

/* Another connection in the place of this one, from the guest or the host. */
static void begin_conn(unsigned i, bool from_host)
{
	struct packet request = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.dst_cid = PACKET_HOST_CID,
		.src_port = i,
		.buf_alloc = 1000,
	};

	timer_disarm(&conns[i].timer);
	if (from_host)
		conn_init_from_host(&conns[i], PACKET_STREAM, i, i, BUFFER);
	else
		conn_init_from_guest(&conns[i], &request, BUFFER);
	due[i].which = CONN_NO_DEADLINE;
	due[i].at = TIMER_NEVER;
}

void dues_begin(void)
{
	soonest_ms = TIMER_NEVER;
	deadlines_init(&deadlines, &soonest_ms);
	now_ms = 1;
	for (unsigned i = 0; i < CONNS; i++) {
		timer_init(&conns[i].timer);
		begin_conn(i, i % 2);
	}
	for (unsigned i = 0; i < CONNS; i++)
		follow(i);
}

/* A packet of the operation C, with flags of D, that takes what was sent. */
static void hear(struct conn *conn, const struct record *r)
{
	struct packet packet = {
		.op = (enum packet_op)(r->c % PACKET_OPS),
		.type = conn->type,
		.flags = r->d & 3,
		.len = r->d >> 8,
		.buf_alloc = r->e,
		.fwd_cnt = r->d & 4 ? conn->credit.tx_cnt
				    : conn->credit.peer_fwd_cnt,
	};

	if (packet.op != PACKET_RW)
		packet.len = 0;
	conn_input(conn, &packet);
}

static void speak(struct conn *conn, const struct record *r)
{
	uint32_t room = conn_may_send(conn);
	struct packet out;

	if (r->c % 2)
		conn_next_control(conn, GUEST_CID, &out);
	else if (room)
		conn_build_data(conn, GUEST_CID, r->d < room ? r->d : room, 0,
				&out);
	else
		conn_starved(conn);
}

/* What the host program did; legal while the connection is open. */
static void host_acts(struct conn *conn, const struct record *r)
{
	uint32_t held = credit_held(&conn->credit);

	if (conn->state == CONN_HOST_PENDING)
		conn_host_connected(conn);
	if (conn->state != CONN_OPEN)
		return;
	switch (r->c % 4) {
	case 0:
		conn_host_ended(conn, r->d & 1);
		break;
	case 1:
		conn_host_deaf(conn);
		break;
	default:
		conn_delivered(conn, r->d < held ? r->d : held);
	}
}

/* The connection A meets the fact B. */
void dues_plays(const struct record *r)
{
	unsigned i = r->a % CONNS;
	struct conn *conn = &conns[i];

	switch (r->b % 8) {
	case 0:
		begin_conn(i, r->c & 1);
		break;
	case 1:
	case 2:
	case 3:
		hear(conn, r);
		break;
	case 4:
	case 5:
		speak(conn, r);
		break;
	case 6:
		host_acts(conn, r);
		break;
	default:
		conn_abort(conn);
	}
	fuzz_check(conn_state_name((enum conn_state)conn->state));
	follow(i);
}

/* D milliseconds pass, times sixteen if A is odd. */
void dues_passes(const struct record *r)
{
	struct conn *conn;

	now_ms += r->a & 1 ? r->d * 16u : r->d;
	while ((conn = deadlines_take_due(&deadlines, now_ms)) != NULL) {
		unsigned i = (unsigned)(conn - conns);

		fuzz_check(due[i].at <= now_ms);
		fuzz_check(conn->deadline == due[i].which);
		fuzz_check(!timer_armed(&conn->timer));
		conn_timed_out(conn);
		due[i].which = CONN_NO_DEADLINE;
		due[i].at = TIMER_NEVER;
		follow(i);
	}
	fuzz_check(earliest() > now_ms);
	soonest_ms = deadlines_next(&deadlines);
}
