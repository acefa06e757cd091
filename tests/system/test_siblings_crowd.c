/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Pairs of guests beside others: a healthy pair while another pair does what it
 * should not, and sixty-four pairs at once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "system/twins.h"

/* A pair of guests that does what a row says, and a pair that only talks. */
struct foursome {
	struct twins bad;
	struct guest c, d;
};

#define PORT_OF_NOBODY 9
#define FLOOD 5000

static struct gsock *by_hand(struct guest *guest, uint32_t port, uint32_t peer,
			     uint64_t peer_cid)
{
	struct gsock *g = gsock_raw(&guest->sockets, port, peer);

	g->peer_cid = peer_cid;
	return g;
}

/* Every connection is refused, and none is kept. */
static void flood_with_requests(struct foursome *f)
{
	struct sockets *a = &f->bad.s.guest.sockets;
	uint64_t resets = a->resets;

	for (unsigned i = 0; i < FLOOD; i++) {
		struct gsock *g = by_hand(&f->bad.s.guest, 1000 + i,
					  PORT_OF_NOBODY, DAEMON_CID + 1);

		gsock_emit(g, VIRTIO_VSOCK_OP_REQUEST, 0, false);
		gsock_free(g);
	}
	drive_until(&f->bad.s.world, a->resets == resets + FLOOD);
}

/* A guest that sends more than it was granted gets an RST, and nothing more. */
static void send_beyond_credit(struct foursome *f)
{
	static const uint8_t payload[65536];
	struct gsock *g;
	struct packet p;

	twins_meet(&f->bad, VIRTIO_VSOCK_TYPE_STREAM);
	g = f->bad.in_a;
	for (unsigned i = 0; i <= GSOCK_BUFFER / sizeof(payload); i++) {
		p = gsock_packet(g, VIRTIO_VSOCK_OP_RW);
		p.len = sizeof(payload);
		g->tx_cnt += p.len;
		drive_until(&f->bad.s.world,
			    driver_send_raw(&g->owner->driver, &p, payload,
					    sizeof(payload)));
	}
	drive_until(&f->bad.s.world, g->reset && f->bad.in_b->reset);
	twins_part(&f->bad);
}

/* A guest acknowledges what was never sent. */
static void acknowledge_too_much(struct foursome *f)
{
	struct gsock *g;

	twins_meet(&f->bad, VIRTIO_VSOCK_TYPE_STREAM);
	g = f->bad.in_a;
	g->fwd_cnt += 1000;
	gsock_emit(g, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, false);
	drive_until(&f->bad.s.world, g->reset && f->bad.in_b->reset);
	twins_part(&f->bad);
}

static void stop_reading(struct foursome *f)
{
	twins_meet(&f->bad, VIRTIO_VSOCK_TYPE_STREAM);
	gsock_send(f->bad.in_a, TO_B, 4 * MIB);
	drive_until(&f->bad.s.world, f->bad.in_b->rx_bytes > 0);
}

static void read_again(struct foursome *f)
{
	gsock_read_all(f->bad.in_b);
	drive_until(&f->bad.s.world, f->bad.in_b->in.got == 4 * MIB);
	twins_part(&f->bad);
}

static void stop_refilling(struct foursome *f)
{
	twins_meet(&f->bad, VIRTIO_VSOCK_TYPE_STREAM);
	driver_pause_rx(&f->bad.b.sockets.driver, true);
	gsock_send(f->bad.in_a, TO_B, 4 * MIB);
	gsock_send(f->bad.in_b, TO_A, MIB);
	gsock_read_all(f->bad.in_a);
	drive_until(&f->bad.s.world, f->bad.in_a->in.got > 0);
}

static void refill_again(struct foursome *f)
{
	driver_pause_rx(&f->bad.b.sockets.driver, false);
	gsock_read_all(f->bad.in_b);
	drive_until(&f->bad.s.world, f->bad.in_b->in.got == 4 * MIB &&
					     f->bad.in_a->in.got == MIB);
	twins_part(&f->bad);
}

static const struct {
	void (*begin)(struct foursome *f);
	void (*end)(struct foursome *f); /* or NULL */
	bool b_receives;
} abuses[] = {
	{ flood_with_requests, NULL, true },
	{ send_beyond_credit, NULL, true },
	{ acknowledge_too_much, NULL, true },
	{ stop_reading, read_again, true },
	{ stop_refilling, refill_again, false },
};

