/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ports that a guest uses again at once, like a notifier that always binds to
 * the same port. What still arrives from the last connection, or is still owed
 * to it, must not end the next one. The guest's side is played by hand, on raw
 * sockets.
 */
#include "system/twins.h"

#define NOTIFY_PORT 1023u /* the guest's */
#define SMALL_RING 8u

/* What a guest may still send after its kernel has sent an RST. */
static const struct {
	uint16_t op;
	uint8_t flags;
} late[] = {
	{ VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_SEND },
	{ VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND },
	{ VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0 },
	{ VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0 },
	{ VIRTIO_VSOCK_OP_RW, 0 },
	{ VIRTIO_VSOCK_OP_RESPONSE, 0 },
	{ VIRTIO_VSOCK_OP_INVALID, 0 },
};

static void say(struct gsock *g, uint16_t op, uint8_t flags)
{
	struct packet p = gsock_packet(g, op);

	p.flags = flags;
	p.len = op == VIRTIO_VSOCK_OP_RW ? 5 : 0;
	drive_until(g->owner->driver.world,
		    driver_send_raw(&g->owner->driver, &p, "hello", p.len));
}

static void say_late(struct gsock *g, unsigned i)
{
	say(g, late[i].op, late[i].flags);
}

/* Returns when all that G's guest has sent before was answered. */
static void flush(struct gsock *g)
{
	struct sockets *sockets = g->owner;
	struct gsock *other = gsock_connect(sockets, 9);

	drive_until(sockets->driver.world, other->refused);
	gsock_close(other);
}

/* One packet has come since there were BEFORE of them, and it is OP. */
static void expect_alone(struct gsock *g, uint64_t before, uint16_t op)
{
	drive_until(g->owner->driver.world, g->packets > before);
	flush(g);
	ck_assert_uint_eq(g->last.op, op);
	ck_assert_uint_eq(g->packets, before + 1);
}

struct notifier {
	struct scene s;
	struct gsock *g;
	struct host_conn
		hosts[2]; /* the ports of this connection, and of the last one */
	unsigned connections;
	int listener;
};

static struct host_conn *host_of(struct notifier *n, unsigned connection)
{
	return &n->hosts[connection % 2];
}

static void notifier_open(struct notifier *n, int engine,
			  const struct guest_config *config)
{
	scene_open_with(&n->s, engine, config);
	n->listener = host_listen(n->s.daemon.uds[0], PORT, 8);
	n->g = gsock_raw(&n->s.guest.sockets, NOTIFY_PORT, PORT);
	n->connections = 0;
}

static void notifier_close(struct notifier *n)
{
	host_unlisten(n->s.daemon.uds[0], PORT, n->listener);
	gsock_close(n->g);
	scene_check_works(&n->s);
	scene_close(&n->s);
}

/* A REQUEST was sent when BEFORE packets had come: its connection begins. */
static void expect_connection(struct notifier *n, uint64_t before)
{
	expect_alone(n->g, before, VIRTIO_VSOCK_OP_RESPONSE);
	drive_until(&n->s.world, host_accept(host_of(n, ++n->connections),
					     &n->s.world, n->listener));
}

static void notifier_connect(struct notifier *n)
{
	uint64_t before = n->g->packets;

	say(n->g, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect_connection(n, before);
}

/* The host program closes, and the guest is told so. */
static void host_ends(struct notifier *n)
{
	host_close(host_of(n, n->connections));
	drive_until(&n->s.world, n->g->last.op == VIRTIO_VSOCK_OP_SHUTDOWN);
	ck_assert_uint_eq(n->g->last.flags, SHUT_RCV | SHUT_SEND);
}

/* The host program sees the end of a connection. */
static void host_hears(struct notifier *n, unsigned connection)
{
	struct host_conn *host = host_of(n, connection);

	drive_until(&n->s.world, host_over(host));
	host_close(host);
}

/* The guest gives the connection up by an RST. */
static void guest_ends(struct notifier *n)
{
	say(n->g, VIRTIO_VSOCK_OP_RST, 0);
	host_hears(n, n->connections);
}

START_TEST(late_packets_do_not_end_the_next_connection)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;
	uint64_t before;

	notifier_open(&n, _i, &config);
	for (unsigned i = 0; i < ARRAY_SIZE(late); i++) {
		notifier_connect(&n);
		host_ends(&n);
		before = n.g->packets;
		say(n.g, VIRTIO_VSOCK_OP_RST, 0);
		say_late(n.g, i);
		say(n.g, VIRTIO_VSOCK_OP_REQUEST, 0);
		expect_connection(&n, before);
		guest_ends(&n);
	}
	notifier_close(&n);
}
END_TEST

