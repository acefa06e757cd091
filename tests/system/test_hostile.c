/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest at its worst beside a healthy one in the same daemon, whose bytes
 * must stay right. The test runs for URING_VSOCK_HOSTILE_S seconds (30)
 * altogether, for each engine. A failure prints the seed, which
 * URING_VSOCK_SEED repeats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "system/system.h"

#define BURST 64
#define RSS_MAX_KIB (128 * 1024) /* of the daemon, whatever a guest does */

struct siege {
	struct scene s; /* with the healthy guest, in VM 0 */
	struct pair healthy;
	struct guest bad; /* in VM 1 */
	uint64_t random;
	char context[64];
	int listener; /* on the host, for VM 1 */
	int messages; /* the same at PORT + 1, SEQPACKET */
	unsigned rounds;
};

typedef void attack_fn(struct siege *siege);

static uint32_t pick(struct siege *siege, uint32_t below)
{
	uint64_t x = siege->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	siege->random = x;
	return (uint32_t)(x >> 20) % below;
}

static void seed(struct siege *siege)
{
	const char *env = getenv("URING_VSOCK_SEED");

	siege->random = env ? strtoull(env, NULL, 10) : (uint64_t)time(NULL);
	siege->random |= 1;
	snprintf(siege->context, sizeof(siege->context),
		 "URING_VSOCK_SEED=%llu", (unsigned long long)siege->random);
	siege->s.world.context = siege->context;
	printf("%s\n", siege->context);
}

static void begin(struct siege *siege, int engine)
{
	struct daemon_config d = { .vms = 2 };
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene *s = &siege->s;

	scene_daemon(s, engine, &d);
	seed(siege);
	guest_boot(&s->guest, &c, &s->world, s->daemon.socket[0]);
	pair_from_guest(s, &siege->healthy);
	pair_begin_to_host(&siege->healthy, 1ull << 40);
	pair_begin_to_guest(&siege->healthy, 1ull << 40);
	gsock_read_all(siege->healthy.guest);
	c.cid = DAEMON_CID + 1;
	c.driver.features = VU_F_INDIRECT | VU_F_SEQPACKET;
	guest_boot(&siege->bad, &c, &s->world, s->daemon.socket[1]);
	siege->listener = host_listen(s->daemon.uds[1], PORT, 4096);
	siege->messages =
		host_listen_seqpacket(s->daemon.uds[1], PORT + 1, 4096);
}

static uint64_t share_ms(void)
{
	const char *env = getenv("URING_VSOCK_HOSTILE_S");

	return (env ? strtoull(env, NULL, 10) : 30) * 1000 / 4;
}

static void run(struct siege *siege, attack_fn *attack)
{
	struct world *w = &siege->s.world;
	struct pair *healthy = &siege->healthy;
	uint64_t until = clock_ms() + share_ms();

	while (clock_ms() < until) {
		uint64_t host = healthy->host.in.got;
		uint64_t guest = healthy->guest->in.got;

		attack(siege);
		siege->rounds++;
		world_rest(w, 1);
		if (siege->rounds % 100)
			continue;
		drive_until(w, healthy->host.in.got > host &&
				       healthy->guest->in.got > guest);
		expect_memory(daemon_usage(&siege->s.daemon).anonymous_kib,
			      RSS_MAX_KIB);
	}
}

static void end(struct siege *siege)
{
	struct scene *s = &siege->s;

	guest_free(&siege->bad);
	host_unlisten(s->daemon.uds[1], PORT, siege->listener);
	host_unlisten(s->daemon.uds[1], PORT + 1, siege->messages);
	host_close(&siege->healthy.host);
	gsock_close(siege->healthy.guest);
	drive_until(&s->world, s->guest.sockets.count == 0);
	scene_check_works(s);
	scene_close(s);
}

static uint64_t some_address(struct siege *siege)
{
	uint64_t size = siege->bad.ram.size;

	switch (pick(siege, 8)) {
	case 0:
		return pick(siege, UINT32_MAX) * 0x100000001ull;
	case 1:
		return RAM_GUEST_BASE + size - pick(siege, 5000);
	case 2:
		return UINT64_MAX - pick(siege, 100);
	default:
		return RAM_GUEST_BASE + pick(siege, (uint32_t)size);
	}
}

static void random_descriptor(struct siege *siege, struct vring_desc *d,
			      unsigned size)
{
	static const uint16_t flags[] = {
		0,
		0,
		VRING_DESC_F_NEXT,
		VRING_DESC_F_NEXT,
		VRING_DESC_F_WRITE,
		VRING_DESC_F_WRITE | VRING_DESC_F_NEXT,
		VRING_DESC_F_INDIRECT,
		VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT,
		0xffff,
	};

	d->addr = htole64(some_address(siege));
	d->len = htole32(pick(siege, 4) ? pick(siege, 6000)
					: pick(siege, UINT32_MAX));
	if (pick(siege, 3) == 0)
		d->len = htole32(16 * pick(siege, 40));
	d->flags = htole16(flags[pick(siege, ARRAY_SIZE(flags))]);
	d->next =
		htole16((uint16_t)pick(siege, pick(siege, 20) ? size : 65536));
}

/* Writes random values anywhere in a ring while the device looks at it. */
static void scribble(struct siege *siege, struct ring *r)
{
	for (unsigned i = 0; i < BURST; i++)
		random_descriptor(siege, &r->desc[pick(siege, r->size)],
				  r->size);
	for (unsigned i = 0; i < BURST; i++)
		r->avail->ring[pick(siege, r->size)] =
			htole16((uint16_t)pick(siege, r->size + 1u));
	if (pick(siege, 4) == 0)
		r->used->idx = htole16((uint16_t)pick(siege, 65536));
	ring_set_avail(r, (uint16_t)(r->avail_idx + pick(siege, 4)));
}