/* LENGTH bytes in each direction, with sockets of their own. */
static void talk(struct world *w, struct guest *from, struct guest *to,
		 uint64_t length)
{
	struct gsock *listener = gsock_listen(&to->sockets, SIBLING_PORT);
	struct gsock *a = gsock_connect_from(&from->sockets, twins_port(),
					     to->config.cid, SIBLING_PORT);
	struct gsock *b;

	drive_until(w, (b = gsock_accept(listener)) != NULL);
	gsock_close(listener);
	drive_until(w, a->state == GSOCK_OPEN);
	sink_expect(&a->in, TO_A);
	sink_expect(&b->in, TO_B);
	gsock_send(a, TO_B, length);
	gsock_send(b, TO_A, length);
	gsock_read_all(a);
	gsock_read_all(b);
	drive_until(w, a->in.got == length && b->in.got == length);
	gsock_close(a);
	gsock_close(b);
}

START_TEST(others_do_not_notice)
{
	const struct daemon_config d = { .vms = 4 };
	struct guest_config configs[4];

	for (unsigned i = 0; i < ARRAY_SIZE(configs); i++)
		configs[i] = guest_defaults(DAEMON_CID + i);
	FOR_EACH_WORKER_COUNT(w)
	{
		struct foursome f;
		struct world *world = &f.bad.s.world;

		twins_open_with(&f.bad, _i, w, &d, &configs[0], &configs[1]);
		guest_boot(&f.c, &configs[2], world, f.bad.s.daemon.socket[2]);
		guest_boot(&f.d, &configs[3], world, f.bad.s.daemon.socket[3]);
		for (unsigned i = 0; i < ARRAY_SIZE(abuses); i++) {
			abuses[i].begin(&f);
			talk(world, &f.c, &f.d, 4 * MIB);
			talk(world, &f.bad.s.guest, &f.d, MIB);
			if (abuses[i].b_receives)
				talk(world, &f.c, &f.bad.b, MIB);
			if (abuses[i].end)
				abuses[i].end(&f);
		}
		talk(world, &f.bad.s.guest, &f.bad.b, MIB);
		guest_free(&f.c);
		guest_free(&f.d);
		twins_close(&f.bad);
	}
}
END_TEST

#define PAIRS 64

struct crowd {
	struct world world;
	struct daemon daemon;
	struct guest guests[2 * PAIRS];
	struct gsock *socks[2 * PAIRS];
};

/* Guests 2i and 2i + 1. */
static void meet_all(struct crowd *c)
{
	struct gsock *listeners[PAIRS];

	for (unsigned i = 0; i < PAIRS; i++) {
		struct guest *to = &c->guests[2 * i + 1];

		listeners[i] = gsock_listen(&to->sockets, SIBLING_PORT);
		c->socks[2 * i] = gsock_connect_from(&c->guests[2 * i].sockets,
						     twins_port(),
						     to->config.cid,
						     SIBLING_PORT);
	}
	for (unsigned i = 0; i < PAIRS; i++) {
		struct gsock **b = &c->socks[2 * i + 1];

		drive_until(&c->world,
			    (*b = gsock_accept(listeners[i])) != NULL);
		drive_until(&c->world, c->socks[2 * i]->state == GSOCK_OPEN);
		gsock_close(listeners[i]);
	}
}

static void crowd_open(struct crowd *c, int engine, const char *workers)
{
	const struct daemon_config d = {
		.vms = 2 * PAIRS,
		.engine = engine_name(engine),
		.workers = workers,
		.nofile = 8192,
	};

	memset(c, 0, sizeof(*c));
	world_init(&c->world);
	daemon_start(&c->daemon, &d, &c->world);
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		struct guest_config config = guest_defaults(DAEMON_CID + i);

		config.driver.rx_size = config.driver.tx_size = 32;
		guest_boot(&c->guests[i], &config, &c->world,
			   c->daemon.socket[i]);
	}
}

static void crowd_close(struct crowd *c)
{
	for (unsigned i = 0; i < 2 * PAIRS; i++)
		guest_free(&c->guests[i]);
	daemon_stop(&c->daemon);
	world_free(&c->world);
}

START_TEST(sixty_four_pairs)
{
	static const char *const worker_counts[] = { "1", "3" };
	static struct crowd c;

	for (unsigned w = 0; w < ARRAY_SIZE(worker_counts); w++) {
		crowd_open(&c, _i, worker_counts[w]);
		meet_all(&c);
		for (unsigned i = 0; i < 2 * PAIRS; i++) {
			sink_expect(&c.socks[i]->in, (i ^ 1) + 1);
			gsock_send(c.socks[i], i + 1, 300000);
			gsock_read_all(c.socks[i]);
		}
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			drive_until(&c.world, c.socks[i]->in.got == 300000);
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			gsock_close(c.socks[i]);
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			drive_until(&c.world, !c.guests[i].sockets.count);
		crowd_close(&c);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { others_do_not_notice, sixty_four_pairs };
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return run_tests("system/siblings_crowd", tests, ARRAY_SIZE(tests));
}
