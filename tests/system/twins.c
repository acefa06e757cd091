/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Two guests with different kernels on one daemon, without a host program
 * between them. They differ as the drivers of 6.12 and 6.1 do, since each
 * side's credit and buffer shapes reach the other one through the daemon only.
 *
 * Tests run with one worker, where the two halves hand over directly, and with
 * two, where all messages cross lanes between threads.
 */
#include "system/twins.h"

static const char *const worker_counts[TWINS_WORKERS] = { "1", "2" };

void twins_open_with(struct twins *t, int engine, unsigned workers,
		     const struct daemon_config *config,
		     const struct guest_config *a, const struct guest_config *b)
{
	struct daemon_config d = *config;

	if (!d.vms)
		d.vms = 2;
	d.workers = worker_counts[workers];
	scene_daemon(&t->s, engine, &d);
	guest_boot(&t->s.guest, a, &t->s.world, t->s.daemon.socket[0]);
	guest_boot(&t->b, b, &t->s.world, t->s.daemon.socket[1]);
}

void twins_open(struct twins *t, int engine, unsigned workers)
{
	const struct daemon_config d = { .vms = 2 };
	struct guest_config a = guest_defaults(DAEMON_CID);
	struct guest_config b = guest_linux_6_1(DAEMON_CID + 1);

	twins_open_with(t, engine, workers, &d, &a, &b);
}

void twins_close(struct twins *t)
{
	guest_free(&t->b);
	scene_close(&t->s);
}

/* The next connection on the same ports may meet the end of the last one, which
 * the other guest has still to forget. */
uint32_t twins_port(void)
{
	static uint32_t port = 40000;

	return port++;
}

/* gsock_connect() knows the host only; this connects to the other guest's CID.
 * */
static struct gsock *ask_b(struct twins *t, uint16_t type)
{
	struct gsock *g = gsock_new(&t->s.guest.sockets, GSOCK_CONNECTING,
				    twins_port(), SIBLING_PORT);

	g->type = type;
	g->peer_cid = DAEMON_CID + 1;
	gsock_emit(g, VIRTIO_VSOCK_OP_REQUEST, 0, false);
	return g;
}

/* A connects to B. */
void twins_meet(struct twins *t, uint16_t type)
{
	struct gsock *listener = gsock_listen(&t->b.sockets, SIBLING_PORT);

	listener->type = type;
	t->in_a = ask_b(t, type);
	drive_until(&t->s.world, t->in_a->state != GSOCK_CONNECTING);
	ck_assert(t->in_a->state == GSOCK_OPEN);
	t->in_b = gsock_accept(listener);
	ck_assert_ptr_nonnull(t->in_b);
	ck_assert_uint_eq(t->in_b->peer_cid, DAEMON_CID);
	ck_assert_uint_eq(t->in_b->type, type);
	gsock_close(listener);
	sink_expect(&t->in_b->in, TO_B);
	sink_expect(&t->in_a->in, TO_A);
}

void twins_part(struct twins *t)
{
	gsock_close(t->in_a);
	gsock_close(t->in_b);
	drive_until(&t->s.world,
		    !t->s.guest.sockets.count && !t->b.sockets.count);
}

void twins_both_ways(struct twins *t, uint64_t length)
{
	gsock_send(t->in_a, TO_B, length);
	gsock_send(t->in_b, TO_A, length);
	gsock_read_all(t->in_a);
	gsock_read_all(t->in_b);
	drive_until(&t->s.world, t->in_a->in.got == t->in_b->out.total &&
					 t->in_b->in.got == t->in_a->out.total);
}