static void random_rings(struct siege *siege)
{
	struct driver *d = &siege->bad.sockets.driver;

	if (d->running) {
		driver_halt(d);
		/* if descriptors lead there, the tables hold nonsense too */
		for (unsigned i = 0; i < 2000; i++)
			random_descriptor(
				siege,
				(struct vring_desc *)d->tx_buffers[0].span + i,
				64);
	}
	scribble(siege, &d->rings[DRIVER_RX]);
	scribble(siege, &d->rings[DRIVER_TX]);
	if (siege->rounds % 8)
		return;
	guest_kill(&siege->bad);
	guest_revive(&siege->bad, siege->s.daemon.socket[1]);
}

static struct packet random_packet(struct siege *siege)
{
	uint32_t len = pick(siege, 2) ? 0 : pick(siege, 4000);
	uint16_t type = (uint16_t)(1 + pick(siege, 2));

	return (struct packet){
		.src_cid = pick(siege, 30) ? DAEMON_CID + 1 : pick(siege, 9),
		.dst_cid = pick(siege, 30) ? 2 : pick(siege, 9),
		.src_port = 40000 + pick(siege, 300),
		.dst_port = pick(siege, 10) ? PORT + type - 1
					    : pick(siege, 70000),
		.len = len,
		.type = pick(siege, 30) ? type : (uint16_t)pick(siege, 5),
		.op = pick(siege, 3) ? (uint16_t)pick(siege, 9)
				     : VIRTIO_VSOCK_OP_REQUEST,
		.flags = pick(siege, 4),
		.buf_alloc = pick(siege, 2) ? GSOCK_BUFFER
					    : pick(siege, UINT32_MAX),
		.fwd_cnt = pick(siege, 2) ? 0 : pick(siege, UINT32_MAX),
	};
}

/* Host programs at the other end: some read, and some leave. */
static void random_hosts(struct siege *siege)
{
	static struct host_conn hosts[32];
	struct host_conn *c = &hosts[pick(siege, 32)];

	if (!c->world && pick(siege, 2)) {
		host_accept(c, &siege->s.world, siege->listener);
	} else if (!c->world) {
		host_accept_seqpacket(c, &siege->s.world, siege->messages);
	} else if (pick(siege, 3) == 0) {
		host_close(c);
		c->world = NULL;
	} else if (!host_over(c) && !source_left(&c->out)) {
		host_send(c, 9, pick(siege, 50000));
	}
}

/* The rings are correct, but the packets are nonsense. What comes back is not
 * looked at. */
static void random_headers(struct siege *siege)
{
	static const uint8_t bytes[4096];
	struct driver *d = &siege->bad.sockets.driver;

	siege->bad.sockets.deaf = true;
	for (unsigned i = 0; i < BURST; i++) {
		struct packet p = random_packet(siege);
		size_t n = p.len;

		if (pick(siege, 20) == 0)
			n = pick(siege, 4000);
		driver_send_raw(d, &p, bytes, n);
	}
	random_hosts(siege);
}

/* Connections without end, to a server that never accepts and to ports that
 * nobody listens at. */
static void request_flood(struct siege *siege)
{
	struct driver *d = &siege->bad.sockets.driver;

	siege->bad.sockets.deaf = true;
	for (unsigned i = 0; i < BURST; i++) {
		struct packet p = {
			.src_cid = DAEMON_CID + 1,
			.dst_cid = PACKET_HOST_CID,
			.src_port = siege->rounds * BURST + i,
			.dst_port = i % 2 ? PORT : 9,
			.type = VIRTIO_VSOCK_TYPE_STREAM,
			.op = VIRTIO_VSOCK_OP_REQUEST,
			.buf_alloc = GSOCK_BUFFER,
		};

		driver_send_raw(d, &p, NULL, 0);
	}
}

/* Questions without end, and no buffers for the answers. */
static void question_flood(struct siege *siege)
{
	struct driver *d = &siege->bad.sockets.driver;

	siege->bad.sockets.deaf = true;
	driver_pause_rx(d, siege->rounds % 50 != 0);
	for (unsigned i = 0; i < BURST; i++) {
		struct packet p = {
			.src_cid = DAEMON_CID + 1,
			.dst_cid = PACKET_HOST_CID,
			.src_port = pick(siege, 60000),
			.dst_port = PORT,
			.type = VIRTIO_VSOCK_TYPE_STREAM,
			.op = VIRTIO_VSOCK_OP_CREDIT_REQUEST,
			.buf_alloc = GSOCK_BUFFER,
		};

		driver_send_raw(d, &p, NULL, 0);
	}
}

static void besiege(int engine, attack_fn *attack)
{
	static struct siege siege;

	begin(&siege, engine);
	run(&siege, attack);
	end(&siege);
}

START_TEST(random_rings_harm_nobody_else)
{
	besiege(_i, random_rings);
}
END_TEST

START_TEST(random_headers_harm_nobody_else)
{
	besiege(_i, random_headers);
}
END_TEST

START_TEST(request_floods_harm_nobody_else)
{
	besiege(_i, request_flood);
}
END_TEST

START_TEST(question_floods_harm_nobody_else)
{
	besiege(_i, question_flood);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		random_rings_harm_nobody_else,
		random_headers_harm_nobody_else,
		request_floods_harm_nobody_else,
		question_floods_harm_nobody_else,
	};

	return run_tests("system/hostile", tests, ARRAY_SIZE(tests));
}
