/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Packets that are not legal where they come: each is answered by an RST, but
 * an RST by nothing. The guest's side is played by hand, on raw sockets.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/system.h"

#define RAW_PORT 7000u

static unsigned count(const struct scene *s, unsigned op)
{
	return (unsigned)s->guest.sockets.driver.packets_by_op[op];
}

static struct gsock *raw(struct scene *s, uint32_t port)
{
	return gsock_raw(&s->guest.sockets, port, PORT);
}

/*
 * When this returns, the device has answered all that was sent before: a
 * REQUEST that is refused serves as a question with a quick answer.
 */
static void flush(struct scene *s)
{
	struct gsock *g = gsock_connect(&s->guest.sockets, 9);

	drive_until(&s->world, g->refused);
	gsock_close(g);
}

/* Sends OP with a payload if it is RW. */
static void send_op(struct scene *s, struct gsock *g, uint16_t op)
{
	struct packet p = gsock_packet(g, op);

	p.len = op == VIRTIO_VSOCK_OP_RW ? 5 : 0;
	p.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? SHUT_SEND : 0;
	ck_assert(
		driver_send_raw(&s->guest.sockets.driver, &p, "hello", p.len));
}

static const uint16_t all_ops[] = {
	VIRTIO_VSOCK_OP_INVALID,
	VIRTIO_VSOCK_OP_RESPONSE,
	VIRTIO_VSOCK_OP_RW,
	VIRTIO_VSOCK_OP_SHUTDOWN,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST,
	8,
	0x7fff,
};

START_TEST(packets_for_no_connection_get_rst)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(all_ops); i++) {
		struct gsock *g = raw(&s, RAW_PORT + i);

		send_op(&s, g, all_ops[i]);
		drive_until(&s.world, g->packets);
		ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RST);
		flush(&s);
		ck_assert_uint_eq(g->packets, 1);
	}
	scene_close(&s);
}
END_TEST

START_TEST(rst_is_never_answered)
{
	struct scene s;
	struct gsock *g;

	scene_open(&s, _i);
	g = raw(&s, RAW_PORT);
	for (unsigned i = 0; i < 10; i++)
		send_op(&s, g, VIRTIO_VSOCK_OP_RST);
	flush(&s);
	ck_assert_uint_eq(g->packets, 0);
	scene_close(&s);
}
END_TEST

/* The answer comes from the address that the guest used, also if nobody has
 * that. */
START_TEST(requests_that_nobody_takes_get_rst_from_their_address)
{
	static const struct {
		uint64_t cid;
		uint16_t type;
	} cases[] = {
		{ 1, 1 },	   { 3, 1 }, { 99, 1 }, { 0xffffffff, 1 },
		{ 1ull << 40, 1 }, { 2, 2 }, { 2, 3 },	{ 2, 0 },
	};
	struct scene s;
	int listener;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gsock *g = raw(&s, RAW_PORT + i);
		struct packet p = gsock_packet(g, VIRTIO_VSOCK_OP_REQUEST);

		p.dst_cid = cases[i].cid;
		p.type = cases[i].type;
		driver_send_raw(&s.guest.sockets.driver, &p, NULL, 0);
		drive_until(&s.world, g->packets);
		ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RST);
		/* a CID's upper half is reserved (virtio 1.3, 5.10.4) */
		ck_assert_uint_eq(g->last.src_cid, (uint32_t)cases[i].cid);
	}
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* A connection that only begins cannot have received anything. */
START_TEST(requests_that_acknowledge_bytes_get_rst)
{
	static const uint32_t cases[] = { 1, 65536, INT32_MAX };
	struct host_conn c;
	struct scene s;
	int listener;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gsock *g = raw(&s, RAW_PORT + i);
		struct packet p = gsock_packet(g, VIRTIO_VSOCK_OP_REQUEST);

		p.fwd_cnt = cases[i];
		driver_send_raw(&s.guest.sockets.driver, &p, NULL, 0);
		drive_until(&s.world, g->packets);
		ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RST);
		flush(&s);
		ck_assert_uint_eq(g->packets, 1);
	}
	ck_assert(!host_accept(&c, &s.world, listener));
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* A guest may only use its own CID as the source. */
START_TEST(packets_from_another_cid_open_nothing)
{
	struct host_conn c;
	struct packet p;
	struct scene s;
	int listener;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	p = gsock_packet(raw(&s, RAW_PORT), VIRTIO_VSOCK_OP_REQUEST);
	p.src_cid = DAEMON_CID + 1;
	/* an answer would go to that CID, and the guest would not accept it */
	driver_send_raw(&s.guest.sockets.driver, &p, NULL, 0);
	drive_until(&s.world, driver_tx_idle(&s.guest.sockets.driver));
	ck_assert(!host_accept(&c, &s.world, listener));
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_close(&s);
}
END_TEST