/* The guest's program uses the dead socket for a while, then connects again. */
START_TEST(late_packets_are_not_answered)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;
	uint64_t before;

	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	guest_ends(&n);
	before = n.g->packets;
	for (unsigned i = 0; i < ARRAY_SIZE(late); i++)
		say_late(n.g, i);
	flush(n.g);
	ck_assert_uint_eq(n.g->packets, before);
	notifier_connect(&n);
	guest_ends(&n);
	notifier_close(&n);
}
END_TEST

/* The daemon ends the connection by an RST, which crosses what the guest sends.
 * */
START_TEST(what_crosses_our_rst_is_not_answered)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;
	uint64_t before;

	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	before = n.g->packets;
	say(n.g, VIRTIO_VSOCK_OP_RESPONSE, 0);
	expect_alone(n.g, before, VIRTIO_VSOCK_OP_RST);
	host_hears(&n, n.connections);
	for (unsigned i = 0; i < ARRAY_SIZE(late); i++)
		say_late(n.g, i);
	flush(n.g);
	ck_assert_uint_eq(n.g->packets, before + 1);
	notifier_connect(&n);
	guest_ends(&n);
	notifier_close(&n);
}
END_TEST

/* SHUT_WR and more data, sent before the guest has seen that the host closed.
 * */
START_TEST(what_crosses_our_shutdown_is_not_answered)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;
	uint64_t before;

	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	host_ends(&n);
	before = n.g->packets;
	say(n.g, VIRTIO_VSOCK_OP_RW, 0);
	say(n.g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_SEND);
	say(n.g, VIRTIO_VSOCK_OP_RST, 0);
	say(n.g, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect_connection(&n, before);
	guest_ends(&n);
	notifier_close(&n);
}
END_TEST

/* When the host closes, Linux forgets the connection even if its program has
 * not read all data: no RST comes before that program closes. */
START_TEST(a_guest_told_of_the_end_may_connect_again)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;
	uint64_t before;

	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	host_ends(&n);
	before = n.g->packets;
	say(n.g, VIRTIO_VSOCK_OP_REQUEST, 0);
	expect_connection(&n, before);
	guest_ends(&n);
	notifier_close(&n);
}
END_TEST

/* A driver that waits for an answer to its own SHUTDOWN gets one. */
START_TEST(both_closing_at_once_ends_by_rst)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;
	uint64_t before;

	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	host_ends(&n);
	before = n.g->packets;
	say(n.g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
	expect_alone(n.g, before, VIRTIO_VSOCK_OP_RST);
	notifier_close(&n);
}
END_TEST

START_TEST(a_shutdown_of_what_was_never_there_is_answered)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;

	notifier_open(&n, _i, &config);
	say(n.g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
	expect_alone(n.g, 0, VIRTIO_VSOCK_OP_RST);
	notifier_close(&n);
}
END_TEST

/* Another kernel in the same VM knows nothing of its predecessor's connections.
 * */
