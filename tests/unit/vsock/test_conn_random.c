/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests and host programs that do anything at any time: what goes to the
 * guest keeps the protocol's order all the same, and every life ends.
 */
#include "base/check.h"
#include "suite.h"
#include "unit/vsock/conn_fixture.h"

#define LIVES 3000
#define STEPS_MAX 400

/* What the guest saw of one connection, and what the host socket holds. */
static struct {
	struct conn conn;
	bool from_host;
	bool began;	   /* REQUEST or RESPONSE was seen */
	bool ended;	   /* RST, from either side */
	uint32_t shutdown; /* the flags of the last SHUTDOWN */
	uint32_t held;	   /* to be delivered */
	uint32_t window, consumed, sent;
	bool hung_up;
} life;

static uint64_t seed;
static unsigned seen[PACKET_OPS]; /* by the guests of a test */

static uint32_t below(uint32_t n)
{
	return suite_random(&seed) % n;
}

static void look_at_begin(enum packet_op op)
{
	enum packet_op first = life.from_host ? PACKET_REQUEST
					      : PACKET_RESPONSE;

	ck_assert(op == first || op == PACKET_RST);
	life.began = true;
}

/* As a strict guest looks at a packet. */
static void look_at(const struct packet *p)
{
	ck_assert_msg(!life.ended, "%s after the end", conn_op_name(p->op));
	seen[p->op]++;
	if (!life.began)
		look_at_begin(p->op);
	else
		ck_assert(p->op != PACKET_REQUEST && p->op != PACKET_RESPONSE);
	if (p->op == PACKET_RST)
		life.ended = true;
	if (p->op == PACKET_SHUTDOWN) {
		ck_assert_uint_ne(p->flags, life.shutdown);
		ck_assert_uint_eq(p->flags & life.shutdown, life.shutdown);
		ck_assert_uint_eq(p->flags & ~PACKET_NO_MORE, 0);
		life.shutdown = p->flags;
	} else {
		ck_assert_uint_eq(p->flags, 0);
	}
	if (p->op == PACKET_RW)
		ck_assert(!(life.shutdown & PACKET_NO_SEND));
}

static void take_orders(unsigned orders, uint32_t len)
{
	if (orders & CONN_DELIVER)
		life.held += len;
	if (orders & CONN_HANG_UP)
		life.hung_up = true;
	ck_assert_uint_le(life.held, HOST_BUF);
	ck_assert_uint_eq(life.held, credit_held(&life.conn.credit));
}

static void guest_says(enum packet_op op, uint32_t arg)
{
	struct packet p = {
		.op = op,
		.type = PACKET_STREAM,
		.len = op == PACKET_RW ? arg : 0,
		.flags = op == PACKET_SHUTDOWN ? arg : 0,
		.buf_alloc = life.window,
		.fwd_cnt = life.consumed,
	};

	if (op == PACKET_RST)
		life.ended = true;
	take_orders(conn_input(&life.conn, &p), p.len);
}

static void any_packet(void)
{
	static const enum packet_op usual[] = {
		PACKET_RW,	 PACKET_RW,
		PACKET_RW,	 PACKET_CREDIT_UPDATE,
		PACKET_RESPONSE, PACKET_CREDIT_REQUEST,
	};
	enum packet_op op = usual[below(ARRAY_SIZE(usual))];

	/* What is illegal would end too many, too early. */
	if (life.conn.state == CONN_GUEST_PENDING)
		op = PACKET_RESPONSE;
	else if (op == PACKET_RESPONSE)
		op = PACKET_RW;
	if (!below(60))
		op = (enum packet_op)below(PACKET_OPS);
	if (!below(10))
		life.window = below(100000);
	if (life.sent - life.consumed && !below(3))
		life.consumed += 1 + below(life.sent - life.consumed);
	guest_says(op, op == PACKET_SHUTDOWN ? below(4) : below(30000));
}

static void send_data(void)
{
	uint32_t room = conn_may_send(&life.conn);
	struct packet p;

	if (!room) {
		conn_starved(&life.conn);
		return;
	}
	ck_assert_int_eq(life.conn.state, CONN_OPEN);
	ck_assert_uint_le(life.sent - life.consumed + room, life.window);
	if (life.conn.host_shut & PACKET_NO_SEND)
		return;
	conn_build_data(&life.conn, GUEST_CID, 1 + below(room), 0, &p);
	look_at(&p);
	life.sent += p.len;
}

static void say_some(void)
{
	unsigned n = 0;
	struct packet p;

	while (below(4) && conn_next_control(&life.conn, GUEST_CID, &p)) {
		look_at(&p);
		ck_assert_uint_le(++n, 6); /* a bounded debt */
	}
}

static void pass_on(void)
{
	uint32_t len = life.held ? 1 + below(life.held) : 0;

	life.held -= len;
	take_orders(conn_delivered(&life.conn, len), 0);
}

static void host_does_something(void)
{
	struct conn *c = &life.conn;

	if (c->state == CONN_HOST_PENDING && !below(4))
		take_orders(conn_host_connected(c), 0);
	if (c->state == CONN_OPEN && !below(40))
		take_orders(conn_host_ended(c, !below(3)), 0);
	if (c->state == CONN_OPEN && !below(80))
		take_orders(conn_host_deaf(c), 0);
	if (!below(200))
		take_orders(conn_abort(c), 0);
}

static void time_passes(void)
{
	life.conn.deadline = (uint8_t)conn_due(&life.conn);
	if (life.conn.deadline && !below(100))
		take_orders(conn_timed_out(&life.conn), 0);
}

static void be_born(void)
{
	struct packet request = { .op = PACKET_REQUEST,
				  .dst_cid = PACKET_HOST_CID,
				  .dst_port = HOST_PORT,
				  .src_port = GUEST_PORT };

	life.from_host = below(2);
	life.began = life.ended = life.hung_up = false;
	life.shutdown = life.held = life.consumed = life.sent = 0;
	life.window = request.buf_alloc = below(100000);
	if (life.from_host)
		conn_init_from_host(&life.conn, PACKET_STREAM, HOST_PORT,
				    GUEST_PORT, HOST_BUF);
	else
		conn_init_from_guest(&life.conn, &request, HOST_BUF);
}

static void live(void)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		if (conn_finished(&life.conn))
			break;
		if (life.began || !below(50))
			any_packet();
		host_does_something();
		send_data();
		say_some();
		pass_on();
		time_passes();
	}
}

/* From wherever it is: the end comes, and the host socket is let go. */
static void die(void)
{
	struct packet p;

	take_orders(conn_abort(&life.conn), 0);
	while (conn_next_control(&life.conn, GUEST_CID, &p))
		look_at(&p);
	ck_assert(conn_finished(&life.conn));
	ck_assert(life.hung_up);
	ck_assert(life.ended || !life.began);
	while (life.held)
		pass_on();
	ck_assert(conn_finished(&life.conn));
}

START_TEST(any_life)
{
	seed = (uint64_t)_i + 1;
	for (unsigned i = 0; i < LIVES; i++) {
		be_born();
		live();
		die();
	}
	for (unsigned op = 0; op < PACKET_OPS; op++)
		ck_assert_msg(seen[op] > 100, "%s: only %u times",
			      conn_op_name((enum packet_op)op), seen[op]);
	ck_assert_uint_gt(seen[PACKET_RW], 10 * LIVES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn_random");
	TCase *c = tcase_create("conn_random");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, any_life, 0, 2);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