START_TEST(what_is_illegal_on_an_open_connection_gets_rst)
{
	static const uint16_t ops[] = { VIRTIO_VSOCK_OP_INVALID,
					VIRTIO_VSOCK_OP_REQUEST,
					VIRTIO_VSOCK_OP_RESPONSE, 8, 0x7fff };
	struct scene s;
	int listener;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		struct gsock *g = raw(&s, RAW_PORT + i);
		struct host_conn c;

		send_op(&s, g, VIRTIO_VSOCK_OP_REQUEST);
		drive_until(&s.world, g->packets);
		ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RESPONSE);
		drive_until(&s.world, host_accept(&c, &s.world, listener));
		send_op(&s, g, ops[i]);
		drive_until(&s.world, host_over(&c));
		host_close(&c);
		drive_until(&s.world, g->last.op == VIRTIO_VSOCK_OP_RST);
		flush(&s);
		ck_assert_uint_eq(g->packets, 2);
	}
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_close(&s);
}
END_TEST

/* A listener whose backlog is full leaves a connect(2) pending. */
static int fill_backlog(struct scene *s, int clients[], unsigned max,
			unsigned *count_out)
{
	int listener = host_listen(s->daemon.uds[0], PORT, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s_%u", s->daemon.uds[0],
		 PORT);
	*count_out = 0;
	while (*count_out < max) {
		int fd = socket(AF_UNIX,
				SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
			close(fd);
			return listener;
		}
		clients[(*count_out)++] = fd;
	}
	die("the backlog is endless");
}