START_TEST(the_next_driver_is_answered)
{
	const struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;

	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	guest_ends(&n);
	guest_reboot(&n.s.guest);
	n.g = gsock_raw(&n.s.guest.sockets, NOTIFY_PORT, PORT);
	say(n.g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
	expect_alone(n.g, 0, VIRTIO_VSOCK_OP_RST);
	notifier_close(&n);
}
END_TEST

/* RSTs for other ports fill the RX ring, from which the guest takes nothing. */
static void exhaust(struct sockets *sockets)
{
	driver_pause_rx(&sockets->driver, true);
	for (uint32_t i = 0; i < 2 * SMALL_RING; i++)
		say(gsock_raw(sockets, 2000 + i, PORT), VIRTIO_VSOCK_OP_RW, 0);
	drive_until(sockets->driver.world, driver_tx_idle(&sockets->driver));
}

static void use_up_buffers(struct notifier *n)
{
	exhaust(&n->s.guest.sockets);
}

static void take_again(struct notifier *n)
{
	struct driver *driver = &n->s.guest.sockets.driver;

	drive_until(&n->s.world, driver_tx_idle(driver));
	driver_pause_rx(driver, false);
}

START_TEST(what_is_owed_to_nobody_is_not_sent_to_the_next)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;

	config.driver.rx_size = SMALL_RING;
	notifier_open(&n, _i, &config);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t before = n.g->packets;

		use_up_buffers(&n);
		/* never sent, or remembered in place of its RST alone */
		say(n.g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
		say(n.g, VIRTIO_VSOCK_OP_REQUEST, 0);
		take_again(&n);
		expect_connection(&n, before);
		guest_ends(&n);
	}
	notifier_close(&n);
}
END_TEST

START_TEST(what_is_owed_to_the_last_is_not_sent_to_the_next)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;

	config.driver.rx_size = SMALL_RING;
	notifier_open(&n, _i, &config);
	notifier_connect(&n);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t before = n.g->packets;

		use_up_buffers(&n);
		say(n.g, VIRTIO_VSOCK_OP_RESPONSE, 0);
		say(n.g, VIRTIO_VSOCK_OP_REQUEST, 0);
		take_again(&n);
		expect_connection(&n, before);
		host_hears(&n, n.connections - 1);
	}
	guest_ends(&n);
	notifier_close(&n);
}
END_TEST

/* Connections whose end the daemon tells both sides. */
enum ending { GUEST_CLOSES, GUEST_FINISHES, GUEST_BREAKS_RULES, ENDINGS };

static void end(struct notifier *n, enum ending how)
{
	switch (how) {
	case GUEST_CLOSES:
		say(n->g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
		break;
	case GUEST_FINISHES: /* what the host began */
		say(n->g, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_SEND);
		break;
	case GUEST_BREAKS_RULES:
		say(n->g, VIRTIO_VSOCK_OP_RESPONSE, 0);
		break;
	case ENDINGS:
		break;
	}
}

/* A connection whose end the daemon cannot tell the guest. */
static void end_unheard(struct notifier *n, enum ending how)
{
	notifier_connect(n);
	if (how == GUEST_FINISHES) {
		host_shutdown(host_of(n, n->connections));
		drive_until(&n->s.world,
			    n->g->last.op == VIRTIO_VSOCK_OP_SHUTDOWN);
	}
	use_up_buffers(n);
	end(n, how);
	drive_until(&n->s.world, driver_tx_idle(&n->s.guest.sockets.driver));
}

/* Its port is free from then on, before anybody can tell the host program to go
 * on. */
START_TEST(the_guest_hears_of_the_end_before_the_host_program)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;

	config.driver.rx_size = SMALL_RING;
	notifier_open(&n, _i, &config);
	for (enum ending how = GUEST_CLOSES; how < ENDINGS; how++) {
		struct host_conn *host;
		uint16_t last = how == GUEST_FINISHES ? VIRTIO_VSOCK_OP_SHUTDOWN
						      : VIRTIO_VSOCK_OP_RST;
		uint64_t before;

		end_unheard(&n, how);
		host = host_of(&n, n.connections);
		before = n.g->packets;
		world_rest(&n.s.world, 20);
		ck_assert(!host_over(host));
		take_again(&n);
		drive_until(&n.s.world, host_over(host));
		expect_alone(n.g, before, last);
		host_close(host);
		say(n.g, VIRTIO_VSOCK_OP_RST, 0);
	}
	notifier_close(&n);
}
END_TEST

