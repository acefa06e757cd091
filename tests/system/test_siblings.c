/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests of one daemon that talk to each other, with both on one worker and
 * with each on its own.
 */
#include "system/twins.h"

START_TEST(bytes_arrive_both_ways)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;

		twins_open(&t, _i, w);
		for (unsigned i = 0; i < 3; i++) {
			twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
			twins_both_ways(&t, 1);
			twins_both_ways(&t, 8 * MIB);
			twins_part(&t);
		}
		scene_check_works(&t.s);
		guest_check_works(&t.b, t.s.daemon.uds[1]);
		twins_close(&t);
	}
}
END_TEST

/* A guest that is not there, must not be known of, or does not listen. */
START_TEST(refusals_are_all_alike)
{
	static const struct daemon_config plain = { .vms = 2 };
	static const struct daemon_config apart = {
		.vm_keys_of = { ",groups=x", ",groups=y+z" },
	};
	static const struct daemon_config barred = {
		.vm_keys_of = { ",allow-guest=1-6999+7001", NULL },
	};
	static const struct {
		uint64_t cid;
		const struct daemon_config *config;
		bool listens;
		bool gone;
	} rows[] = {
		{ DAEMON_CID + 1, &plain, false, false },
		{ DAEMON_CID + 1, &apart, true, false },
		{ DAEMON_CID + 1, &barred, true, false },
		{ DAEMON_CID + 1, &plain, true, true },	 /* not running */
		{ DAEMON_CID + 2, &plain, true, false }, /* unknown */
		{ DAEMON_CID, &plain, true, false },	 /* itself */
		{ 0, &plain, true, false },
		{ 1, &plain, true, false },
		{ UINT32_MAX, &plain, true, false },
	};

	FOR_EACH_WORKER_COUNT(w)
	{
		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
			struct guest_config a = guest_defaults(DAEMON_CID);
			struct guest_config b = guest_defaults(DAEMON_CID + 1);
			struct gsock *g;
			struct twins t;

			twins_open_with(&t, _i, w, rows[i].config, &a, &b);
			if (rows[i].listens)
				gsock_listen(&t.b.sockets, SIBLING_PORT);
			if (rows[i].gone) {
				guest_kill(&t.b);
				world_rest(&t.s.world, 20);
			}
			g = gsock_connect_from(&t.s.guest.sockets, twins_port(),
					       rows[i].cid, SIBLING_PORT);
			drive_until(&t.s.world, g->refused);
			gsock_close(g);
			twins_close(&t);
		}
	}
}
END_TEST

START_TEST(half_closed_connections_go_on)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;

		twins_open(&t, _i, w);
		twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
		gsock_send(t.in_a, TO_B, 300000);
		gsock_shutdown(t.in_a, SHUT_SEND);
		gsock_read_all(t.in_b);
		drive_until(&t.s.world, gsock_eof(t.in_b));
		ck_assert_uint_eq(t.in_b->in.got, 300000);
		gsock_send(t.in_b, TO_A, 300000);
		gsock_read_all(t.in_a);
		drive_until(&t.s.world, t.in_a->in.got == 300000);
		ck_assert(!gsock_eof(t.in_a));
		gsock_shutdown(t.in_b, SHUT_SEND);
		drive_until(&t.s.world, gsock_eof(t.in_a));
		twins_part(&t);
		twins_close(&t);
	}
}
END_TEST

/* All that was sent before close() arrives before the end. */
START_TEST(close_loses_nothing)
{
	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;

		twins_open(&t, _i, w);
		twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
		gsock_send(t.in_a, TO_B, 200000);
		drive_until(&t.s.world, gsock_sent(t.in_a));
		gsock_close(t.in_a);
		drive_until(&t.s.world, !t.s.guest.sockets.count);
		world_rest(&t.s.world, 50);
		ck_assert(!t.in_b->reset);
		gsock_read_all(t.in_b);
		drive_until(&t.s.world, gsock_eof(t.in_b));
		ck_assert_uint_eq(t.in_b->in.got, 200000);
		gsock_close(t.in_b);
		drive_until(&t.s.world, !t.b.sockets.count);
		twins_close(&t);
	}
}
END_TEST

/* A guest that takes nothing: the packets for it are counted, the bytes are
 * bounded, and others go on. */
START_TEST(a_guest_that_does_not_read_hurts_nobody)
{
	static const size_t sizes[] = { 1, 129, 3732, 65536 };

	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;

		twins_open(&t, _i, w);
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct gsock *slow_a, *slow_b;
			uint64_t total = sizes[i] * 3000;

			twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
			slow_a = t.in_a;
			slow_b = t.in_b;
			gsock_set_write(slow_a, sizes[i]);
			gsock_send(slow_a, TO_B, total);
			twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
			twins_both_ways(&t, MIB);
			scene_check_works(&t.s);
			gsock_close(t.in_a);
			gsock_close(t.in_b);
			ck_assert(!slow_b->reset);
			gsock_read_all(slow_b);
			drive_until(&t.s.world, slow_b->in.got == total);
			gsock_close(slow_a);
			gsock_close(slow_b);
			drive_until(&t.s.world, !t.b.sockets.count);
		}
		twins_close(&t);
	}
}
END_TEST