START_TEST(what_is_illegal_while_the_host_is_asked_gets_rst)
{
	static const uint16_t ops[] = { VIRTIO_VSOCK_OP_INVALID,
					VIRTIO_VSOCK_OP_REQUEST,
					VIRTIO_VSOCK_OP_RESPONSE,
					VIRTIO_VSOCK_OP_RW, 8 };
	int clients[8];
	unsigned n;
	struct scene s;
	int listener;

	scene_open(&s, _i);
	listener = fill_backlog(&s, clients, 8, &n);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		struct gsock *g = raw(&s, RAW_PORT + i);

		send_op(&s, g, VIRTIO_VSOCK_OP_REQUEST);
		flush(&s);
		ck_assert_uint_eq(g->packets, 0);
		send_op(&s, g, ops[i]);
		drive_until(&s.world, g->packets);
		ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RST);
		flush(&s);
		ck_assert_uint_eq(g->packets, 1);
	}
	while (n)
		close(clients[--n]);
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(what_is_illegal_while_the_guest_is_asked_gets_rst)
{
	static const uint16_t ops[] = { VIRTIO_VSOCK_OP_INVALID,
					VIRTIO_VSOCK_OP_REQUEST,
					VIRTIO_VSOCK_OP_RW, 8 };
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		struct gsock *trap = gsock_listen(&s.guest.sockets, 1024);
		struct host_conn c;
		struct gsock *g;
		uint32_t host_port;
		uint64_t start;

		/* the guest's listener stays mute: only the REQUEST is looked
		 * at */
		trap->mute = true;
		host_connect(&c, &s.world, s.daemon.uds[0], 1024);
		drive_until(&s.world, trap->packets);
		ck_assert_uint_eq(trap->last.op, VIRTIO_VSOCK_OP_REQUEST);
		host_port = trap->last.src_port;
		g = gsock_raw(&s.guest.sockets, 1024, host_port);
		start = clock_ms();
		send_op(&s, g, ops[i]);
		drive_until(&s.world, host_over(&c));
		/* and not because of the deadline of 2 s */
		ck_assert_uint_lt(clock_ms() - start, 1000);
		ck_assert_uint_eq(c.line_length, 0);
		drive_until(&s.world, g->packets);
		ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RST);
		host_close(&c);
		flush(&s);
		ck_assert_uint_eq(g->packets, 1);
		gsock_close(g);
		gsock_close(trap);
	}
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* The header says that there are more bytes than there are, or fewer. */
START_TEST(lengths_that_lie_end_that_connection_only)
{
	static const struct {
		uint32_t says;
		size_t is;
	} cases[] = {
		{ 100, 5 },	  { 0, 5 },   { UINT32_MAX, 5 },
		{ 65537, 60000 }, { 5, 100 },
	};
	struct scene s;
	struct pair healthy;
	int listener;

	scene_open(&s, _i);
	pair_from_guest(&s, &healthy);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		static const uint8_t bytes[60000];
		struct gsock *g = raw(&s, RAW_PORT + i);
		struct host_conn c;
		struct packet p;

		send_op(&s, g, VIRTIO_VSOCK_OP_REQUEST);
		drive_until(&s.world, host_accept(&c, &s.world, listener));
		p = gsock_packet(g, VIRTIO_VSOCK_OP_RW);
		p.len = cases[i].says;
		driver_send_raw(&s.guest.sockets.driver, &p, bytes,
				cases[i].is);
		pair_both_ways(&healthy, 65536);
		ck_assert_uint_le(c.in.got, cases[i].is);
		if (cases[i].says > cases[i].is)
			drive_until(&s.world,
				    g->last.op == VIRTIO_VSOCK_OP_RST);
		else
			send_op(&s, g, VIRTIO_VSOCK_OP_RST);
		drive_until(&s.world, host_over(&c));
		host_close(&c);
	}
	host_unlisten(s.daemon.uds[0], PORT, listener);
	pair_close(&healthy);
	scene_close(&s);
}
END_TEST

START_TEST(shutdown_of_nothing_does_no_harm)
{
	struct scene s;
	struct gsock *g;
	struct host_conn c;
	struct packet p;
	int listener;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	g = raw(&s, RAW_PORT);
	send_op(&s, g, VIRTIO_VSOCK_OP_REQUEST);
	drive_until(&s.world, host_accept(&c, &s.world, listener));
	p = gsock_packet(g, VIRTIO_VSOCK_OP_SHUTDOWN);
	driver_send_raw(&s.guest.sockets.driver, &p, NULL, 0);
	p.flags = 0xfffffffc;
	driver_send_raw(&s.guest.sockets.driver, &p, NULL, 0);
	flush(&s);
	ck_assert_uint_le(count(&s, VIRTIO_VSOCK_OP_RST), 2);
	host_close(&c);
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		packets_for_no_connection_get_rst,
		rst_is_never_answered,
		requests_that_nobody_takes_get_rst_from_their_address,
		requests_that_acknowledge_bytes_get_rst,
		packets_from_another_cid_open_nothing,
		what_is_illegal_on_an_open_connection_gets_rst,
		what_is_illegal_while_the_host_is_asked_gets_rst,
		what_is_illegal_while_the_guest_is_asked_gets_rst,
		lengths_that_lie_end_that_connection_only,
		shutdown_of_nothing_does_no_harm,
	};

	return run_tests("system/illegal", tests, ARRAY_SIZE(tests));
}