/* A guest may have no buffer for the last packet for as long as it likes. */
START_TEST(a_guest_that_takes_nothing_does_not_keep_the_host_program)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct notifier n;

	config.driver.rx_size = SMALL_RING;
	notifier_open(&n, _i, &config);
	for (enum ending how = GUEST_CLOSES; how < ENDINGS; how++) {
		end_unheard(&n, how);
		host_hears(&n, n.connections);
		take_again(&n);
		drive_until(&n.s.world,
			    n.g->last.op != VIRTIO_VSOCK_OP_RESPONSE);
		say(n.g, VIRTIO_VSOCK_OP_RST, 0);
	}
	notifier_close(&n);
}
END_TEST

START_TEST(another_guest_hears_of_the_end_second)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		const struct daemon_config d = { .vms = 2 };
		struct guest_config config = guest_defaults(DAEMON_CID);
		struct guest_config other = guest_defaults(DAEMON_CID + 1);
		struct gsock *listener, *a, *b;
		struct driver *driver;
		struct twins t;

		config.driver.rx_size = SMALL_RING;
		twins_open_with(&t, _i, w, &d, &config, &other);
		driver = &t.s.guest.sockets.driver;
		listener = gsock_listen(&t.b.sockets, SIBLING_PORT);
		for (unsigned i = 0; i < 2; i++) {
			uint32_t port = twins_port();

			a = gsock_raw(&t.s.guest.sockets, port, SIBLING_PORT);
			a->peer_cid = DAEMON_CID + 1;
			say(a, VIRTIO_VSOCK_OP_REQUEST, 0);
			expect_alone(a, 0, VIRTIO_VSOCK_OP_RESPONSE);
			b = gsock_accept(listener);
			exhaust(&t.s.guest.sockets);
			say(a, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
			drive_until(&t.s.world, driver_tx_idle(driver));
			world_rest(&t.s.world, 20);
			ck_assert_uint_eq(b->peer_shut, 0);
			if (i) /* the guest takes nothing more, ever */
				drive_until(&t.s.world, b->peer_shut);
			driver_pause_rx(driver, false);
			drive_until(&t.s.world, b->peer_shut);
			drive_until(&t.s.world,
				    a->last.op == VIRTIO_VSOCK_OP_RST);
			gsock_close(b);
		}
		twins_close(&t);
	}
}
END_TEST

START_TEST(between_guests_as_well)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct gsock *listener, *a, *b;
		struct twins t;
		uint64_t before;

		twins_open(&t, _i, w);
		listener = gsock_listen(&t.b.sockets, SIBLING_PORT);
		a = gsock_raw(&t.s.guest.sockets, NOTIFY_PORT, SIBLING_PORT);
		a->peer_cid = DAEMON_CID + 1;
		say(a, VIRTIO_VSOCK_OP_REQUEST, 0);
		expect_alone(a, 0, VIRTIO_VSOCK_OP_RESPONSE);
		for (unsigned i = 0; i < ARRAY_SIZE(late); i++) {
			b = gsock_accept(listener);
			ck_assert_ptr_nonnull(b);
			gsock_close(b);
			drive_until(&t.s.world,
				    a->last.op == VIRTIO_VSOCK_OP_SHUTDOWN);
			before = a->packets;
			say(a, VIRTIO_VSOCK_OP_RST, 0);
			say_late(a, i);
			say(a, VIRTIO_VSOCK_OP_REQUEST, 0);
			expect_alone(a, before, VIRTIO_VSOCK_OP_RESPONSE);
		}
		twins_close(&t);
	}
}
END_TEST

/* Both guests are played by hand. B has sent LATE before it heard that A has
 * reset the connection; it is read when A has asked again. */