/* The other guest dies, boots anew or stops its rings: the one that talked to
 * it hears so. */
START_TEST(connections_end_with_either_guest)
{
	static void (*const ends[])(struct guest *) = { guest_kill,
							guest_reboot };

	FOR_EACH_WORKER_COUNT(w)
	{
		for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
			struct twins t;

			twins_open(&t, _i, w);
			twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
			gsock_send(t.in_a, TO_B, 1024 * MIB);
			gsock_read_all(t.in_b);
			drive_until(&t.s.world, t.in_b->in.got > 4 * MIB);
			ends[i](&t.b);
			drive_until(&t.s.world, t.in_a->reset);
			gsock_close(t.in_a);
			if (ends[i] == guest_kill)
				guest_revive(&t.b, t.s.daemon.socket[1]);
			twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
			twins_both_ways(&t, MIB);
			twins_part(&t);
			twins_close(&t);
		}
	}
}
END_TEST

static void messages(struct twins *t, unsigned count, uint32_t length)
{
	unsigned at = t->in_b->messages.count;

	gsock_set_write(t->in_a, length);
	gsock_send(t->in_a, TO_B, (uint64_t)count * length);
	gsock_read_all(t->in_b);
	drive_until(&t->s.world, t->in_b->messages.count == at + count);
	for (unsigned i = 0; i < count; i++)
		ck_assert_uint_eq(t->in_b->messages.at[at + i], length);
}

START_TEST(messages_keep_their_boundaries)
{
	static const uint32_t sizes[] = { 1,	 44,	3731,	3732,  3733,
					  65535, 65537, 100000, 262144 };

	FOR_EACH_WORKER_COUNT(w)
	{
		struct twins t;

		twins_open(&t, _i, w);
		twins_meet(&t, VIRTIO_VSOCK_TYPE_SEQPACKET);
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
			messages(&t, 20, sizes[i]);
		twins_part(&t);
		twins_close(&t);
	}
}
END_TEST

/* The same goes for both guests' other connections, which share the rings. */
START_TEST(many_connections_at_once)
{
	enum { COUNT = 64 };

	FOR_EACH_WORKER_COUNT(w)
	{
		struct gsock *in_a[COUNT], *in_b[COUNT];
		struct pair p;
		struct twins t;

		twins_open(&t, _i, w);
		pair_from_guest(&t.s, &p);
		for (unsigned i = 0; i < COUNT; i++) {
			twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
			in_a[i] = t.in_a;
			in_b[i] = t.in_b;
		}
		for (unsigned i = 0; i < COUNT; i++) {
			gsock_send(in_a[i], TO_B, MIB);
			gsock_send(in_b[i], TO_A, MIB);
			gsock_read_all(in_a[i]);
			gsock_read_all(in_b[i]);
		}
		pair_both_ways(&p, 2 * MIB);
		for (unsigned i = 0; i < COUNT; i++) {
			drive_until(&t.s.world, in_a[i]->in.got == MIB &&
							in_b[i]->in.got == MIB);
			gsock_close(in_a[i]);
			gsock_close(in_b[i]);
		}
		pair_close(&p);
		drive_until(&t.s.world,
			    !t.s.guest.sockets.count && !t.b.sockets.count);
		twins_close(&t);
	}
}
END_TEST

static void set_buffers(struct sockets *s, uint32_t size, bool silent)
{
	s->buf_alloc = size;
	s->late = true;
	s->silent = silent;
}

/* A kernel that says what was read only when its buffer is full, while the
 * other guest is granted only a part of that buffer; and a driver that never
 * says it. */
START_TEST(guests_that_do_not_say_what_they_read_are_asked)
{
	static const struct {
		uint32_t a, b;
		bool silent;
	} rows[] = { { 48 * MIB, 48 * MIB, false },
		     { GSOCK_BUFFER, MIB, false },
		     { GSOCK_BUFFER, GSOCK_BUFFER, true } };

	for (unsigned i = 0; i < ARRAY_SIZE(rows) * TWINS_WORKERS; i++) {
		struct twins t;
		unsigned row = i / TWINS_WORKERS;

		twins_open(&t, _i, i % TWINS_WORKERS);
		set_buffers(&t.s.guest.sockets, rows[row].a, rows[row].silent);
		set_buffers(&t.b.sockets, rows[row].b, rows[row].silent);
		twins_meet(&t, VIRTIO_VSOCK_TYPE_STREAM);
		twins_both_ways(&t, 2ull * rows[row].b);
		twins_part(&t);
		twins_close(&t);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		bytes_arrive_both_ways,
		refusals_are_all_alike,
		half_closed_connections_go_on,
		close_loses_nothing,
		a_guest_that_does_not_read_hurts_nobody,
		connections_end_with_either_guest,
		messages_keep_their_boundaries,
		many_connections_at_once,
		guests_that_do_not_say_what_they_read_are_asked,
	};

	return run_tests("system/siblings", tests, ARRAY_SIZE(tests));
}