static void be_late(struct gsock *a, struct gsock *b, unsigned i)
{
	struct world *world = a->owner->driver.world;
	uint64_t before;

	say(a, VIRTIO_VSOCK_OP_RST, 0);
	drive_until(world, b->last.op == VIRTIO_VSOCK_OP_RST);
	before = a->packets;
	say(a, VIRTIO_VSOCK_OP_REQUEST, 0);
	drive_until(world, b->last.op == VIRTIO_VSOCK_OP_REQUEST);
	say_late(b, i);
	flush(b);
	ck_assert_uint_eq(b->last.op, VIRTIO_VSOCK_OP_REQUEST);
	say(b, VIRTIO_VSOCK_OP_RESPONSE, 0);
	expect_alone(a, before, VIRTIO_VSOCK_OP_RESPONSE);
}

START_TEST(between_guests_the_other_one_may_be_late)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct gsock *a, *b;
		struct twins t;

		twins_open(&t, _i, w);
		a = gsock_raw(&t.s.guest.sockets, NOTIFY_PORT, SIBLING_PORT);
		a->peer_cid = DAEMON_CID + 1;
		b = gsock_raw(&t.b.sockets, SIBLING_PORT, NOTIFY_PORT);
		b->peer_cid = DAEMON_CID;
		say(a, VIRTIO_VSOCK_OP_REQUEST, 0);
		drive_until(&t.s.world, b->last.op == VIRTIO_VSOCK_OP_REQUEST);
		say(b, VIRTIO_VSOCK_OP_RESPONSE, 0);
		expect_alone(a, 0, VIRTIO_VSOCK_OP_RESPONSE);
		for (unsigned i = 0; i < ARRAY_SIZE(late); i++)
			if (late[i].op != VIRTIO_VSOCK_OP_RESPONSE &&
			    late[i].op != VIRTIO_VSOCK_OP_INVALID)
				be_late(a, b, i);
		gsock_close(a);
		gsock_close(b);
		twins_close(&t);
	}
}
END_TEST

/* Two guests, of which B takes nothing after it was connected to A. */
struct slow_pair {
	struct twins t;
	struct gsock *listener;
	struct gsock *a;
	struct gsock *b;
};

static void slow_pair_open(struct slow_pair *p, int engine, unsigned workers)
{
	const struct daemon_config d = { .vms = 2 };
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct guest_config other = guest_defaults(DAEMON_CID + 1);

	other.driver.rx_size = SMALL_RING;
	twins_open_with(&p->t, engine, workers, &d, &config, &other);
	p->t.b.sockets.eager = true;
	p->listener = gsock_listen(&p->t.b.sockets, SIBLING_PORT);
	p->a = gsock_raw(&p->t.s.guest.sockets, NOTIFY_PORT, SIBLING_PORT);
	p->a->peer_cid = DAEMON_CID + 1;
}

/* A's connection was accepted. */
static void slow_pair_met(struct slow_pair *p, uint64_t before)
{
	expect_alone(p->a, before, VIRTIO_VSOCK_OP_RESPONSE);
	p->b = gsock_accept(p->listener);
	ck_assert_ptr_nonnull(p->b);
}

static void slow_pair_meet(struct slow_pair *p)
{
	uint64_t before = p->a->packets;

	say(p->a, VIRTIO_VSOCK_OP_REQUEST, 0);
	slow_pair_met(p, before);
}

static void slow_pair_close(struct slow_pair *p)
{
	gsock_close(p->b);
	gsock_close(p->a);
	twins_close(&p->t);
}

/* A ends its connection, which B does not hear, and begins another one. Returns
 * how many packets A had received until then. */
static uint64_t ask_again(struct slow_pair *p, bool break_off)
{
	uint64_t before;

	exhaust(&p->t.b.sockets);
	if (break_off) {
		say(p->a, VIRTIO_VSOCK_OP_RST, 0);
	} else {
		say(p->a, VIRTIO_VSOCK_OP_SHUTDOWN, SHUT_RCV | SHUT_SEND);
		drive_until(&p->t.s.world,
			    p->a->last.op == VIRTIO_VSOCK_OP_RST);
	}
	before = p->a->packets;
	say(p->a, VIRTIO_VSOCK_OP_REQUEST, 0);
	flush(p->a);
	world_rest(&p->t.s.world, 20);
	ck_assert_uint_eq(p->a->packets, before);
	return before;
}

/* B's program may close its socket (CLOSE); an RST then frees its port as well.
 * */
static void take_again_at_b(struct slow_pair *p, bool close)
{
	struct driver *driver = &p->t.b.sockets.driver;

	if (close) {
		gsock_close(p->b);
		drive_until(&p->t.s.world,
			    p->b->shut == (SHUT_RCV | SHUT_SEND) &&
				    driver_tx_idle(driver));
	}
	driver_pause_rx(driver, false);
}

START_TEST(a_request_waits_until_the_other_guest_knows_of_the_end)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct slow_pair p;

		slow_pair_open(&p, _i, w);
		slow_pair_meet(&p);
		for (unsigned i = 0; i < 6; i++) {
			struct gsock *last = p.b;
			uint64_t before = ask_again(&p, i % 3 == 2);

			take_again_at_b(&p, i % 3);
			slow_pair_met(&p, before);
			if (!(i % 3))
				gsock_close(last);
		}
		slow_pair_close(&p);
	}
}
END_TEST

/* A gets what it asked for last. */
START_TEST(a_request_that_waits_can_be_withdrawn)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct slow_pair p;
		uint64_t before;

		slow_pair_open(&p, _i, w);
		slow_pair_meet(&p);
		before = ask_again(&p, true);
		for (unsigned i = 0; i < 3; i++) {
			say(p.a, VIRTIO_VSOCK_OP_RST, 0);
			say(p.a, VIRTIO_VSOCK_OP_REQUEST, 0);
		}
		flush(p.a);
		take_again_at_b(&p, true);
		slow_pair_met(&p, before);
		ck_assert_ptr_null(gsock_accept(p.listener));
		slow_pair_close(&p);
	}
}
END_TEST

START_TEST(a_request_does_not_wait_for_ever)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct slow_pair p;
		struct gsock *last;
		uint64_t before;

		slow_pair_open(&p, _i, w);
		slow_pair_meet(&p);
		last = p.b;
		before = ask_again(&p, w);
		expect_alone(p.a, before, VIRTIO_VSOCK_OP_RST);
		take_again_at_b(&p, false);
		drive_until(&p.t.s.world, last->reset || last->peer_shut);
		flush(last);
		ck_assert_ptr_null(gsock_accept(p.listener));
		gsock_close(last);
		slow_pair_meet(&p);
		slow_pair_close(&p);
	}
}
END_TEST

START_TEST(a_request_that_waits_is_refused_when_the_other_guest_goes)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct slow_pair p;
		uint64_t before;

		slow_pair_open(&p, _i, w);
		slow_pair_meet(&p);
		before = ask_again(&p, w);
		guest_kill(&p.t.b);
		drive_until(&p.t.s.world, p.a->packets > before);
		ck_assert_uint_eq(p.a->last.op, VIRTIO_VSOCK_OP_RST);
		gsock_close(p.a);
		twins_close(&p.t);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		late_packets_do_not_end_the_next_connection,
		late_packets_are_not_answered,
		what_crosses_our_rst_is_not_answered,
		what_crosses_our_shutdown_is_not_answered,
		a_guest_told_of_the_end_may_connect_again,
		both_closing_at_once_ends_by_rst,
		a_shutdown_of_what_was_never_there_is_answered,
		the_next_driver_is_answered,
		what_is_owed_to_nobody_is_not_sent_to_the_next,
		what_is_owed_to_the_last_is_not_sent_to_the_next,
		the_guest_hears_of_the_end_before_the_host_program,
		a_guest_that_takes_nothing_does_not_keep_the_host_program,
		another_guest_hears_of_the_end_second,
		between_guests_as_well,
		between_guests_the_other_one_may_be_late,
		a_request_waits_until_the_other_guest_knows_of_the_end,
		a_request_that_waits_can_be_withdrawn,
		a_request_does_not_wait_for_ever,
		a_request_that_waits_is_refused_when_the_other_guest_goes,
	};

	return run_tests("system/reuse", tests, ARRAY_SIZE(tests));
}
